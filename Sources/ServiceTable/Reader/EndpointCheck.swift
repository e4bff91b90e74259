internal import LinuxSystem

/// What must hold of endpoints between the services of a table.
struct EndpointCheck {
    let reading: Reading

    /// No two enabled services bind the same, unless both share it.
    func check(_ services: [PlacedService]) {
        var bound: [Bound: PlacedEndpoint] = [:]
        bound.reserveCapacity(services.count)
        var wildcards: [Port: [PlacedEndpoint]] = [:]
        for service in services where service.service.enabled {
            for placed in service.endpoints where placed.isBound {
                if let other = bound.updateValue(placed, forKey: Bound(placed.endpoint)) { checkSame(placed, other) }
                if placed.endpoint.isWildcard { wildcards[Port(placed.endpoint), default: []].append(placed) }
            }
        }
        guard !wildcards.isEmpty else { return }
        for service in services where service.service.enabled {
            for placed in service.endpoints where placed.isBound {
                checkBeside(wildcards[Port(placed.endpoint)] ?? [], placed)
            }
        }
    }

    private func checkSame(_ placed: PlacedEndpoint, _ other: PlacedEndpoint) {
        if other.sharesPort(with: placed) || other.isOneEntry(with: placed) { return }
        placed.cursor.fault(
            "\(placed.endpoint.address) is bound at \(reading.words(for: other.cursor.node.place)) already; "
                + "reuse_port on both would share it")
    }

    /// Linux lets nobody listen on one address of a port beside somebody who listens on all of them (bind(2), EADDRINUSE).
    private func checkBeside(_ wildcards: [PlacedEndpoint], _ placed: PlacedEndpoint) {
        let other = wildcards.first {
            $0.endpoint.covers(placed.endpoint) && !$0.sharesPort(with: placed) && !$0.isOneEntry(with: placed)
        }
        guard let other else { return }
        placed.cursor.warn(
            "\(placed.endpoint.address) and \(other.endpoint.address), which is bound at "
                + "\(reading.words(for: other.cursor.node.place)), exclude each other; reuse_port on both would share it"
        )
    }
}

private struct Bound: Hashable {
    private let transport: String
    private let address: SocketAddress

    init(_ endpoint: Endpoint) {
        transport = endpoint.kind.isUnix ? "unix" : endpoint.kind.rawValue
        address = endpoint.address.inOneSpelling
    }
}

private struct Port: Hashable {
    private let kind: Endpoint.Kind
    private let number: UInt32?

    init(_ endpoint: Endpoint) {
        kind = endpoint.kind
        number = endpoint.address.port
    }
}

extension PlacedEndpoint {
    fileprivate var isBound: Bool { !isPlaceholder && endpoint.isFixed }

    fileprivate func sharesPort(with other: PlacedEndpoint) -> Bool {
        endpoint.options.reusePort && other.endpoint.options.reusePort
    }

    /// What one host name stands for is one entry; an alias is another.
    fileprivate func isOneEntry(with other: PlacedEndpoint) -> Bool {
        entry == other.entry && cursor.node.place == other.cursor.node.place && cursor.path == other.cursor.path
    }
}

extension Endpoint {
    /// The kernel does not choose the port.
    var isFixed: Bool {
        if case .vsock(_, let port) = address { return port != .max }
        return address.port != 0
    }

    fileprivate var isWildcard: Bool {
        switch address {
        case .ipv4(let address, _): address == .any
        case .ipv6(let address, _, _): address == .any
        default: false
        }
    }

    /// It is the wildcard, and takes the other's address as well, which is not the same.
    fileprivate func covers(_ other: Endpoint) -> Bool {
        let (mine, others) = (options.interface, other.options.interface)
        guard mine == nil || others == nil || mine == others else { return false }
        return switch (address, other.address) {
        case (.ipv4, .ipv4), (.ipv6, .ipv6): !other.isWildcard
        case (.ipv6, .ipv4): !ipv6Only
        default: false
        }
    }
}

extension SocketAddress {
    /// `/run//x` and `/run/./x` are `/run/x`.
    fileprivate var inOneSpelling: SocketAddress {
        guard case .unix(let path) = self else { return self }
        return .unix(path: "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/"))
    }
}
