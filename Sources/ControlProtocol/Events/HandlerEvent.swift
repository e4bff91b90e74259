/// What happens to a persistent handler.
package enum HandlerEvent: Hashable, Sendable {
    /// Spawned by Baton; it has yet to register.
    case starting(id: String, pid: Int)
    case registered(id: String, pid: Int, kind: HandlerStatus.Kind, capacity: Int)
    case changed(id: String, pid: Int, to: Change)
    /// A new one has come in its place; it drains.
    case replaced(id: String, pid: Int, by: String)
    /// The process of one that registered by itself has ended; somebody else still holds its channel.
    case processEnded(id: String, pid: Int)
    /// Its channel hung up and, if it was ours, its exit is collected.
    case gone(id: String, pid: Int, why: String, expected: Bool)
    /// It never registered, or never came to exec. `retry`: nil when it is not tried again by itself.
    case startFailed(pid: Int?, why: String, retry: Duration?)
    case protocolError(id: String?, pid: Int, message: String)
    case registrationRefused(pid: Int, uid: UInt32, why: String)

    /// What a handler comes to be in its life.
    package enum Change: Hashable, Sendable {
        case unresponsive
        /// After it was unresponsive.
        case ready
        case draining
    }

    package var name: EventName {
        switch self {
        case .starting: .handlerStarting
        case .registered: .handlerRegistered
        case .changed(_, _, .unresponsive): .handlerUnresponsive
        case .changed(_, _, .ready): .handlerReady
        case .changed(_, _, .draining): .handlerDraining
        case .replaced: .handlerReplaced
        case .processEnded: .handlerProcessEnded
        case .gone: .handlerGone
        case .startFailed: .handlerStartFailed
        case .protocolError: .protocolError
        case .registrationRefused: .registrationRefused
        }
    }

    package var level: EventLevel {
        switch self {
        case .starting, .registered, .replaced: .info
        case .processEnded: .notice
        case .changed(_, _, .draining): .info
        case .changed(_, _, .ready): .notice
        case .changed(_, _, .unresponsive): .warning
        case .gone(_, _, _, let expected): expected ? .info : .warning
        case .startFailed, .protocolError, .registrationRefused: .warning
        }
    }

    package var details: EventDetails {
        switch self {
        case .starting(let id, let pid):
            return Self.details(id, pid, "starting")
        case .registered(let id, let pid, let kind, let capacity):
            var details = Self.details(id, pid, "\(kind.rawValue), takes \(capacity) connections")
            details.more.append("kind", .string(kind.rawValue))
            details.more.append("capacity", .integer(Int64(capacity)))
            return details
        case .changed(let id, let pid, let change):
            return Self.details(id, pid, change.words)
        case .replaced(let id, let pid, let other):
            var details = Self.details(id, pid, "replaced by handler \(other.printable())")
            details.more.append("by", .string(other))
            return details
        case .processEnded(let id, let pid):
            return Self.details(id, pid, "its process has ended, and somebody still holds its channel")
        case .gone(let id, let pid, let why, _):
            return Self.details(id, pid, "gone: \(why.printable())", reason: why)
        case .startFailed(let pid, let why, let retry):
            let again = retry.map { "; next try in \($0.brief)" } ?? ""
            var details = EventDetails(
                "its handler did not start: \(why.printable())\(again)", reason: why, pid: pid)
            details.more.append("retry_seconds", retry.map { .number($0.seconds) })
            return details
        case .protocolError(let id, let pid, let message):
            let who = id.map { "handler \($0.printable())" } ?? "a process that registers"
            var details = EventDetails(
                "\(who), pid \(pid), broke the protocol: \(message.printable())", reason: message,
                pid: pid)
            details.more.append("handler", id.map { .string($0) })
            return details
        case .registrationRefused(let pid, let uid, let why):
            return EventDetails(
                "registration of pid \(pid) (uid \(uid)) refused: \(why.printable())",
                reason: why, pid: pid, more: ["uid": .integer(Int64(uid))])
        }
    }

    private static func details(
        _ id: String, _ pid: Int, _ words: String, reason: String? = nil
    ) -> EventDetails {
        EventDetails(
            "handler \(id.printable()), pid \(pid), \(words)", reason: reason, pid: pid,
            more: ["handler": .string(id)])
    }
}

extension HandlerEvent.Change {
    fileprivate var words: String {
        switch self {
        case .unresponsive: "unresponsive"
        case .ready: "ready: it answers again"
        case .draining: "draining"
        }
    }
}
