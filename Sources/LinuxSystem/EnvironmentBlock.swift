internal import Glibc

/// Environment variables as execve(2) takes them: `NAME=value`, each with its NUL, one behind the other.
///
/// To add to a copy costs one allocation, however many it holds.
package struct EnvironmentBlock: Hashable, Sendable {
    private(set) var bytes: [UInt8] = []
    package private(set) var count = 0
    /// Something in it holds a NUL, which no environment can.
    private(set) var isBroken = false

    package init() {}

    package mutating func append(_ name: String, _ value: String) {
        var (name, value) = (name, value)
        name.withUTF8 { name in value.withUTF8 { value in unsafe append(name, value) } }
    }

    package mutating func append(_ name: StaticString, _ value: String) {
        var value = value
        value.withUTF8 { value in unsafe append(name.bytes, value) }
    }

    package mutating func append(_ name: StaticString, _ value: UInt64) {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var (start, rest) = (digits.count, value)
            repeat {
                start -= 1
                unsafe digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            unsafe append(name.bytes, UnsafeBufferPointer(rebasing: digits[start...]))
        }
    }

    /// - Parameter variable: `NAME=value`.
    package mutating func append(_ variable: String) {
        count += 1
        if variable.utf8.contains(0) { isBroken = true }
        bytes += variable.utf8
        bytes.append(0)
    }

    private mutating func append(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        count += 1
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
        block.count += more.count
        block.bytes += more.bytes
        block.isBroken = block.isBroken || more.isBroken
    }

    /// Makes room for so many more bytes.
    package mutating func reserve(_ more: Int) {
        bytes.reserveCapacity(bytes.count + more)
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

extension StaticString {
    fileprivate var bytes: UnsafeBufferPointer<UInt8> {
        unsafe UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
