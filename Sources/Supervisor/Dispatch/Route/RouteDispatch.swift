internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// Chooses another service for each connection by its first bytes (`route`), and leaves them in it.
final class RouteDispatch {
    private let rules: RouteRules
    private let refuser: Refuser
    private let record: ServiceRecord
    private let runtime: Runtime
    /// Told whenever a connection left, so that there may be room again.
    private let changed: () -> Void
    private var guests: [UInt64: Guest] = [:]

    /// A connection, until its service has it.
    private struct Guest {
        let connection: DescriptorBox
        let origin: ConnectionOrigin
        /// Nil once it is decided on: its service is being asked.
        var look: RouteLook?
    }

    init(
        _ route: Route, refuser: Refuser, record: ServiceRecord, runtime: Runtime, changed: @escaping () -> Void
    ) {
        rules = RouteRules(route)
        self.refuser = refuser
        self.record = record
        self.runtime = runtime
        self.changed = changed
    }

    /// Connections that have not found their service: what `instances` limits.
    var count: Int { guests.count }

    /// Looks at `connection`, which counts as active from now on.
    func dispatch(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        record.connections.active += 1
        let look = RouteLook(connection, rules, loop: runtime.loop) { [self] in decided($0, origin.number) }
        guests[origin.number] = Guest(connection: connection, origin: origin, look: look)
        look.start()
    }

    private func decided(_ outcome: RouteLook.Outcome, _ number: UInt64) {
        switch outcome {
        case .to(let service): offer(number, service)
        case .nowhere: refuse(number, .route, "no rule matches")
        case .ended: end(number)
        case .failed(let error): refuse(number, .global, "epoll: \(error)")
        }
    }

    private func offer(_ number: UInt64, _ service: String) {
        guard let guest = guests[number] else { return }
        guests[number]?.look = nil
        guard let target = runtime.services[service] else {
            return refuse(number, .route, "\(service) is disabled")
        }
        // Its place here is kept here, until it has one there.
        var origin = guest.origin
        origin.place = nil
        target.offer(guest.connection, origin) { [self] offer in
            guard guests[number] != nil else { return }
            switch offer {
            case .admitted(let enter): pass(number, to: service, enter)
            case .refused(let reason): refuse(number, .route, "\(service): \(reason.explanation)")
            }
        }
    }

    private func pass(_ number: UInt64, to service: String, _ enter: () -> Void) {
        guard let guest = guests.removeValue(forKey: number) else { return }
        record.connections.active -= 1
        record.connections.ended += 1
        record.report(.routed(to: service), guest.origin)
        enter()
        changed()
    }

    /// The client has gone.
    private func end(_ number: UInt64) {
        guard let guest = guests.removeValue(forKey: number) else { return }
        record.connections.active -= 1
        record.connections.ended += 1
        record.report(.ended(duration: runtime.loop.now - guest.origin.accepted), guest.origin)
        if let descriptor = guest.connection.take() { runtime.closeUnread(descriptor) }
        changed()
    }

    private func refuse(_ number: UInt64, _ reason: RefusalReason, _ why: String) {
        guard let guest = guests.removeValue(forKey: number) else { return }
        record.connections.active -= 1
        refuser.refuse(guest.connection, guest.origin, reason, detail: why)
        changed()
    }

    /// Closes every connection, for the supervisor stops now.
    func endAll() {
        for (number, guest) in guests {
            guest.look?.cancel()
            refuse(number, .stopping, "nobody had been found to serve it")
        }
    }
}
