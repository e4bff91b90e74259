internal import ControlProtocol
internal import ServiceTable

/// `log_on`: which of a service's lines go to the log. Pure.
///
/// What is listed is written whatever its level is, at info at least; what is not listed is left out, but for warnings
/// and errors, which are nobody's to choose.
struct LogChoice {
    private let lines: Set<LogLine>
    private let way: Way
    /// From this level on what is not listed is written all the same.
    private let least: EventLevel

    /// What a connection's beginning and end are called.
    private enum Way {
        /// Its process is spawned and exits.
        case process
        /// It is handed to a handler, which finishes it.
        case handler
        /// It is served or relayed inside.
        case inside
    }

    /// Nil where the table does not choose.
    init?(_ service: Service) {
        guard let lines = service.logOn else { return nil }
        self.lines = lines
        // Its program is ours: one that did not end well is news.
        least = service.servesMetrics ? .notice : .warning
        way =
            switch service.dispatch {
            case .exec: .process
            case .handoff: .handler
            case .internal, .redirect, .tcpmux, .route: .inside
            }
    }

    private enum Kind {
        case start, exit, refuse
    }

    /// The event as it is to be written; nil when it is not.
    func shown(_ event: Event) -> Event? {
        guard let kind = kind(of: event) else { return event }
        var event = event
        let isListed =
            switch kind {
            case .start: lines.contains(.start)
            case .exit: !lines.isDisjoint(with: [.exit, .duration, .traffic])
            case .refuse: lines.contains(.refuse)
            }
        guard isListed else { return event.level >= least ? event : nil }
        event.leastLevel = .info
        if kind == .exit { trim(&event.kind) }
        return event
    }

    private func kind(of event: Event) -> Kind? {
        switch event.kind {
        case .connection(.accepted): way == .inside ? .start : nil
        case .connection(.handedOff): .start
        case .connection(.ended), .connection(.finished): .exit
        case .connection(.refused), .connection(.refusedAgain), .connection(.dropped): .refuse
        // The processes of persistent handlers come and go for reasons of their own.
        case .process(.spawned): way == .process || event.connection != nil ? .start : nil
        case .process(.exited): way == .process || event.connection != nil ? .exit : nil
        default: nil
        }
    }

    /// Leaves out of an end what is not listed.
    private func trim(_ kind: inout Event.Kind) {
        switch kind {
        case .process(.exited(let pid, let end, let duration)):
            kind = .process(.exited(pid: pid, end, duration: lines.contains(.duration) ? duration : nil))
        case .connection(.ended(let duration, let traffic, let why)):
            kind = .connection(
                .ended(
                    duration: lines.contains(.duration) ? duration : nil,
                    traffic: lines.contains(.traffic) ? traffic : nil, why: why))
        case .connection(.finished(let handler, let duration)):
            kind = .connection(.finished(by: handler, duration: lines.contains(.duration) ? duration : nil))
        default: break
        }
    }
}
