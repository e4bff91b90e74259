/// What must hold of the ways between the services of a table: `route` and `pass_to`.
struct RouteCheck {
    let reading: Reading

    /// Whom a way leads to can be given a connection, and no route leads back to itself. (PASS may: it is counted.)
    func check(_ services: [PlacedService]) {
        guard services.contains(where: { !$0.targets.isEmpty }) else { return }
        let byName = Dictionary(services.map { ($0.service.name, $0) }) { first, _ in first }
        for service in services {
            for target in service.targets {
                guard let other = byName[target.value]?.service else { continue }
                if other.wait {
                    target.cursor(reading).fault(
                        "\(other.name) is a wait service: its handler takes connections itself and cannot be given one")
                } else if service.service.isRoute, leads(from: other, to: service.service.name, byName) {
                    target.cursor(reading).fault("that leads back here")
                }
            }
        }
    }

    private func leads(
        from start: Service, to name: String, _ services: [String: PlacedService]
    ) -> Bool {
        var seen: Set<String> = []
        var next = [start.name]
        while let current = next.popLast() {
            if current == name { return true }
            guard seen.insert(current).inserted, let service = services[current], service.service.isRoute else {
                continue
            }
            next += service.targets.map(\.value)
        }
        return false
    }
}

extension Service {
    fileprivate var isRoute: Bool { if case .route = dispatch { true } else { false } }
}
