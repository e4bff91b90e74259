/// What happens to a service as a whole.
package enum ServiceEvent: Hashable, Sendable {
    /// Its handlers do not start. `retry`: nil when a person has to ask for it.
    case failed(why: String, retry: Duration?)
    case recovered
    /// Its `wait` handler failed so often in `interval`; its listener is paused for `pause`.
    case triggerLimit(failures: Int, interval: Duration, pause: Duration)
    /// Its listeners have left the poll set, by request.
    case paused
    case resumed
    /// It takes no more connections and waits for those that it has.
    case draining(why: String)
    case stopped
    /// A reload has changed these keys of it.
    case changed(keys: [String], handlers: ReloadReport.Handlers)
    /// A reload wanted other handlers, and they could not be started: those that run go on.
    case notReplaced(why: String)

    package var name: EventName {
        switch self {
        case .failed: .serviceFailed
        case .recovered: .serviceRecovered
        case .triggerLimit: .triggerLimit
        case .paused: .servicePaused
        case .resumed: .serviceResumed
        case .draining: .serviceDraining
        case .stopped: .serviceStopped
        case .changed: .serviceChanged
        case .notReplaced: .handlersNotReplaced
        }
    }

    package var level: EventLevel {
        switch self {
        case .failed: .error
        case .triggerLimit, .notReplaced: .warning
        case .recovered, .paused, .resumed, .draining, .stopped, .changed: .notice
        }
    }

    package var details: EventDetails {
        switch self {
        case .failed(let why, let retry):
            let again = retry.map { "; next try in \($0.brief)" } ?? ""
            var details = EventDetails("failed: \(why.printable())\(again)", reason: why)
            details.more.append("retry_seconds", retry.map { .number($0.seconds) })
            return details
        case .recovered:
            return EventDetails("works again")
        case .triggerLimit(let failures, let interval, let pause):
            return EventDetails(
                "\(counted(failures, "failure")) within \(interval.brief): paused for \(pause.brief)",
                more: ["failures": .integer(Int64(failures)), "pause_seconds": .number(pause.seconds)])
        case .paused:
            return EventDetails("paused: its clients wait in the backlog")
        case .resumed:
            return EventDetails("resumed")
        case .draining(let why):
            return EventDetails("draining: \(why.printable())", reason: why)
        case .stopped:
            return EventDetails("stopped")
        case .changed(let keys, let handlers):
            let what = handlers == .kept ? "" : "; handlers: \(handlers.rawValue)"
            return EventDetails(
                "changed: \(keys.joined(separator: ", ").printable(limit: 1024))\(what)",
                more: ["keys": .array(keys.map { .string($0) }), "handlers": .string(handlers.rawValue)])
        case .notReplaced(let why):
            return EventDetails("its handlers go on as they were started: \(why.printable())", reason: why)
        }
    }
}
