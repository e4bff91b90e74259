internal import ControlProtocol

/// The status for people, in lines of 80 columns where names allow it.
struct StatusReport {
    private let status: SupervisorStatus
    private let paint: Paint

    init(_ status: SupervisorStatus, paint: Paint) {
        self.status = status
        self.paint = paint
    }

    var lines: [String] {
        let table = overview.lines(widestFirst: 24)
        var lines = headline + table.prefix(1)
        for (service, row) in zip(status.services, table.dropFirst()) {
            lines.append(row)
            lines += details(of: service)
        }
        return lines
    }

    private var headline: [String] {
        let colour = status.isHealthy ? paint.good : paint.bad
        var lines = [paint.strong(colour(status.verdict))]
        for problem in status.problems { lines += wrapped(["! " + problem], indent: 0).map { paint.bad($0) } }
        return lines
            + wrapped(
                [
                    "baton \(status.version.printable())", "pid \(status.pid)\(worker)", "up \(status.uptime.brief)",
                    status.table.printable(),
                ], indent: 0)
    }

    private var worker: String {
        guard let worker = status.worker else { return "" }
        let replaced = worker.restarts == 0 ? "" : ", replaced \(worker.restarts) times"
        return " (worker \(worker.pid) as \(worker.user.printable())\(replaced))"
    }

    private var overview: Columns {
        var columns = Columns()
        columns.append(
            ["SERVICE", "KIND", "STATE"].map { Columns.Cell(text: $0, paint: paint.faint) }
                + ["ACTIVE", "QUEUED", "ACCEPTED", "REFUSED", "ENDED"].map {
                    Columns.Cell(text: $0, isNumber: true, paint: paint.faint)
                })
        for service in status.services {
            let connections = service.connections
            let numbers = [
                connections.active, connections.queued, connections.accepted, connections.refused.total,
                connections.ended,
            ]
            columns.append(
                [
                    Columns.Cell(text: service.name.printable(), paint: paint.strong),
                    Columns.Cell(text: service.dispatch.rawValue),
                    Columns.Cell(text: service.state.rawValue, paint: paint(service.state)),
                ] + numbers.map { Columns.Cell(text: "\($0)", isNumber: true) })
        }
        return columns
    }

    private func paint(_ state: ServiceStatus.State) -> (String) -> String {
        switch state {
        case .ready, .idle: paint.good
        case .limited, .paused, .draining: paint.odd
        case .failed: paint.bad
        case .disabled: paint.faint
        }
    }
}

// The lines below a service.
extension StatusReport {
    private func details(of service: ServiceStatus) -> [String] {
        var lines: [String] = []
        if let reason = service.reason { lines += wrapped([reason.printable()], indent: 2) }
        if let since = service.pausedSince { lines += wrapped(["paused since \(since)"], indent: 2) }
        lines += incidents(of: service)
        for listener in service.listeners { lines += self.lines(of: listener, in: service) }
        for handler in service.handlers { lines += self.lines(of: handler) }
        if !service.processes.isEmpty {
            lines += wrapped(["processes: " + list(service.processes.map(words))], indent: 2)
        }
        lines += wrapped(counters(of: service.connections), indent: 2)
        return lines
    }

    /// What went wrong last.
    private func incidents(of service: ServiceStatus) -> [String] {
        var incidents: [[String]] = []
        if let failure = service.lastFailure {
            let again = service.retry.map { ", next try in \($0.brief)" } ?? ""
            incidents.append([failure.words + again, "\(failure.time)"])
        }
        if let crash = service.lastCrash {
            let handler = crash.handler.map { "handler \($0), " } ?? ""
            let connection = crash.connection.map { " (connection \($0) from \(crash.peer ?? "?"))" } ?? ""
            incidents.append(["last crash: \(handler)pid \(crash.pid), \(crash.reason)\(connection)", "\(crash.time)"])
        }
        for refusal in service.lastRefusals.prefix(3) {
            let detail = refusal.detail.map { "; \($0)" } ?? ""
            incidents.append([
                "last refused (\(refusal.reason.rawValue)): \(refusal.peer), connection \(refusal.connection)\(detail)",
                "\(refusal.time)",
            ])
        }
        return incidents.flatMap { wrapped($0, indent: 2).map { paint.odd($0) } }
    }

    private func words(for process: ProcessStatus) -> String {
        let said = [process.state?.rawValue, process.status?.printable()].compactMap { $0 }
        return said.isEmpty ? "\(process.pid)" : "\(process.pid) (\(said.joined(separator: ": ")))"
    }

    private func lines(of listener: ListenerStatus, in service: ServiceStatus) -> [String] {
        let name = listener.name == service.name ? "" : " (\(listener.name.printable()))"
        var phrases = [
            "\(listener.transport.printable()) \(listener.address.printable())\(name) \(listener.state.rawValue)"
        ]
        if let error = listener.error { phrases[0] += ": \(error.printable())" }
        if let retry = listener.retry { phrases.append("next try in \(retry.brief)") }
        let lines = wrapped(phrases, indent: 2)
        return listener.state == .retrying ? lines.map { paint.bad($0) } : lines
    }

    private func lines(of handler: HandlerStatus) -> [String] {
        let who = "handler \(handler.id.printable()) (\(handler.kind.rawValue), pid \(handler.pid))"
        // It has yet to register, and the rest of what there is to say is not true of it.
        if handler.state == .starting {
            return wrapped(["\(who) starting for \(handler.lastSignOfLife.brief)"], indent: 2)
        }
        var phrases = [
            "\(who) \(handler.state.rawValue)",
            "\(handler.held) of \(handler.capacity) held",
        ]
        if handler.unacknowledged > 0 {
            let since = handler.unacknowledgedFor.map { " for \($0.brief)" } ?? ""
            phrases.append("\(handler.unacknowledged) unacknowledged\(since)")
        }
        phrases.append("\(handler.served) served")
        if let silence = handler.unresponsive { phrases.append("unresponsive for \(silence.brief)") }
        phrases.append("last sign of life \(handler.lastSignOfLife.brief) ago")
        if !handler.status.isEmpty { phrases.append("\"\(handler.status.printable())\"") }
        let lines = wrapped(phrases, indent: 2)
        return handler.state == .unresponsive ? lines.map { paint.bad($0) } : lines
    }

    /// What the overview has no column for, as far as it is not 0.
    private func counters(of connections: ConnectionCounters) -> [String] {
        var phrases: [String] = []
        func add(_ word: String, _ count: Int) {
            if count > 0 { phrases.append("\(word) \(count)") }
        }
        add("spawned", connections.spawned)
        add("handed off", connections.handedOff)
        add("requeued", connections.requeued)
        for (reason, count) in connections.refused.present { add("refused (\(reason.rawValue))", count) }
        for (reason, count) in connections.dropped.present { add("dropped (\(reason.rawValue))", count) }
        add("cut", connections.cut)
        add("abandoned", connections.abandoned)
        add("lost", connections.lost)
        return phrases
    }

    /// The first few, and how many more there are.
    private func list(_ items: [String]) -> String {
        let shown = items.prefix(8).joined(separator: " ")
        return items.count > 8 ? "\(shown) and \(items.count - 8) more" : shown
    }
}
