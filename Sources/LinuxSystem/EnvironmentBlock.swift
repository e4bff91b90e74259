/// Environment variables as execve(2) takes them: `NAME=value`, each with its NUL, one behind the other.
///
/// To add to a copy costs one allocation, however many it holds.
package struct EnvironmentBlock: Hashable, Sendable {
    package private(set) var count = 0
    private(set) var bytes: [UInt8] = []
    /// Something in it holds a NUL, which no environment can.
    private(set) var isBroken = false

    package init() {}

    package mutating func append(_ name: String, _ value: String) {
        append(name.utf8)
        bytes.append(UInt8(ascii: "="))
        append(value.utf8)
        end()
    }

    /// - Parameter variable: `NAME=value`.
    package mutating func append(_ variable: String) {
        append(variable.utf8)
        end()
    }

    package mutating func reserve(_ more: Int) {
        bytes.reserveCapacity(bytes.count + more)
    }

    private mutating func append(_ text: String.UTF8View) {
        let start = bytes.count
        bytes.append(contentsOf: text)
        if bytes[start...].contains(0) { isBroken = true }
    }

    private mutating func end() {
        bytes.append(0)
        count += 1
    }
}

extension EnvironmentBlock: ExpressibleByArrayLiteral {
    package init(arrayLiteral variables: String...) {
        self.init(variables)
    }

    package init(_ variables: [String]) {
        for variable in variables { append(variable) }
    }
}
