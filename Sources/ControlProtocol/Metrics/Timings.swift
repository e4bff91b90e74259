/// How long connections of a service waited, by what they waited for.
///
/// Times count from the round of the supervisor's loop in which a connection was accepted to the one in which the news
/// of its service came; a round's time is read once. What a client waited in the backlog before is not known.
package struct Timings: Hashable, Sendable {
    /// From accept to the handler's acknowledgement: what a client feels of a hand-off.
    package var handoff = Histogram()
    /// The part of it that the connection stood in the queue.
    package var queue = Histogram()
    /// From accept to a program of its own that runs; with `wait`, from the news of a first client.
    package var spawn = Histogram()

    package init() {}

    package var isEmpty: Bool { handoff.isEmpty && queue.isEmpty && spawn.isEmpty }

    /// What was counted since `earlier`; nil when that is no former state of this one.
    package func since(_ earlier: Timings) -> Timings? {
        guard let handoff = handoff.since(earlier.handoff), let queue = queue.since(earlier.queue),
            let spawn = spawn.since(earlier.spawn)
        else { return nil }
        var difference = Timings()
        (difference.handoff, difference.queue, difference.spawn) = (handoff, queue, spawn)
        return difference
    }
}

extension Timings: JSONConvertible {
    package var json: JSON {
        var object = JSONObject()
        for (name, histogram) in [("handoff", handoff), ("queue", queue), ("spawn", spawn)] {
            object.append(name, histogram.isEmpty ? nil : histogram.json)
        }
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        self.init()
        let object = try json.members()
        handoff = try object.optional("handoff", object.value) ?? handoff
        queue = try object.optional("queue", object.value) ?? queue
        spawn = try object.optional("spawn", object.value) ?? spawn
    }
}
