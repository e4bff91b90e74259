internal import ControlProtocol
internal import LinuxSystem

/// What there is to tell, but for when and of which connection. An object: what comes with every connection is made once.
final class EventContent: Sendable {
    let service: String?
    let kind: Event.Kind
    let level: EventLevel
    let isNotable: Bool
    /// Text from outside, in bytes.
    let textBytes: Int

    init(_ kind: consuming Event.Kind, of service: String?) {
        level = kind.level
        isNotable = level >= .notice
        textBytes = kind.textBytes
        self.service = service
        self.kind = kind
    }
}

/// An event as it happened: rendered only when somebody reads it.
struct RecordedEvent {
    /// Among all events.
    fileprivate(set) var number: UInt64 = 0
    fileprivate(set) var time: Timestamp
    fileprivate(set) var content: EventContent
    fileprivate(set) var connection: UInt64?
    fileprivate(set) var peer: SocketAddress?
    /// Of a connection that a handler has finished.
    fileprivate(set) var duration: Duration?

    /// Takes the place of another: member by member, so that nothing is copied on the way.
    fileprivate mutating func become(
        _ number: UInt64, _ content: EventContent, at time: Timestamp, connection: UInt64?, peer: SocketAddress?,
        lasting duration: Duration?
    ) {
        self.number = number
        self.time = time
        self.content = content
        self.connection = connection
        self.peer = peer
        self.duration = duration
    }

    var event: Event {
        var kind = content.kind
        if let duration, case .connection(.finished(let handler, _)) = kind {
            kind = .connection(.finished(by: handler, duration: duration))
        }
        return Event(time: time, service: content.service, connection: connection, peer: peer?.description, kind)
    }
}

/// The events of the last while, bounded in number and in bytes.
///
/// What matters (`notice` and above) and what comes with every connection are kept apart, so that a busy service does
/// not push out the crash of another one. Readers hold a cursor and nothing else: one that is too slow finds a gap.
struct EventRing {
    /// What comes with every connection.
    private var frequent: Lane
    private var notable: Lane
    /// The number that the next event gets.
    private(set) var nextNumber: UInt64 = 0

    init(limits: Limits = Limits()) {
        frequent = Lane(limits)
        notable = Lane(limits)
    }

    /// Of each of the two.
    struct Limits {
        var events = 1024
        /// Text from outside, in bytes; the rest of an event has a fixed size.
        var text = 256 << 10
    }

    mutating func append(
        _ content: EventContent, at time: Timestamp, connection: UInt64?, peer: SocketAddress?,
        lasting duration: Duration? = nil
    ) {
        let number = nextNumber
        nextNumber += 1
        if content.isNotable {
            notable.append(number, content, at: time, connection: connection, peer: peer, lasting: duration)
        } else {
            frequent.append(number, content, at: time, connection: connection, peer: peer, lasting: duration)
        }
    }

    /// What matters, the oldest first: to be carried over.
    var notableEvents: [RecordedEvent] { notable.kept }

    // MARK: Reading

    /// A place between two events.
    struct Cursor: Equatable {
        fileprivate var frequent: UInt64
        fileprivate var notable: UInt64
    }

    enum Step {
        case event(RecordedEvent)
        /// So many that the reader had not come to are kept no more; the next one is of that time.
        case gap(missed: Int, next: Timestamp)
    }

    /// Before the first that is kept.
    var start: Cursor { Cursor(frequent: frequent.first, notable: notable.first) }

    /// Behind the last.
    var end: Cursor { Cursor(frequent: frequent.end, notable: notable.end) }

    /// Before the last `count` that `filter` admits.
    func cursor(last count: Int, of filter: EventFilter) -> Cursor {
        var surplus = -count
        var cursor = start
        while let step = next(after: &cursor) { if filter.admits(step) { surplus += 1 } }
        cursor = start
        while surplus > 0, let step = next(after: &cursor) { if filter.admits(step) { surplus -= 1 } }
        return cursor
    }

    /// The next event, in the order in which they happened.
    ///
    /// - Parameter limit: Events from this number on are not looked at.
    /// - Returns: Nil when there is none yet.
    func next(after cursor: inout Cursor, before limit: UInt64 = .max) -> Step? {
        let missed = frequent.missed(at: cursor.frequent) + notable.missed(at: cursor.notable)
        if missed > 0 {
            cursor.frequent = max(cursor.frequent, frequent.first)
            cursor.notable = max(cursor.notable, notable.first)
        }
        let one = frequent.event(cursor.frequent)
        let other = notable.event(cursor.notable)
        let isFrequent = (one?.number ?? .max) < (other?.number ?? .max)
        guard let event = isFrequent ? one : other, event.number < limit else { return nil }
        guard missed == 0 else { return .gap(missed: missed, next: event.time) }
        if isFrequent { cursor.frequent += 1 } else { cursor.notable += 1 }
        return .event(event)
    }
}

extension EventFilter {
    func admits(_ event: RecordedEvent) -> Bool { admits(event.content.kind, of: event.content.service) }

    func admits(_ step: EventRing.Step) -> Bool {
        guard case .event(let event) = step else { return false }
        return admits(event)
    }
}

/// The last events of one kind of importance.
private struct Lane {
    private let limits: EventRing.Limits
    /// By their places, which go round once there are as many as may be: then an event takes over that of the one that it
    /// pushes out.
    private var events: [RecordedEvent] = []
    private var text = 0
    /// The place of the first that is kept.
    private(set) var first: UInt64 = 0
    /// Behind the last.
    private(set) var end: UInt64 = 0

    init(_ limits: EventRing.Limits) {
        self.limits = limits
    }

    var kept: [RecordedEvent] { (first..<end).map { events[index($0)] } }

    mutating func append(
        _ number: UInt64, _ content: EventContent, at time: Timestamp, connection: UInt64?, peer: SocketAddress?,
        lasting duration: Duration?
    ) {
        if count == limits.events { letGo() }
        let index = index(end)
        text += content.textBytes
        end += 1
        if index < events.count {
            events[index].become(number, content, at: time, connection: connection, peer: peer, lasting: duration)
        } else {
            events.append(
                RecordedEvent(
                    number: number, time: time, content: content, connection: connection, peer: peer,
                    duration: duration))
        }
        while text > limits.text, count > 1 { letGo() }
    }

    private mutating func letGo() {
        let index = index(first)
        let bytes = events[index].content.textBytes
        if bytes > 0 {
            text -= bytes
            events[index].content = Self.nothing
        }
        first += 1
    }

    /// In the place of what would be long.
    private static let nothing = EventContent(.connection(.lost(why: "")), of: nil)

    private var count: Int { Int(end - first) }

    private func index(_ place: UInt64) -> Int { Int(place % UInt64(limits.events)) }

    func missed(at place: UInt64) -> Int { place < first ? Int(first - place) : 0 }

    func event(_ place: UInt64) -> RecordedEvent? { place < end ? events[index(place)] : nil }
}
