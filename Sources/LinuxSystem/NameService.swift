internal import CLinux
internal import Glibc

/// Look-ups of host and port names. NSS may block for seconds: the loader and the command line call these,
/// the supervisor's loop never does.
package enum NameService {
    /// The port of a service of services(5): `protocol` is "tcp" or "udp".
    package static func port(named name: String, protocol: String) -> UInt16? {
        var size = 1024
        while size <= 1 << 20 {
            var entry = unsafe servent()
            var found: UnsafeMutablePointer<servent>?
            let (error, port) = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
                guard let start = buffer.baseAddress else { return (ERANGE, UInt16?.none) }
                let error = unsafe getservbyname_r(name, `protocol`, &entry, start, size, &found)
                return unsafe (
                    error, found.map { unsafe UInt16(bigEndian: UInt16(truncatingIfNeeded: $0.pointee.s_port)) }
                )
            }
            if error != ERANGE { return port }
            size *= 4
        }
        return nil
    }

    /// The addresses of a host, in the order of getaddrinfo(3), each once.
    ///
    /// - Parameter family: AF_INET, AF_INET6, or nil for both.
    /// - Returns: empty when there is none; `reason` says why.
    package static func addresses(of host: String, family: Int32?) -> (addresses: [SocketAddress], reason: String) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = family ?? AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let error = unsafe getaddrinfo(host, nil, &hints, &list)
        guard error == 0 else { return ([], unsafe String(cString: gai_strerror(error))) }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            var storage = sockaddr_storage()
            let length = unsafe entry.pointee.ai_addrlen
            unsafe withUnsafeMutableBytes(of: &storage) { bytes in
                guard let source = unsafe entry.pointee.ai_addr, Int(length) <= bytes.count else { return }
                unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(start: source, count: Int(length)))
            }
            if let address = SocketAddress(native: storage, length: length), !addresses.contains(address) {
                addresses.append(address)
            }
            unsafe next = entry.pointee.ai_next
        }
        return (addresses, addresses.isEmpty ? "no address" : "")
    }

    /// The name of an address, if that name has the address in turn: whoever owns a network may claim any name for it
    /// (getnameinfo(3), getaddrinfo(3)).
    package static func confirmedName(of address: SocketAddress) -> String? {
        let address = address.normalized
        guard let name = name(of: address) else { return nil }
        let owned = addresses(of: name, family: address.family).addresses
        return owned.contains { $0.hasSameHost(as: address) } ? name : nil
    }

    private static func name(of address: SocketAddress) -> String? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let error = unsafe address.withNative {
                unsafe getnameinfo($0, $1, start, socklen_t(NI_MAXHOST), nil, 0, NI_NAMEREQD)
            }
            return error == 0 ? unsafe String(cString: start) : nil
        }
    }
}

extension SocketAddress {
    fileprivate func hasSameHost(as other: SocketAddress) -> Bool {
        switch (normalized, other) {
        case (.ipv4(let mine, _), .ipv4(let theirs, _)): mine == theirs
        case (.ipv6(let mine, _, _), .ipv6(let theirs, _, _)): mine == theirs
        default: false
        }
    }
}
