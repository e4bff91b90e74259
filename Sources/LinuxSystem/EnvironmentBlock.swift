internal import Glibc

/// Environment variables as execve(2) takes them: `NAME=value`, each with its NUL, one behind the other.
///
/// To add to a copy costs one allocation, however many it holds.
package struct EnvironmentBlock: Hashable, Sendable {
    /// Where in the bytes each begins.
    private(set) var starts: [UInt32] = []
    private(set) var bytes: [UInt8] = []
    /// Something in it holds a NUL, which no environment can.
    private(set) var isBroken = false

    package init() {}

    package var count: Int { starts.count }

    package mutating func append(_ name: String, _ value: String) {
        begin()
        append(bytesOf: name)
        bytes.append(UInt8(ascii: "="))
        append(bytesOf: value)
        end()
    }

    /// - Parameter variable: `NAME=value`.
    package mutating func append(_ variable: String) {
        begin()
        append(bytesOf: variable)
        end()
    }

    package static func += (block: inout EnvironmentBlock, more: EnvironmentBlock) {
        let start = UInt32(block.bytes.count)
        block.starts += more.starts.map { start + $0 }
        block.bytes += more.bytes
        block.isBroken = block.isBroken || more.isBroken
    }

    /// Makes room for so many more, of so many bytes in all.
    package mutating func reserve(_ more: Int, bytes moreBytes: Int) {
        starts.reserveCapacity(count + more)
        bytes.reserveCapacity(bytes.count + moreBytes)
    }

    private mutating func begin() {
        starts.append(UInt32(truncatingIfNeeded: bytes.count))
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
