/// What happens to a connection, or a datagram. Handlers are named by their id.
package enum ConnectionEvent: Hashable, Sendable {
    case accepted(listener: String)
    case refused(RefusalReason, detail: String? = nil)
    /// So many more refusals after one that was reported. `source`: nil when there were several.
    case refusedAgain(RefusalReason, source: String?, count: Int, within: Duration)
    /// A datagram.
    case dropped(DropReason)
    /// `again`: it was sent to another handler before.
    case handedOff(handler: String, pid: Int, again: Bool)
    case acknowledged(handler: String)
    case nacked(handler: String, why: String)
    case requeued(why: String)
    /// Another service has taken it over, and counts it from now on.
    case routed(to: String)
    /// Its handler wanted to give it on, and holds it still. `to`: empty for another handler of its own service.
    case notPassed(to: String, RefusalReason)
    /// Its handler has finished it, or Baton itself. `duration`: since it was accepted; nil when it is not to be told. `why`: what ended it,
    /// where it was not the end of both ways.
    case ended(duration: Duration?, traffic: Traffic? = nil, why: String? = nil)
    case cut(why: String)
    case abandoned(deliveries: Int)
    case lost(why: String)

    package var level: EventLevel {
        switch self {
        case .accepted, .handedOff, .acknowledged, .ended, .routed: .debug
        case .dropped, .requeued: .info
        case .refused, .refusedAgain, .notPassed: .notice
        case .nacked, .cut: .warning
        case .abandoned, .lost: .error
        }
    }

    package var details: EventDetails {
        switch self {
        case .accepted(let listener):
            return EventDetails("accepted", "accepted", more: ["listener": .string(listener)])
        case .refused(let reason, let detail):
            let words = detail.map { "; \($0.printable())" } ?? ""
            return EventDetails("refused", "refused: \(reason.explanation)\(words)", reason: reason.rawValue)
        case .refusedAgain(let reason, let source, let count, let interval):
            let whom = source.map { "from \($0.printable())" } ?? "from other sources"
            var details = EventDetails(
                "refused_again", "refused \(count) more \(whom) within \(interval.brief): \(reason.explanation)",
                reason: reason.rawValue, more: ["count": .integer(Int64(count))])
            details.more.append("source", source.map { .string($0) })
            return details
        case .dropped(let reason):
            return EventDetails("dropped", "datagram dropped: \(reason.explanation)", reason: reason.rawValue)
        case .handedOff(let handler, let pid, let again):
            return EventDetails(
                "handed_off", "sent to handler \(handler.printable()), pid \(pid)\(again ? ", again" : "")", pid: pid,
                more: ["handler": .string(handler), "again": .bool(again)])
        case .acknowledged(let handler):
            return EventDetails(
                "acknowledged", "taken by handler \(handler.printable())", more: ["handler": .string(handler)])
        case .nacked(let handler, let why):
            return EventDetails(
                "nacked", "handler \(handler.printable()) could not take it: \(why.printable())", reason: why,
                more: ["handler": .string(handler)])
        case .requeued(let why):
            return EventDetails("requeued", "back in the queue: \(why.printable())", reason: why)
        case .routed(let service):
            return EventDetails("routed", "went to \(service.printable())", more: ["to": .string(service)])
        case .notPassed(let service, let reason):
            let target = service.isEmpty ? "another handler" : service.printable()
            return EventDetails(
                "not_passed", "not passed to \(target): \(reason.explanation)", reason: reason.rawValue,
                more: ["to": .string(service)])
        case .ended(let duration, let traffic, let why):
            let moved = traffic.map { ", \($0.received) bytes from the client, \($0.sent) to it" } ?? ""
            let words = why.map { ": \($0.printable())" } ?? ""
            let time = duration.map { " after \($0.brief)" } ?? ""
            return EventDetails(
                "ended", "ended\(time)\(moved)\(words)", reason: why, duration: duration,
                more: traffic?.members ?? [:])
        case .cut(let why):
            return EventDetails("cut", "cut: \(why.printable())", reason: why)
        case .abandoned(let deliveries):
            return EventDetails(
                "abandoned", "given up: \(counted(deliveries, "handler")) died of it",
                more: ["deliveries": .integer(Int64(deliveries))])
        case .lost(let why):
            return EventDetails("lost", "lost: \(why.printable()); this is a bug in Baton", reason: why)
        }
    }
}
