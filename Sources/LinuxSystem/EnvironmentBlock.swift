internal import Glibc

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
        append(bytesOf: name)
        bytes.append(UInt8(ascii: "="))
        append(bytesOf: value)
        end()
    }

    /// - Parameter variable: `NAME=value`.
    package mutating func append(_ variable: String) {
        append(bytesOf: variable)
        end()
    }

    package mutating func reserve(_ more: Int) {
        bytes.reserveCapacity(bytes.count + more)
    }

    private mutating func append(bytesOf text: String) {
        var text = text
        text.withUTF8 { text in
            if let start = text.baseAddress, unsafe memchr(start, 0, text.count) != nil { isBroken = true }
            unsafe bytes.append(contentsOf: text)
        }
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
