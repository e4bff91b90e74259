/// What happens to a service as a whole.
package enum ServiceEvent: Hashable, Sendable {
    /// Its handlers do not start. `retry`: nil when a person has to ask for it.
    case failed(why: String, retry: Duration?)
    case recovered
    /// Its `wait` handler failed so often in `interval`; its listener is paused for `pause`.
    case triggerLimit(failures: Int, interval: Duration, pause: Duration)
    /// It takes no more connections and waits for those that it has.
    case draining(why: String)
    case stopped
    /// A reload has changed these keys of it.
    case changed(keys: [String], handlers: ReloadReport.Handlers)
    /// A reload wanted other handlers, and they could not be started: those that run go on.
    case notReplaced(why: String)

    package var level: EventLevel {
        switch self {
        case .failed: .error
        case .triggerLimit, .notReplaced: .warning
        case .recovered, .draining, .stopped, .changed: .notice
        }
    }

    package var details: EventDetails {
        switch self {
        case .failed(let why, let retry):
            let again = retry.map { "; next try in \($0.brief)" } ?? ""
            var details = EventDetails("service_failed", "failed: \(why.printable())\(again)", reason: why)
            details.more.append("retry_seconds", retry.map { .number($0.seconds) })
            return details
        case .recovered:
            return EventDetails("service_recovered", "works again")
        case .triggerLimit(let failures, let interval, let pause):
            return EventDetails(
                "trigger_limit",
                "\(counted(failures, "failure")) within \(interval.brief): paused for \(pause.brief)",
                more: ["failures": .integer(Int64(failures)), "pause_seconds": .number(pause.seconds)])
        case .draining(let why):
            return EventDetails("service_draining", "draining: \(why.printable())", reason: why)
        case .stopped:
            return EventDetails("service_stopped", "stopped")
        case .changed(let keys, let handlers):
            let what = handlers == .kept ? "" : "; handlers: \(handlers.rawValue)"
            return EventDetails(
                "service_changed", "changed: \(keys.joined(separator: ", ").printable(limit: 1024))\(what)",
                more: ["keys": .array(keys.map { .string($0) }), "handlers": .string(handlers.rawValue)])
        case .notReplaced(let why):
            return EventDetails(
                "handlers_not_replaced", "its handlers go on as they were started: \(why.printable())", reason: why)
        }
    }
}
