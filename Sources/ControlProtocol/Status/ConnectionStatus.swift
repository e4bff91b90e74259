/// One connection in the result of `connections`.
package struct ConnectionStatus: Hashable, Sendable {
    /// Its number, as in `BATON_CONNECTION` and in events.
    package var id: UInt64
    package var peer: String
    package var service: String
    /// The persistent handler that it was sent to.
    package var handler: String?
    /// The process that serves it, where one does.
    package var pid: Int?
    package var listener: String
    package var accepted: Timestamp
    package var age: Duration
    package var state: State

    package init(
        id: UInt64, peer: String, service: String, handler: String? = nil, pid: Int? = nil, listener: String,
        accepted: Timestamp, age: Duration, state: State
    ) {
        self.id = id
        self.peer = peer
        self.service = service
        self.handler = handler
        self.pid = pid
        self.listener = listener
        self.accepted = accepted
        self.age = age
        self.state = state
    }

    package enum State: String, Hashable, Sendable, CaseIterable {
        /// Its PROXY header has not come, or its name is being looked up.
        case arriving
        /// It has not taken all of the banner.
        case banner
        /// Its first bytes, or its line for tcpmux, are looked at, or the service that they ask for is asked.
        case routing
        /// It waits for a handler.
        case queued
        /// It was sent to a handler that has not acknowledged it.
        case sent
        /// A handler has it.
        case held
        /// Its process is being started.
        case starting
        /// A process of its own serves it.
        case running
        /// The target of `redirect` has not answered.
        case connecting
        case relayed
        /// Served by Baton itself.
        case `internal`
    }
}

extension ConnectionStatus: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = [
            "id": .string("\(id)"), "peer": .string(peer.printable()), "service": .string(service),
        ]
        object.append("handler", handler.map { .string($0) })
        object.append("pid", pid.map { .integer(Int64($0)) })
        object.append("listener", .string(listener))
        object.append("accepted", .string("\(accepted)"))
        object.append("age_seconds", .number(age.seconds))
        object.append("state", .string(state.rawValue))
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        id = try object.connection("id")
        peer = try object.string("peer")
        service = try object.string("service")
        handler = try object.optional("handler", object.string)
        pid = try object.optional("pid", object.integer)
        listener = try object.string("listener")
        accepted = try object.timestamp("accepted")
        age = try object.duration("age_seconds")
        state = try object.choice("state")
    }
}

/// The result of `connections`.
package struct ConnectionList: Hashable, Sendable {
    /// By number: the first accepted first.
    package var connections: [ConnectionStatus]
    /// How many more there are.
    package var omitted: Int

    package init(connections: [ConnectionStatus], omitted: Int) {
        self.connections = connections
        self.omitted = omitted
    }
}

extension ConnectionList: JSONConvertible {
    package var json: JSON { ["connections": JSON(connections), "omitted": .integer(Int64(omitted))] }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        connections = try object.list("connections")
        omitted = try object.integer("omitted")
    }
}
