/// One persistent handler in the status.
package struct HandlerStatus: Hashable, Sendable {
    /// Names the handler for as long as the supervisor runs.
    package var id: String
    package var pid: Int
    package var kind: Kind
    package var state: State
    /// The most connections it takes: the smaller of the table's number and its own.
    package var capacity: Int
    /// Connections that count against `capacity`.
    package var held: Int
    /// Of those, sent and not acknowledged.
    package var unacknowledged: Int
    /// Connections that it acknowledged, in its life.
    package var served: Int
    package var started: Timestamp
    /// Since its last message, or its start.
    package var lastSignOfLife: Duration
    /// Its own words (STATUS); empty when it sent none.
    package var status: String
    /// For how long it has been unresponsive; nil when it is not.
    package var unresponsive: Duration?
    /// For how long it has acknowledged nothing of what it was sent; nil when it has acknowledged all.
    package var unacknowledgedFor: Duration?

    package init(
        id: String, pid: Int, kind: Kind, state: State, capacity: Int, held: Int, unacknowledged: Int, served: Int,
        started: Timestamp, lastSignOfLife: Duration, status: String = ""
    ) {
        self.id = id
        self.pid = pid
        self.kind = kind
        self.state = state
        self.capacity = capacity
        self.held = held
        self.unacknowledged = unacknowledged
        self.served = served
        self.started = started
        self.lastSignOfLife = lastSignOfLife
        self.status = status
    }

    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Started by Baton.
        case supervised
        /// Came on its own.
        case registered
    }

    /// A handler that is gone is not in the status.
    package enum State: String, Hashable, Sendable, CaseIterable {
        case starting, ready, busy, unresponsive, draining
    }
}

extension HandlerStatus: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = [
            "id": .string(id), "pid": .integer(Int64(pid)), "kind": .string(kind.rawValue),
            "state": .string(state.rawValue), "capacity": .integer(Int64(capacity)), "held": .integer(Int64(held)),
            "unacknowledged": .integer(Int64(unacknowledged)), "served": .integer(Int64(served)),
            "started": .string("\(started)"), "last_sign_of_life_seconds": .number(lastSignOfLife.seconds),
            "status": .string(status),
        ]
        object.append("unresponsive_seconds", unresponsive.map { .number($0.seconds) })
        object.append("unacknowledged_seconds", unacknowledgedFor.map { .number($0.seconds) })
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        id = try object.string("id")
        pid = try object.integer("pid")
        kind = try object.choice("kind")
        state = try object.choice("state")
        capacity = try object.integer("capacity")
        held = try object.integer("held")
        unacknowledged = try object.integer("unacknowledged")
        served = try object.integer("served")
        started = try object.timestamp("started")
        lastSignOfLife = try object.duration("last_sign_of_life_seconds")
        status = try object.string("status")
        unresponsive = try object.optional("unresponsive_seconds", object.duration)
        unacknowledgedFor = try object.optional("unacknowledged_seconds", object.duration)
    }
}
