internal import LinuxSystem
internal import ServiceTable

/// A socket that a service manager passed, as far as it decides whose listener it becomes.
struct PassedSocket: Equatable {
    /// Its name in LISTEN_FDNAMES.
    var name: String
    var kind: Endpoint.Kind
    var address: SocketAddress
    /// IPV6_V6ONLY; false on other sockets.
    var ipv6Only = false
    /// SO_BINDTODEVICE.
    var interface: String?
    /// The listener's name when it was ours before and we gave it into keeping; nil when it is of a socket unit.
    var storedFor: String?
}

/// Which of the sockets that were passed becomes which listener. Pure.
///
/// The address decides; among several at one address, the name. Where an endpoint leaves the port to the kernel, and for
/// sockets of a socket unit, whose address is the unit's to say, the name decides alone.
enum ListenerMatch {
    /// - Returns: For each endpoint the index of its socket; no socket is given twice.
    static func assign(_ sockets: [PassedSocket], to endpoints: [Endpoint]) -> [Int?] {
        var chosen: [Int?] = endpoints.map { _ in nil }
        var free = Set(sockets.indices)
        for rule in rules {
            for (place, endpoint) in endpoints.enumerated() where chosen[place] == nil {
                let found = free.filter { sockets[$0].kind == endpoint.kind && rule(sockets[$0], endpoint) }.min()
                guard let found else { continue }
                chosen[place] = found
                free.remove(found)
            }
        }
        return chosen
    }

    /// The surest first: each is tried for all endpoints before the next.
    private static let rules: [@Sendable (PassedSocket, Endpoint) -> Bool] = [
        { isSamePlace($0, $1) && isNamed($0, $1) },
        { isSamePlace($0, $1) },
        { $0.storedFor != nil && isNamed($0, $1) && leavesPortOpen($1) && isSameHost($0.address, $1) },
        { $0.storedFor == nil && isNamed($0, $1) },
    ]

    private static func isNamed(_ socket: PassedSocket, _ endpoint: Endpoint) -> Bool {
        guard let stored = socket.storedFor else { return socket.name == endpoint.name }
        return stored == PassedSocket.shortened(endpoint.name)
    }

    private static func isSamePlace(_ socket: PassedSocket, _ endpoint: Endpoint) -> Bool {
        guard !leavesPortOpen(endpoint), socket.interface == endpoint.options.interface else { return false }
        if socket.address == endpoint.address { return !isIPv6(socket.address) || socket.ipv6Only == endpoint.ipv6Only }
        return isFallback(socket, of: endpoint) && socket.address.port == endpoint.address.port
    }

    private static func isSameHost(_ address: SocketAddress, _ endpoint: Endpoint) -> Bool {
        switch (address, endpoint.address) {
        case (.ipv4(let one, _), .ipv4(let other, _)): one == other
        case (.ipv6(let one, _, let scope), .ipv6(let other, _, let otherScope)): one == other && scope == otherScope
        case (.vsock(let one, _), .vsock(let other, _)): one == other
        case (.ipv4(.any, _), _): endpoint.anyFamily
        default: false
        }
    }

    /// Where there is no IPv6, we bound the wildcard of IPv4 ourselves.
    private static func isFallback(_ socket: PassedSocket, of endpoint: Endpoint) -> Bool {
        guard socket.storedFor != nil, endpoint.anyFamily, case .ipv4(.any, _) = socket.address else { return false }
        return true
    }

    private static func isIPv6(_ address: SocketAddress) -> Bool {
        if case .ipv6 = address { true } else { false }
    }

    private static func leavesPortOpen(_ endpoint: Endpoint) -> Bool {
        switch endpoint.address {
        case .ipv4(_, let port), .ipv6(_, let port, _): port == 0
        case .vsock(_, let port): port == .max
        case .unix, .abstract: false
        }
    }
}
