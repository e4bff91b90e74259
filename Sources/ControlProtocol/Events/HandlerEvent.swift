/// What happens to a persistent handler.
package enum HandlerEvent: Hashable, Sendable {
    /// Spawned by Baton; it has yet to register.
    case starting(id: String, pid: Int)
    case registered(id: String, pid: Int, kind: HandlerStatus.Kind, capacity: Int)
    /// Its state is another one now; `why` where the state alone does not say.
    case changed(id: String, pid: Int, to: HandlerStatus.State, why: String? = nil)
    /// A new one has come in its place; it drains.
    case replaced(id: String, pid: Int, by: String)
    /// The process of one that registered by itself has ended; somebody else still holds its channel.
    case processEnded(id: String, pid: Int)
    /// Its channel hung up and, if it was ours, its exit is collected.
    case gone(id: String, pid: Int, why: String, expected: Bool)
    /// Its unacknowledged batons went back to the queue.
    case requeued(id: String, count: Int)
    /// It never registered, or never came to exec. `retry`: nil when it is not tried again by itself.
    case startFailed(pid: Int?, why: String, retry: Duration?)
    case protocolError(id: String?, pid: Int, message: String)
    case registrationRefused(pid: Int, uid: UInt32, why: String)

    package var level: EventLevel {
        switch self {
        case .starting, .registered, .replaced: .info
        case .processEnded: .notice
        case .changed(_, _, let state, _):
            switch state {
            case .starting, .ready, .busy: .debug
            case .draining: .info
            case .unresponsive: .warning
            }
        case .gone(_, _, _, let expected): expected ? .info : .warning
        case .requeued: .notice
        case .startFailed, .protocolError, .registrationRefused: .warning
        }
    }

    package var details: EventDetails {
        switch self {
        case .starting(let id, let pid):
            return Self.details("handler_starting", id, pid, "starting")
        case .registered(let id, let pid, let kind, let capacity):
            var details = Self.details("handler_registered", id, pid, "\(kind.rawValue), takes \(capacity) connections")
            details.more.append("kind", .string(kind.rawValue))
            details.more.append("capacity", .integer(Int64(capacity)))
            return details
        case .changed(let id, let pid, let state, let why):
            let words = why.map { ": \($0.printable())" } ?? ""
            return Self.details("handler_\(state.rawValue)", id, pid, state.rawValue + words, reason: why)
        case .replaced(let id, let pid, let other):
            var details = Self.details("handler_replaced", id, pid, "replaced by handler \(other.printable())")
            details.more.append("by", .string(other))
            return details
        case .processEnded(let id, let pid):
            return Self.details(
                "handler_process_ended", id, pid, "its process has ended, and somebody still holds its channel")
        case .gone(let id, let pid, let why, _):
            return Self.details("handler_gone", id, pid, "gone: \(why.printable())", reason: why)
        case .requeued(let id, let count):
            return EventDetails(
                "requeued", "\(counted(count, "connection")) of handler \(id.printable()) back in the queue",
                more: ["handler": .string(id), "count": .integer(Int64(count))])
        case .startFailed(let pid, let why, let retry):
            let again = retry.map { "; next try in \($0.brief)" } ?? ""
            var details = EventDetails(
                "handler_start_failed", "its handler did not start: \(why.printable())\(again)", reason: why, pid: pid)
            details.more.append("retry_seconds", retry.map { .number($0.seconds) })
            return details
        case .protocolError(let id, let pid, let message):
            let who = id.map { "handler \($0.printable())" } ?? "a process that registers"
            var details = EventDetails(
                "protocol_error", "\(who), pid \(pid), broke the protocol: \(message.printable())", reason: message,
                pid: pid)
            details.more.append("handler", id.map { .string($0) })
            return details
        case .registrationRefused(let pid, let uid, let why):
            return EventDetails(
                "registration_refused", "registration of pid \(pid) (uid \(uid)) refused: \(why.printable())",
                reason: why, pid: pid, more: ["uid": .integer(Int64(uid))])
        }
    }

    private static func details(
        _ name: String, _ id: String, _ pid: Int, _ words: String, reason: String? = nil
    ) -> EventDetails {
        EventDetails(
            name, "handler \(id.printable()), pid \(pid), \(words)", reason: reason, pid: pid,
            more: ["handler": .string(id)])
    }
}
