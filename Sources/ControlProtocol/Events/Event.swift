/// Something that happened. The log and `baton events` are renderings of it.
package struct Event: Hashable, Sendable {
    package var time: Timestamp
    package var service: String?
    /// The connection's number, as in `BATON_CONNECTION`.
    package var connection: UInt64?
    /// The other end, as an address with its port.
    package var peer: String?
    package var kind: Kind
    /// It matters as much at least: somebody asked for it.
    package var leastLevel = EventLevel.debug

    package init(
        time: Timestamp, service: String? = nil, connection: UInt64? = nil, peer: String? = nil, _ kind: Kind
    ) {
        self.time = time
        self.service = service
        self.connection = connection
        self.peer = peer
        self.kind = kind
    }

    package enum Kind: Hashable, Sendable {
        case supervisor(SupervisorEvent)
        case listener(ListenerEvent)
        case connection(ConnectionEvent)
        case process(ProcessEvent)
        case handler(HandlerEvent)
        case service(ServiceEvent)
        case control(ControlEvent)
        case past(PastEvent)
    }

    /// How much it matters; cheap, so that what nobody logs is not rendered.
    package var level: EventLevel { max(leastLevel, kind.level) }

    package var name: EventName { kind.name }

    /// What its renderings are made of.
    package var details: EventDetails {
        switch kind {
        case .supervisor(let event): event.details
        case .listener(let event): event.details
        case .connection(let event): event.details
        case .process(let event): event.details
        case .handler(let event): event.details
        case .service(let event): event.details
        case .control(let event): event.details
        case .past(let event): event.details
        }
    }
}

/// The levels of the log, least first. The raw values are the table's words.
package enum EventLevel: String, Hashable, Sendable, CaseIterable, Comparable {
    case debug, info, notice, warning, error

    private var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .notice: 2
        case .warning: 3
        case .error: 4
        }
    }

    package static func < (left: EventLevel, right: EventLevel) -> Bool { left.rank < right.rank }
    /// As `<` would have it; that one by itself is a look-up and a call, with each event.
    package static func >= (left: EventLevel, right: EventLevel) -> Bool { left.rank >= right.rank }
}

/// An event, taken apart for its renderings.
package struct EventDetails: Hashable, Sendable {
    /// For people; text from outside in it is printable and short.
    package var message: String
    /// A fixed word where there is a list of them, else words.
    package var reason: String?
    package var pid: Int?
    /// The exit status of a process that exited.
    package var status: Int?
    package var duration: Duration?
    /// Further members of the JSON form.
    package var more: JSONObject

    package init(
        _ message: String, reason: String? = nil, pid: Int? = nil, status: Int? = nil,
        duration: Duration? = nil, more: JSONObject = [:]
    ) {
        self.message = message
        self.reason = reason
        self.pid = pid
        self.status = status
        self.duration = duration
        self.more = more
    }
}

extension Event.Kind {
    /// Cheap, as the level is.
    package var name: EventName {
        switch self {
        case .supervisor(let event): event.name
        case .listener(let event): event.name
        case .connection(let event): event.name
        case .process(let event): event.name
        case .handler(let event): event.name
        case .service(let event): event.name
        case .control(let event): event.name
        case .past(let event): event.name
        }
    }

    package var level: EventLevel {
        switch self {
        case .supervisor(let event): event.level
        case .listener(let event): event.level
        case .connection(let event): event.level
        case .process(let event): event.level
        case .handler(let event): event.level
        case .service(let event): event.level
        case .control(let event): event.level
        case .past(let event): event.level
        }
    }
}

extension Event.Kind {
    /// Bytes of text from outside that it holds. What is not told here is ours, and short.
    package var textBytes: Int {
        switch self {
        case .process(.standardError(_, let line)): line.utf8.count
        case .connection(.nacked(_, let why)): why.utf8.count
        case .connection(.refused(_, let detail?, _)): detail.utf8.count
        case .handler(.protocolError(_, _, let message)): message.utf8.count
        case .past(let event): event.details.message.utf8.count
        case .supervisor(.tableFault(let fault)): fault.message.utf8.count + fault.key.utf8.count
        default: 0
        }
    }
}
