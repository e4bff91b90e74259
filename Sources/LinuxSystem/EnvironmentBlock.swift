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
        var (name, value) = (name, value)
        name.withUTF8 { name in value.withUTF8 { value in unsafe append(name, value) } }
    }

    /// - Parameter variable: `NAME=value`.
    package mutating func append(_ variable: String) {
        starts.append(UInt32(truncatingIfNeeded: bytes.count))
        if variable.utf8.contains(0) { isBroken = true }
        bytes += variable.utf8
        bytes.append(0)
    }

    private mutating func append(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        starts.append(UInt32(truncatingIfNeeded: bytes.count))
        var hasNUL = false
        bytes.append(addingCapacity: name.count + value.count + 2) { output in
            unsafe output.withUnsafeMutableBufferPointer { room, count in
                let sign = unsafe room.initialize(fromContentsOf: name)
                unsafe room.initializeElement(at: sign, to: UInt8(ascii: "="))
                let end = unsafe room[(sign + 1)...].initialize(fromContentsOf: value)
                if let start = room.baseAddress { hasNUL = unsafe memchr(start, 0, end) != nil }
                unsafe room.initializeElement(at: end, to: 0)
                count = end + 1
            }
        }
        if hasNUL { isBroken = true }
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
}

extension EnvironmentBlock: ExpressibleByArrayLiteral {
    package init(arrayLiteral variables: String...) {
        self.init(variables)
    }

    package init(_ variables: [String]) {
        for variable in variables { append(variable) }
    }
}
