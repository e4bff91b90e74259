internal import CLinux
internal import Glibc

/// Where a socket is bound or connected: the address families that Baton serves.
package enum SocketAddress: Hashable, Sendable {
    case ipv4(IPv4Address, port: UInt16)
    /// `scope` is the interface index of a link-local address, else 0.
    case ipv6(IPv6Address, port: UInt16, scope: UInt32 = 0)
    /// A Unix-domain socket in the file system; the empty path is an unnamed socket.
    case unix(path: String)
    /// A Unix-domain socket in the abstract namespace (unix(7)), named without its leading NUL.
    case abstract(name: String)
    case vsock(cid: UInt32, port: UInt32)

    /// The address family, AF_….
    package var family: Int32 {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix, .abstract: AF_UNIX
        case .vsock: AF_VSOCK
        }
    }

    /// The port of an internet or vsock address.
    package var port: UInt32? {
        switch self {
        case .ipv4(_, let port): UInt32(port)
        case .ipv6(_, let port, _): UInt32(port)
        case .vsock(_, let port): port
        case .unix, .abstract: nil
        }
    }

    /// The address without its port, as environments and logs name a peer: `192.0.2.1`, `2001:db8::1`,
    /// a vsock CID. An IPv4-mapped address is shown as IPv4.
    package var host: String? {
        switch normalized {
        case .ipv4(let address, _): address.description
        case .ipv6(let address, _, let scope):
            scope == 0 ? address.description : "\(address)%\(InterfaceName.of(index: scope) ?? "\(scope)")"
        case .vsock(let cid, _): "\(cid)"
        case .unix, .abstract: nil
        }
    }

    /// The same address with an IPv4-mapped one turned into IPv4.
    package var normalized: SocketAddress {
        if case .ipv6(let address, let port, _) = self, let mapped = address.mapped {
            return .ipv4(mapped, port: port)
        }
        return self
    }

    /// The longest path or abstract name that fits `sun_path` with its NUL (unix(7)).
    package static let longestUnixName = 107
}

extension SocketAddress: CustomStringConvertible {
    /// As a service table writes it: `127.0.0.1:80`, `[::1]:80`, `/run/x.sock`, `@name`, `vsock://2:80`.
    package var description: String {
        switch self {
        case .ipv4(let address, let port): "\(address):\(port)"
        case .ipv6(_, let port, _):
            if case .ipv4(let mapped, _) = normalized { "\(mapped):\(port)" } else { "[\(host ?? "")]:\(port)" }
        case .unix(let path): path.isEmpty ? "unix" : path
        case .abstract(let name): "@\(name)"
        case .vsock(let cid, let port): "vsock://\(cid == UInt32.max ? "*" : "\(cid)"):\(port)"
        }
    }
}

extension SocketAddress {
    /// Calls `body` with the kernel's form of the address.
    func withNative<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        let length = write(to: &storage)
        return unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
        }
    }

    private func write(to storage: inout sockaddr_storage) -> socklen_t {
        unsafe withUnsafeMutableBytes(of: &storage) { bytes -> socklen_t in
            switch self {
            case .ipv4(let address, let port):
                var native = sockaddr_in()
                native.sin_family = sa_family_t(AF_INET)
                native.sin_port = port.bigEndian
                native.sin_addr.s_addr = address.bits.bigEndian
                unsafe bytes.storeBytes(of: native, as: sockaddr_in.self)
                return socklen_t(MemoryLayout<sockaddr_in>.size)
            case .ipv6(let address, let port, let scope):
                var native = sockaddr_in6()
                native.sin6_family = sa_family_t(AF_INET6)
                native.sin6_port = port.bigEndian
                native.sin6_addr = address.native
                native.sin6_scope_id = scope
                unsafe bytes.storeBytes(of: native, as: sockaddr_in6.self)
                return socklen_t(MemoryLayout<sockaddr_in6>.size)
            case .vsock(let cid, let port):
                var native = sockaddr_vm()
                native.svm_family = sa_family_t(AF_VSOCK)
                native.svm_cid = cid
                native.svm_port = port
                unsafe bytes.storeBytes(of: native, as: sockaddr_vm.self)
                return socklen_t(MemoryLayout<sockaddr_vm>.size)
            case .unix(let name), .abstract(let name):
                unsafe bytes.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
                var offset = MemoryLayout<sa_family_t>.size
                if case .abstract = self { offset += 1 }  // the leading NUL
                for byte in name.utf8.prefix(Self.longestUnixName) {
                    unsafe bytes[offset] = byte
                    offset += 1
                }
                if case .unix = self, !name.isEmpty { offset += 1 }  // the closing NUL
                return socklen_t(offset)
            }
        }
    }

    /// Reads the kernel's form; nil for a family that Baton does not serve.
    init?(native storage: sockaddr_storage, length: socklen_t) {
        let made: SocketAddress? = unsafe withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            case AF_INET:
                let native = unsafe bytes.load(as: sockaddr_in.self)
                return .ipv4(
                    IPv4Address(bits: UInt32(bigEndian: native.sin_addr.s_addr)),
                    port: UInt16(bigEndian: native.sin_port))
            case AF_INET6:
                let native = unsafe bytes.load(as: sockaddr_in6.self)
                return .ipv6(
                    IPv6Address(native.sin6_addr), port: UInt16(bigEndian: native.sin6_port),
                    scope: native.sin6_scope_id)
            case AF_VSOCK:
                let native = unsafe bytes.load(as: sockaddr_vm.self)
                return .vsock(cid: native.svm_cid, port: native.svm_port)
            case AF_UNIX:
                let start = MemoryLayout<sa_family_t>.size
                let end = min(Int(length), bytes.count)
                guard end > start else { return .unix(path: "") }
                if unsafe bytes[start] == 0 {
                    return .abstract(name: unsafe String(decoding: bytes[(start + 1)..<end], as: UTF8.self))
                }
                let path = unsafe bytes[start..<end].prefix { $0 != 0 }
                return .unix(path: unsafe String(decoding: path, as: UTF8.self))
            default:
                return nil
            }
        }
        guard let made else { return nil }
        self = made
    }
}

/// Interface names and indices (if_nametoindex(3)); an ioctl, not NSS, so the loop may ask.
package enum InterfaceName {
    package static func of(index: UInt32) -> String? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(IF_NAMESIZE)) { buffer in
            guard let start = buffer.baseAddress, unsafe if_indextoname(index, start) != nil else { return nil }
            return unsafe String(cString: start)
        }
    }

    /// The index of an interface; nil when there is none of that name.
    package static func index(of name: String) -> UInt32? {
        let index = unsafe if_nametoindex(name)
        return index == 0 ? nil : index
    }
}
