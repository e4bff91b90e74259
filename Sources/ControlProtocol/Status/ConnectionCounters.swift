/// What became of a service's connections, since it was first read. The supervisor counts in it; the
/// status shows it.
package struct ConnectionCounters: Hashable, Sendable {
    /// With a handler now: in a process of their own, handed off, or served inside.
    package var active = 0
    package var accepted = 0
    /// Waiting for a handler now, or sent to one and not acknowledged.
    package var queued = 0
    /// Closed by Baton for a reason of its rules.
    package var refused = ReasonCounts<RefusalReason>()
    /// Datagrams; no part of the sum below.
    package var dropped = ReasonCounts<DropReason>()
    /// Processes started.
    package var spawned = 0
    /// Acknowledged by a handler.
    package var handedOff = 0
    /// Returns to the queue.
    package var requeued = 0
    /// DONE, exit of the process, or served to the end.
    package var ended = 0
    /// The handler died after taking it.
    package var cut = 0
    /// Given up after `max_deliveries`.
    package var abandoned = 0
    /// Closed by Baton for no reason above: a bug.
    package var lost = 0

    package init() {}

    /// Those that are here now.
    package var present: Int { active + queued }

    /// Every connection is in exactly one place: false is a bug, in the counting at least.
    package var isBalanced: Bool {
        accepted == active + queued + refused.total + ended + cut + abandoned + lost
    }
}

extension ConnectionCounters: JSONConvertible {
    /// The plain counters in the order of the status, with `refused` and `dropped` at their place.
    private static var plain: [(String, WritableKeyPath<ConnectionCounters, Int>)] {
        [
            ("active", \.active), ("accepted", \.accepted), ("queued", \.queued), ("spawned", \.spawned),
            ("handed_off", \.handedOff), ("requeued", \.requeued), ("ended", \.ended), ("cut", \.cut),
            ("abandoned", \.abandoned), ("lost", \.lost),
        ]
    }

    package var json: JSON {
        var object = JSONObject()
        for (name, counter) in Self.plain {
            object.append(name, .integer(Int64(self[keyPath: counter])))
            if counter == \.queued {
                object.append("refused", refused.json)
                object.append("dropped", dropped.json)
            }
        }
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        self.init()
        let object = try json.members()
        for (name, counter) in Self.plain { self[keyPath: counter] = try object.integer(name) }
        refused = try object.value("refused")
        dropped = try object.value("dropped")
    }
}
