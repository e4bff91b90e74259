/// Which events a client of `events` wants.
package struct EventQuery: Hashable, Sendable {
    package var filter = EventFilter()
    /// Goes on with what happens from now on.
    package var follows = false
    /// So many of those that have happened; nil is all that are kept, or none with `follows`.
    package var recent: Int?

    package init(filter: EventFilter = EventFilter(), follows: Bool = false, recent: Int? = nil) {
        self.filter = filter
        self.follows = follows
        self.recent = recent
    }
}

package struct EventFilter: Hashable, Sendable {
    /// None: all, and what is about no service.
    package var services: Set<String> = []
    /// None: all.
    package var names: Set<EventName> = []
    package var level = EventLevel.debug

    package init(services: Set<String> = [], names: Set<EventName> = [], level: EventLevel = .debug) {
        self.services = services
        self.names = names
        self.level = level
    }

    package func admits(_ kind: Event.Kind, of service: String?) -> Bool {
        guard kind.level >= level, names.isEmpty || names.contains(kind.name) else { return false }
        return services.isEmpty || service.map(services.contains) ?? false
    }
}

/// What stands between the events of a stream and is none.
package enum EventMark: Hashable, Sendable {
    /// So many events are missing here: their reader was too slow.
    case gap(missed: Int, next: Timestamp)
    /// No more follow.
    case end(Timestamp)

    package static let gapName = "gap"
    package static let endName = "end"

    package var json: JSON {
        switch self {
        case .gap(let missed, let time):
            [
                "time": .string("\(time)"), "event": .string(Self.gapName), "missed": .integer(Int64(missed)),
                "level": .string(EventLevel.warning.rawValue),
                "message": .string("\(counted(missed, "event")) missing here: the reader was too slow"),
            ]
        case .end(let time): ["time": .string("\(time)"), "event": .string(Self.endName)]
        }
    }
}
