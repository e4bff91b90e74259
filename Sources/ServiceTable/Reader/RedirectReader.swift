internal import LinuxSystem

extension EndpointAddress {
    /// Why bytes cannot be relayed there from `listening`; nil when they can.
    func faultAsTarget(listening: [Endpoint]) -> String? {
        guard kind != .unixSequencedPacket, !kind.isDatagram else {
            return "only streams can be relayed; use tcp://, unix:// or vsock://"
        }
        if addresses.contains(where: \.isWildcard) {
            return "that is every address of this machine; name the one to connect to, such as 127.0.0.1:80"
        }
        if !isPlaceholder, addresses.contains(where: \.lacksPort) { return "there is no port 0 to connect to" }
        guard !isPlaceholder, addresses.contains(where: { address in listening.contains { $0.takes(address) } }) else {
            return nil
        }
        return "the service itself listens there: every connection would bring another, until no room is left"
    }
}

extension Endpoint {
    /// A connection to `target` would be one of its own.
    fileprivate func takes(_ target: SocketAddress) -> Bool {
        if address == target { return true }
        guard kind == .tcp, address.isWildcard, address.port == target.port else { return false }
        return switch target {
        case .ipv4(let host, _): !ipv6Only && host.bits >> 24 == 127
        case .ipv6(let host, _, _): host == .loopback && address.family == target.family
        case .unix, .abstract, .vsock: false
        }
    }
}

extension SocketAddress {
    fileprivate var isWildcard: Bool {
        switch self {
        case .ipv4(let address, _): address == .any
        case .ipv6(let address, _, _): address == .any
        case .vsock(let cid, _): cid == .max
        case .unix, .abstract: false
        }
    }

    fileprivate var lacksPort: Bool {
        if case .vsock(_, let port) = self { return port == .max }
        return port == 0
    }
}
