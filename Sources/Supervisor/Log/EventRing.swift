internal import ControlProtocol
internal import DequeModule
internal import LinuxSystem

/// An event as it happened: rendered only when somebody reads it. An object, so that it is never copied.
final class RecordedEvent {
    private(set) var time: Timestamp
    private(set) var service: String?
    private(set) var connection: UInt64?
    private(set) var peer: SocketAddress?
    private(set) var kind: Event.Kind
    private(set) var level: EventLevel
    /// Text from outside, in bytes.
    private(set) var textBytes: Int

    init(time: Timestamp, service: String?, connection: UInt64?, peer: SocketAddress?, kind: consuming Event.Kind) {
        self.time = time
        self.service = service
        self.connection = connection
        self.peer = peer
        level = kind.level
        textBytes = kind.textBytes
        self.kind = kind
    }

    /// Becomes another one: for whoever has it alone.
    func become(
        time: Timestamp, service: String?, connection: UInt64?, peer: SocketAddress?, kind: consuming Event.Kind
    ) {
        self.time = time
        self.service = service
        self.connection = connection
        self.peer = peer
        level = kind.level
        textBytes = kind.textBytes
        self.kind = kind
    }

    var event: Event {
        Event(time: time, service: service, connection: connection, peer: peer?.description, kind)
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

    /// - Returns: The last that it has let go for this one.
    @discardableResult
    mutating func append(_ event: RecordedEvent) -> RecordedEvent? {
        defer { nextNumber += 1 }
        return event.level >= .notice ? notable.append(event, nextNumber) : frequent.append(event, nextNumber)
    }

    /// What matters, the oldest first: to be carried over.
    var notableEvents: [RecordedEvent] { notable.events }

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
        let one = frequent.entry(cursor.frequent)
        let other = notable.entry(cursor.notable)
        let isFrequent = (one?.number ?? .max) < (other?.number ?? .max)
        guard let entry = isFrequent ? one : other, entry.number < limit else { return nil }
        guard missed == 0 else { return .gap(missed: missed, next: entry.event.time) }
        if isFrequent { cursor.frequent += 1 } else { cursor.notable += 1 }
        return .event(entry.event)
    }
}

extension EventFilter {
    func admits(_ step: EventRing.Step) -> Bool {
        guard case .event(let event) = step else { return false }
        return admits(event.kind, of: event.service)
    }
}

/// The last events of one kind of importance.
private struct Lane {
    struct Entry {
        let number: UInt64
        let event: RecordedEvent
    }

    private let limits: EventRing.Limits
    private var entries: Deque<Entry> = []
    private var text = 0
    /// How many have been let go: the place of the first that is kept.
    private(set) var first: UInt64 = 0

    init(_ limits: EventRing.Limits) {
        self.limits = limits
    }

    var end: UInt64 { first + UInt64(entries.count) }
    var events: [RecordedEvent] { entries.map(\.event) }

    mutating func append(_ event: RecordedEvent, _ number: UInt64) -> RecordedEvent? {
        text += event.textBytes
        entries.append(Entry(number: number, event: event))
        var last: RecordedEvent?
        while entries.count > 1, entries.count > limits.events || text > limits.text, let oldest = entries.popFirst() {
            text -= oldest.event.textBytes
            first += 1
            last = oldest.event
        }
        return last
    }

    func missed(at place: UInt64) -> Int { place < first ? Int(first - place) : 0 }

    func entry(_ place: UInt64) -> Entry? { place < end ? entries[Int(place - first)] : nil }
}
