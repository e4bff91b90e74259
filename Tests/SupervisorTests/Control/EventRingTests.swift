import ControlProtocol
import LinuxSystem
import Testing

@testable import Supervisor

/// What is kept of the events, and what a reader finds of them.
@Suite struct EventRingTests {
    private static let small = EventRing.Limits(events: 4, text: 100)

    private let accepted = Event.Kind.connection(.accepted(listener: "l"))
    private let refused = Event.Kind.connection(.refused(.source))

    /// What a reader finds: an event's connection, or a gap's size below 0.
    private func read(_ ring: EventRing, from cursor: inout EventRing.Cursor, before limit: UInt64 = .max) -> [Int] {
        var found: [Int] = []
        while let step = ring.next(after: &cursor, before: limit) {
            switch step {
            case .event(let event): found.append(Int(event.connection ?? 0))
            case .gap(let missed, _): found.append(-missed)
            }
        }
        return found
    }

    @Test("events come in the order in which they happened, whatever they matter")
    func order() {
        var ring = EventRing()
        var cursor = ring.start
        for number in 1...6 { ring.tell(UInt64(number), number % 2 == 0 ? refused : accepted) }
        #expect(read(ring, from: &cursor) == [1, 2, 3, 4, 5, 6])
        #expect(read(ring, from: &cursor) == [])
        #expect(cursor == ring.end)
        ring.tell(7)
        #expect(read(ring, from: &cursor) == [7])
    }

    @Test("only so many are kept; a reader that was too slow finds a gap of the right size, and goes on behind it")
    func gap() {
        var ring = EventRing(limits: Self.small)
        var cursor = ring.start
        ring.tell(1)
        #expect(read(ring, from: &cursor) == [1])
        for number in 2...10 { ring.tell(UInt64(number)) }
        var again = cursor
        guard case .gap(let missed, let next) = ring.next(after: &again) else {
            Issue.record("no gap")
            return
        }
        #expect(missed == 5)
        #expect(next == Timestamp(seconds: 7), "the time of the first that is left")
        #expect(read(ring, from: &cursor) == [-5, 7, 8, 9, 10])
    }

    @Test("a busy service does not push out what matters of another")
    func lanes() {
        var ring = EventRing(limits: Self.small)
        ring.tell(1, refused, of: "b")
        for number in 2...100 { ring.tell(UInt64(number)) }
        var cursor = ring.start
        #expect(read(ring, from: &cursor) == [1, 97, 98, 99, 100])
    }

    @Test("text from outside is bounded in bytes, but the last event is always kept")
    func text() {
        var ring = EventRing(limits: Self.small)
        func tellLine(_ number: UInt64, _ length: Int) {
            ring.tell(number, .process(.standardError(pid: 1, line: String(repeating: "x", count: length))))
        }
        tellLine(1, 60)
        tellLine(2, 60)
        var cursor = ring.start
        #expect(read(ring, from: &cursor) == [2])
        tellLine(3, 1000)
        cursor = ring.start
        #expect(read(ring, from: &cursor) == [3])
        ring.tell(4)
        cursor = ring.start
        #expect(read(ring, from: &cursor) == [4])
    }

    @Test("the last few that a filter admits are found among the others")
    func last() {
        var ring = EventRing()
        for number in 1...9 {
            ring.tell(UInt64(number), number % 3 == 0 ? refused : accepted, of: number > 3 ? "b" : "a")
        }
        func last(_ count: Int, _ filter: EventFilter = EventFilter()) -> [Int] {
            var cursor = ring.cursor(last: count, of: filter)
            var found: [Int] = []
            while let step = ring.next(after: &cursor) {
                if case .event(let event) = step, filter.admits(step) { found.append(Int(event.connection ?? 0)) }
            }
            return found
        }
        #expect(last(2) == [8, 9])
        #expect(last(0) == [])
        #expect(last(100) == Array(1...9))
        #expect(last(.max) == Array(1...9))
        #expect(last(2, EventFilter(names: [.refused])) == [6, 9])
        #expect(last(1, EventFilter(services: ["a"])) == [3])
        #expect(last(5, EventFilter(level: .notice)) == [3, 6, 9])
    }

    @Test("who does not follow is told up to where the ring stood, then the end")
    func stream() throws {
        var ring = EventRing()
        for number in 1...5 { ring.tell(UInt64(number), refused) }
        var stream = EventStream(EventQuery(recent: 3), in: ring, limits: EventStream.Limits(lines: 2))
        ring.tell(6)
        var names: [String] = []
        while true {
            let batch = stream.take(from: ring)
            let lines = String(decoding: batch.bytes, as: UTF8.self).split(separator: "\n")
            #expect(lines.count <= 2)
            for line in lines {
                let object = try JSON(parsing: Array(line.utf8), limits: .reply).object
                names.append(object?["connection"]?.string ?? object?["event"]?.string ?? "")
            }
            if batch.isLast { break }
        }
        #expect(names == ["3", "4", "5", "end"])
    }

    @Test("who follows is told what comes, by its filter; nothing but a place is kept for it")
    func following() {
        var ring = EventRing(limits: Self.small)
        ring.tell(1, refused)
        var stream = EventStream(
            EventQuery(filter: EventFilter(services: ["a"], names: [.refused]), follows: true), in: ring,
            limits: EventStream.Limits())
        #expect(!stream.hasMore(in: ring))
        ring.tell(2, refused, of: "b")
        ring.tell(3)
        ring.tell(4, refused)
        #expect(stream.hasMore(in: ring))
        let text = String(decoding: stream.take(from: ring).bytes, as: UTF8.self)
        #expect(text.split(separator: "\n").count == 1)
        #expect(text.contains(#""connection":"4""#))
        #expect(!stream.hasMore(in: ring))
    }
}

extension EventRing {
    fileprivate mutating func tell(
        _ number: UInt64, _ kind: Event.Kind = .connection(.accepted(listener: "l")), of service: String = "a"
    ) {
        append(
            EventContent(kind, of: service), at: Timestamp(seconds: Int64(number)), connection: number,
            peer: .ipv4(.loopback, port: 80))
    }
}
