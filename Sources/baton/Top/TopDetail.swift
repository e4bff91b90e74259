internal import ControlProtocol

/// One service in full: its listeners, how long clients wait, whom it refuses, its handlers.
struct TopDetail {
    let row: TopRow
    /// The supervisor's uptime.
    let now: Duration
    let text: TopText

    var lines: [StyledLine] {
        title + counters + listeners + times + refusals + handlers + processes
    }

    private var title: [StyledLine] {
        let service = row.service
        var first = StyledLine(service.name.printable(), .strong)
        first.append("  \(service.dispatch.rawValue)  ")
        first.append(service.state.rawValue, row.style)
        if let reason = service.reason { first.append(": \(reason.printable())") }
        var lines = [first]
        if let failure = service.lastFailure {
            lines.append(
                StyledLine(
                    "last start failed at \(failure.stage.printable()): \(failure.error.printable()), \(failure.time)",
                    .odd))
        }
        return lines
    }

    private var counters: [StyledLine] {
        let connections = row.service.connections
        let now = [
            "\(text.rate(row.track.accepted)) accepted/s", "\(text.rate(row.track.refused)) refused/s",
            "\(connections.active) active", "\(connections.queued) queued",
        ]
        let ever = [
            ("accepted", connections.accepted), ("refused", connections.refused.total),
            ("ended", connections.ended), ("spawned", connections.spawned), ("handed off", connections.handedOff),
            ("requeued", connections.requeued), ("cut", connections.cut), ("abandoned", connections.abandoned),
            ("lost", connections.lost), ("datagrams dropped", connections.dropped.total),
        ].compactMap { $0.1 > 0 ? "\($0.0) \($0.1)" : nil }
        var lines = [StyledLine(now.joined(separator: ", "))]
        if !ever.isEmpty { lines.append(StyledLine("since the start: " + ever.joined(separator: ", "), .faint)) }
        lines.append(StyledLine(text.sparkline(row.track.history, columns: 60), .good))
        return lines
    }

    private var listeners: [StyledLine] {
        row.service.listeners.map { listener in
            var words = "\(listener.transport.printable()) \(listener.address.printable()) \(listener.state.rawValue)"
            if let error = listener.error { words += ": \(error.printable())" }
            if let retry = listener.retry { words += ", next try in \(retry.brief)" }
            return StyledLine(words, listener.state == .retrying ? .bad : .plain)
        }
    }

    // MARK: Tables

    private func heading(_ title: String, _ columns: (String, Int)...) -> [StyledLine] {
        var line = StyledLine()
        line.append(title, .faint, columns: 16)
        for (name, width) in columns {
            line.append(" ")
            line.append(name, .faint, columns: width, right: true)
        }
        return [StyledLine(), line]
    }

    private func cells(_ title: String, _ columns: (String, Int)..., style: StyledLine.Style = .plain) -> StyledLine {
        var line = StyledLine()
        line.append(title, style, columns: 16)
        for (value, width) in columns {
            line.append(" ")
            line.append(value, columns: width, right: true)
        }
        return line
    }

    private var times: [StyledLine] {
        let all = row.service.timings
        let kinds = [
            ("hand-off", row.track.timings.handoff, all.handoff), ("queue", row.track.timings.queue, all.queue),
            ("spawn", row.track.timings.spawn, all.spawn),
        ].filter { !$0.2.isEmpty }
        guard !kinds.isEmpty else { return [] }
        return heading("TIME", ("COUNT", 6), ("P50", 6), ("P90", 6), ("P99", 6), ("COUNT", 9), ("P50", 6), ("P99", 6))
            + kinds.map { name, recent, ever in
                cells(
                    name, (text.count(recent.count), 6), (text.time(recent.quantile(0.5)), 6),
                    (text.time(recent.quantile(0.9)), 6), (text.time(recent.quantile(0.99)), 6),
                    (text.count(ever.count), 9), (text.time(ever.quantile(0.5)), 6),
                    (text.time(ever.quantile(0.99)), 6))
            } + [StyledLine("                 in the last interval           since the start", .faint)]
    }

    private var refusals: [StyledLine] {
        let reasons = row.service.connections.refused.present
        guard !reasons.isEmpty else { return [] }
        return heading("REFUSED", ("TOTAL", 6), ("/S", 6), ("LAST", 12))
            + reasons.map { reason, count in
                let refusal = row.track.refusals[reason]
                let last = refusal.map { "\((now - $0.last).brief) ago" } ?? "before"
                return cells(
                    reason.rawValue, (text.count(count), 6), (text.rate(refusal?.rate ?? 0), 6), (last, 12),
                    style: refusal?.rate ?? 0 > 0 ? .odd : .plain)
            }
    }

    private var handlers: [StyledLine] {
        guard !row.service.handlers.isEmpty else { return [] }
        return heading("HANDLER", ("PID", 8), ("HELD", 11), ("UNACK", 5), ("SERVED", 7), ("/S", 5), ("LAST SIGN", 9))
            + row.service.handlers.map { handler in
                let style: StyledLine.Style =
                    switch handler.state {
                    case .ready: .good
                    case .starting, .busy, .draining: .odd
                    case .unresponsive: .bad
                    }
                var line = cells(
                    "\(handler.id.printable()) \(handler.state.rawValue)", ("\(handler.pid)", 8),
                    ("\(handler.held)/\(text.count(handler.capacity))", 11), ("\(handler.unacknowledged)", 5),
                    (text.count(handler.served), 7), (text.rate(row.track.served[handler.id]), 5),
                    (handler.lastSignOfLife.brief, 9), style: style)
                if handler.kind == .registered { line.append("  registered", .faint) }
                if !handler.status.isEmpty { line.append("  \(handler.status.printable())") }
                return line
            }
    }

    private var processes: [StyledLine] {
        guard !row.service.processes.isEmpty else { return [] }
        return heading("PROCESS", ("PID", 8), ("CONNECTION", 11))
            + row.service.processes.map { process in
                var line = cells(
                    process.state?.rawValue ?? "", ("\(process.pid)", 8),
                    (process.connection.map { "\($0)" } ?? "", 11),
                    style: process.state == .unresponsive ? .bad : .plain)
                line.append("  since \(process.started)", .faint)
                if let status = process.status { line.append("  \(status.printable())") }
                return line
            }
    }
}
