import Glibc

/// An address as the kernel wants it: bytes of a sockaddr.
package struct SocketName: Equatable, Sendable {
    package let bytes: [UInt8]

    package var family: Int32 {
        Int32(bytes.withUnsafeBytes { $0.loadUnaligned(as: sa_family_t.self) })
    }

    private init<Address>(copying address: Address, size: Int = MemoryLayout<Address>.size) {
        bytes = withUnsafeBytes(of: address) { Array($0.prefix(size)) }
    }

    /// An IPv4 or IPv6 address in numbers.
    package init(host: String, port: UInt16) throws {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, host, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            self.init(copying: four)
        } else if inet_pton(AF_INET6, host, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            self.init(copying: six)
        } else {
            throw TestFailure("not an address: \(host)")
        }
    }

    /// A Unix socket's file, or with a leading `@` an abstract name.
    package init(unix path: String) throws {
        var name = Array(path.utf8)
        let size = MemoryLayout<sa_family_t>.size + name.count + (path.hasPrefix("@") ? 0 : 1)
        guard size <= MemoryLayout<sockaddr_un>.size else { throw TestFailure("too long for a Unix socket: \(path)") }
        if path.hasPrefix("@") { name[0] = 0 }
        bytes = withUnsafeBytes(of: sa_family_t(AF_UNIX)) { Array($0) } + name + (path.hasPrefix("@") ? [] : [0])
    }

    /// vsock(7): sockaddr_vm is family, reserved, port, cid and a byte of flags, in 16 bytes.
    package init(vsockContext context: UInt32, port: UInt32) {
        var bytes = [UInt8](repeating: 0, count: 16)
        bytes.withUnsafeMutableBytes {
            $0.storeBytes(of: sa_family_t(AF_VSOCK), as: sa_family_t.self)
            $0.storeBytes(of: port, toByteOffset: 4, as: UInt32.self)
            $0.storeBytes(of: context, toByteOffset: 8, as: UInt32.self)
        }
        self.bytes = bytes
    }

    /// Calls `body` with what bind, connect and sendto take.
    package func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        return withUnsafeMutableBytes(of: &storage) { buffer in
            buffer.copyBytes(from: bytes)
            return buffer.withMemoryRebound(to: sockaddr.self) {
                // The buffer is a whole sockaddr_storage: it has a base address.
                body(UnsafePointer($0.baseAddress.unsafelyUnwrapped), socklen_t(bytes.count))
            }
        }
    }

    /// The port that a bound or connected internet socket has on its own side.
    package static func localPort(of descriptor: Int32) throws -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        try withUnsafeMutablePointer(to: &storage) { pointer in
            _ = try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                try check("getsockname") { getsockname(descriptor, name, &length) }
            }
        }
        // The port has the same place in sockaddr_in and sockaddr_in6.
        return withUnsafeBytes(of: storage) { UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self)) }
    }
}
