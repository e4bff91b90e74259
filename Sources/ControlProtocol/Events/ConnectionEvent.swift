/// What happens to a connection, or a datagram. Handlers are named by their id.
package enum ConnectionEvent: Hashable, Sendable {
    case accepted(listener: String)
    /// `duration`: since it was accepted.
    case refused(RefusalReason, detail: String? = nil, duration: Duration? = nil)
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
    /// Baton itself has finished it. `duration`: since it was accepted; nil when it is not to be told. `why`: what ended
    /// it, where it was not the end of both ways.
    case ended(duration: Duration?, traffic: Traffic? = nil, why: String? = nil)
    /// Its handler has. It has a name of its own here alone, so that what is said most often is short.
    case finished(by: HandlerReference, duration: Duration?)
    case cut(why: String, handler: HandlerReference? = nil, duration: Duration? = nil)
    case abandoned(deliveries: Int, duration: Duration? = nil)
    case lost(why: String)

    package var name: EventName {
        switch self {
        case .accepted: .accepted
        case .refused: .refused
        case .refusedAgain: .refusedAgain
        case .dropped: .dropped
        case .handedOff: .handedOff
        case .acknowledged: .acknowledged
        case .nacked: .nacked
        case .requeued: .requeued
        case .routed: .routed
        case .notPassed: .notPassed
        case .ended, .finished: .ended
        case .cut: .cut
        case .abandoned: .abandoned
        case .lost: .lost
        }
    }

    /// A connection has one line at info or above: that of its end.
    package var level: EventLevel {
        switch self {
        case .accepted, .handedOff, .acknowledged, .routed: .debug
        case .dropped, .requeued, .ended, .finished: .info
        case .refused, .refusedAgain, .notPassed: .notice
        case .nacked, .cut: .warning
        case .abandoned, .lost: .error
        }
    }

    package var details: EventDetails {
        switch self {
        case .accepted(let listener):
            return EventDetails("accepted", more: ["listener": .string(listener)])
        case .refused(let reason, let detail, let duration):
            let words = detail.map { "; \($0.printable())" } ?? ""
            return EventDetails(
                "refused: \(reason.explanation)\(words)", reason: reason.rawValue, duration: duration)
        case .refusedAgain(let reason, let source, let count, let interval):
            let whom = source.map { "from \($0.printable())" } ?? "from other sources"
            var details = EventDetails(
                "refused \(count) more \(whom) within \(interval.brief): \(reason.explanation)",
                reason: reason.rawValue, more: ["count": .integer(Int64(count))])
            details.more.append("source", source.map { .string($0) })
            return details
        case .dropped(let reason):
            return EventDetails("datagram dropped: \(reason.explanation)", reason: reason.rawValue)
        case .handedOff(let handler, let pid, let again):
            return EventDetails(
                "sent to handler \(handler.printable()), pid \(pid)\(again ? ", again" : "")", pid: pid,
                more: ["handler": .string(handler), "again": .bool(again)])
        case .acknowledged(let handler):
            return EventDetails(
                "taken by handler \(handler.printable())", more: ["handler": .string(handler)])
        case .nacked(let handler, let why):
            return EventDetails(
                "handler \(handler.printable()) could not take it: \(why.printable())", reason: why,
                more: ["handler": .string(handler)])
        case .requeued(let why):
            return EventDetails("back in the queue: \(why.printable())", reason: why)
        case .routed(let service):
            return EventDetails("went to \(service.printable())", more: ["to": .string(service)])
        case .notPassed(let service, let reason):
            let target = service.isEmpty ? "another handler" : service.printable()
            return EventDetails(
                "not passed to \(target): \(reason.explanation)", reason: reason.rawValue,
                more: ["to": .string(service)])
        case .finished(let handler, let duration):
            let time = duration.map { " after \($0.brief)" } ?? ""
            return EventDetails(
                "ended\(time), served by \(handler)", pid: handler.pid, duration: duration, more: handler.members)
        case .ended(let duration, let traffic, let why):
            let moved = traffic.map { ", \($0.received) bytes from the client, \($0.sent) to it" } ?? ""
            let words = why.map { ": \($0.printable())" } ?? ""
            let time = duration.map { " after \($0.brief)" } ?? ""
            return EventDetails(
                "ended\(time)\(moved)\(words)", reason: why, duration: duration, more: traffic?.members ?? [:])
        case .cut(let why, let handler, let duration):
            let time = duration.map { " after \($0.brief)" } ?? ""
            let server = handler.map { "; it was with \($0)" } ?? ""
            return EventDetails(
                "cut\(time): \(why.printable())\(server)", reason: why, pid: handler?.pid, duration: duration,
                more: handler?.members ?? [:])
        case .abandoned(let deliveries, let duration):
            return EventDetails(
                "given up: \(counted(deliveries, "handler")) died of it", duration: duration,
                more: ["deliveries": .integer(Int64(deliveries))])
        case .lost(let why):
            return EventDetails("lost: \(why.printable()); this is a bug in Baton", reason: why)
        }
    }
}

/// A persistent handler, as an event names it.
package struct HandlerReference: Hashable, Sendable, CustomStringConvertible {
    package var id: String
    package var pid: Int

    package init(id: String, pid: Int) {
        self.id = id
        self.pid = pid
    }

    package var description: String { "handler \(id.printable()), pid \(pid)" }

    /// As members of an event; the pid has a place of its own there.
    var members: JSONObject { ["handler": .string(id)] }
}
