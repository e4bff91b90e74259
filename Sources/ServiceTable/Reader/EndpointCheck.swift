internal import LinuxSystem

/// What must hold of endpoints between the services of a table.
struct EndpointCheck {
    let reading: Reading

    /// No two enabled services bind the same, unless both share it.
    func check(_ services: [PlacedService]) {
        let endpoints = services.filter(\.service.enabled).flatMap(\.endpoints).filter {
            !$0.isPlaceholder && $0.endpoint.isFixed
        }
        checkSame(endpoints)
        checkWildcards(endpoints)
    }

    private func checkSame(_ endpoints: [PlacedEndpoint]) {
        struct Bound: Hashable {
            var transport: String
            var address: SocketAddress
        }
        var bound: [Bound: PlacedEndpoint] = [:]
        for placed in endpoints {
            let kind = placed.endpoint.kind
            let key = Bound(
                transport: kind.isUnix ? "unix" : kind.rawValue, address: placed.endpoint.address.inOneSpelling)
            guard let other = bound.updateValue(placed, forKey: key) else { continue }
            if other.sharesPort(with: placed) || other.isOneEntry(with: placed) { continue }
            placed.cursor.fault(
                "\(placed.endpoint.address) is bound at \(reading.words(for: other.cursor.node.place)) already; "
                    + "reuse_port on both would share it")
        }
    }

    /// Linux lets nobody listen on one address of a port beside somebody who listens on all of them (bind(2), EADDRINUSE).
    private func checkWildcards(_ endpoints: [PlacedEndpoint]) {
        struct Port: Hashable {
            var kind: Endpoint.Kind
            var number: UInt32
        }
        var wildcards: [Port: [PlacedEndpoint]] = [:]
        for placed in endpoints where placed.endpoint.isWildcard {
            guard let number = placed.endpoint.address.port else { continue }
            wildcards[Port(kind: placed.endpoint.kind, number: number), default: []].append(placed)
        }
        for placed in endpoints {
            guard let number = placed.endpoint.address.port,
                let all = wildcards[Port(kind: placed.endpoint.kind, number: number)]?.first(where: {
                    $0.endpoint.covers(placed.endpoint) && !$0.sharesPort(with: placed) && !$0.isOneEntry(with: placed)
                })
            else { continue }
            placed.cursor.warn(
                "\(placed.endpoint.address) and \(all.endpoint.address), which is bound at "
                    + "\(reading.words(for: all.cursor.node.place)), exclude each other; reuse_port on both would share it"
            )
        }
    }
}

extension PlacedEndpoint {
    fileprivate func sharesPort(with other: PlacedEndpoint) -> Bool {
        endpoint.options.reusePort && other.endpoint.options.reusePort
    }

    /// What one host name stands for is one place in the table.
    fileprivate func isOneEntry(with other: PlacedEndpoint) -> Bool {
        cursor.node.place == other.cursor.node.place
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
