internal import LinuxSystem

/// Which listeners of the old table go on in the new one, also in another service: what is bound stays bound, and
/// clients who wait in its backlog stay there.
struct ListenerMatching {
    private let old: [String: Service]
    private let new: [Service]
    /// The places of those that nobody has taken yet.
    private var free: [String: [Int]] = [:]

    init(_ old: [String: Service], _ new: [Service]) {
        self.old = old
        self.new = new
    }

    /// Fills in what becomes of the listeners, and the keys that it comes from.
    mutating func match(_ differences: inout [ServiceDifference]) {
        // Of ten thousand services most are what they were, in most reloads.
        let open = differences.indices.filter { !differences[$0].isSame }
        for place in open {
            let name = differences[place].name
            if let service = old[name] { free[name] = Array(service.boundEndpoints.indices) }
        }
        let openNew = open.prefix { new.indices.contains($0) }
        for place in openNew { matchOwn(new[place], &differences[place]) }
        // Only then do services look at each other: what has stayed where it was is no longer to be had.
        var released = self.released
        for place in openNew { matchOthers(new[place], &differences[place], &released) }
        for place in open { differences[place].closed = free[differences[place].name] ?? [] }
        for place in openNew { addKeys(of: new[place], to: &differences[place]) }
    }

    private mutating func matchOwn(_ service: Service, _ difference: inout ServiceDifference) {
        difference.origins = service.boundEndpoints.map { endpoint in take(endpoint.place, from: service.name) }
    }

    private mutating func take(_ bound: Endpoint.Place, from name: String) -> ListenerPlace? {
        guard let endpoints = old[name]?.endpoints,
            let place = free[name]?.firstIndex(where: { endpoints[$0].place == bound }),
            let index = free[name]?.remove(at: place)
        else { return nil }
        return ListenerPlace(service: name, index: index)
    }

    /// What services have let go, by what it is.
    private var released: [Endpoint.Place: [ListenerPlace]] {
        var released: [Endpoint.Place: [ListenerPlace]] = [:]
        for (name, indices) in free.sorted(by: { $0.key < $1.key }) {
            for index in indices {
                // A port that the kernel chose for one service is nothing that another asks for.
                guard let endpoint = old[name]?.endpoints[index], endpoint.isFixed else { continue }
                released[endpoint.place, default: []].append(ListenerPlace(service: name, index: index))
            }
        }
        return released
    }

    private mutating func matchOthers(
        _ service: Service, _ difference: inout ServiceDifference, _ released: inout [Endpoint.Place: [ListenerPlace]]
    ) {
        for (index, endpoint) in service.boundEndpoints.enumerated() where difference.origins[index] == nil {
            guard let place = released[endpoint.place]?.popLast() else { continue }
            difference.origins[index] = place
            free[place.service]?.removeAll { $0 == place.index }
        }
    }

    // MARK: Keys

    private func addKeys(of service: Service, to difference: inout ServiceDifference) {
        guard let before = old[service.name] else { return }
        var keys: [String] = []
        if service.enabled == before.enabled, hasOtherListeners(service, before, difference) { keys.append("listen") }
        for (endpoint, origin) in zip(service.boundEndpoints, difference.origins) {
            guard let origin, let before = old[origin.service]?.endpoints[origin.index] else { continue }
            if endpoint.name != before.name || origin.service != service.name { keys.append("listen") }
            keys += before.options.changedKeys(to: endpoint.options)
        }
        for key in keys where !difference.keys.contains(key) { difference.keys.append(key) }
        if !difference.keys.isEmpty { difference.kind = .changed }
    }

    private func hasOtherListeners(_ service: Service, _ before: Service, _ difference: ServiceDifference) -> Bool {
        // Bound or not, what it would listen on is part of what it is.
        guard service.enabled else { return service.endpoints.map(\.place) != before.endpoints.map(\.place) }
        let kept = difference.origins.compactMap { $0?.service == service.name ? $0?.index : nil }
        if kept.count != service.endpoints.count || kept.count != before.endpoints.count { return true }
        // One process gets them all, in the order of the table.
        return service.wait && service.style == .systemd && kept != Array(kept.indices)
    }
}
