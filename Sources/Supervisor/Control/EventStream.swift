internal import ControlProtocol

/// What one client of `events` is still to be told. It holds a place in the ring and no event.
struct EventStream {
    private let filter: EventFilter
    private let limits: Limits
    private var cursor: EventRing.Cursor
    /// The number of the first event that is not told any more; nil goes on with what comes.
    private let end: UInt64?

    /// Of one batch.
    struct Limits {
        var lines = 128
        var bytes = 32 << 10
        /// Events looked at, told or not.
        var looks = 2048
    }

    struct Batch {
        var bytes: [UInt8] = []
        var isLast = false
    }

    init(_ query: EventQuery, in ring: EventRing, limits: Limits) {
        filter = query.filter
        self.limits = limits
        end = query.follows ? nil : ring.nextNumber
        switch query.recent {
        case let count?: cursor = ring.cursor(last: count, of: query.filter)
        case nil: cursor = query.follows ? ring.end : ring.start
        }
    }

    func hasMore(in ring: EventRing) -> Bool { end != nil || cursor != ring.end }

    /// The next lines.
    mutating func take(from ring: EventRing) -> Batch {
        var batch = Batch()
        var (lines, looks) = (0, 0)
        while lines < limits.lines, looks < limits.looks, batch.bytes.count < limits.bytes {
            switch ring.next(after: &cursor, before: end ?? .max) {
            case .event(let event):
                looks += 1
                guard filter.admits(event) else { continue }
                batch.bytes += event.event.json.line
            case .gap(let missed, let time):
                batch.bytes += EventMark.gap(missed: missed, next: time).json.line
            case nil:
                batch.isLast = end != nil
                if batch.isLast { batch.bytes += EventMark.end(.now).json.line }
                return batch
            }
            lines += 1
        }
        return batch
    }
}
