/// One service in the status.
package struct ServiceStatus: Hashable, Sendable {
    package var name: String
    package var dispatch: DispatchKind
    package var state: State
    /// Why it is in this state, in words, where the state alone does not say: `trigger_limit: paused for 4s`.
    package var reason: String?
    /// Since when it is paused by a person.
    package var pausedSince: Timestamp?
    /// Until what failed is tried again.
    package var retry: Duration?
    /// The last start that failed, until one succeeds.
    package var lastFailure: StartFailure?
    /// The last handler or process that died unasked.
    package var lastCrash: Crash?
    /// The last of each reason, the latest first.
    package var lastRefusals: [LastRefusal] = []
    /// In table order.
    package var listeners: [ListenerStatus]
    package var connections: ConnectionCounters
    /// Of `handoff`.
    package var handlers: [HandlerStatus] = []
    /// Of `exec`: what runs now.
    package var processes: [ProcessStatus] = []
    package var timings = Timings()

    package init(
        name: String, dispatch: DispatchKind, state: State, listeners: [ListenerStatus] = [],
        connections: ConnectionCounters = ConnectionCounters()
    ) {
        self.name = name
        self.dispatch = dispatch
        self.state = state
        self.listeners = listeners
        self.connections = connections
    }

    package enum State: String, Hashable, Sendable, CaseIterable {
        case ready
        /// On demand, and no handler started.
        case idle
        /// At a limit: its clients wait, or are refused.
        case limited
        /// By a person.
        case paused
        /// Its handlers do not start.
        case failed
        case draining
        /// `enabled: false`.
        case disabled
    }
}

/// The table's key that says what happens with a connection.
package enum DispatchKind: String, Hashable, Sendable, CaseIterable {
    case exec, handoff, `internal`, redirect, route
}

/// A handler that could not be started.
package struct StartFailure: Hashable, Sendable {
    /// The step that failed: `chroot`, `setuid`, `exec`, `register`, ….
    package var stage: String
    /// The kernel's word for it, or ours: `Permission denied`.
    package var error: String
    package var time: Timestamp

    package init(stage: String, error: String, time: Timestamp) {
        self.stage = stage
        self.error = error
        self.time = time
    }
}

/// A running process of an exec service.
package struct ProcessStatus: Hashable, Sendable {
    package var pid: Int
    package var started: Timestamp
    /// The connection it serves; nil for `wait`.
    package var connection: UInt64?
    /// What it has said of itself, or its silence; nil before.
    package var state: State?
    /// Its own words.
    package var status: String?

    package enum State: String, Hashable, Sendable, CaseIterable {
        case ready, stopping, unresponsive
    }

    package init(pid: Int, started: Timestamp, connection: UInt64? = nil, state: State? = nil, status: String? = nil) {
        self.pid = pid
        self.started = started
        self.connection = connection
        self.state = state
        self.status = status
    }
}

extension ServiceStatus: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = [
            "name": .string(name), "dispatch": .string(dispatch.rawValue), "state": .string(state.rawValue),
        ]
        object.append("reason", reason.map { .string($0) })
        object.append("paused_since", pausedSince.map { .string("\($0)") })
        object.append("retry_seconds", retry.map { .number($0.seconds) })
        object.append("last_failure", lastFailure?.json)
        object.append("last_crash", lastCrash?.json)
        object.append("last_refusals", lastRefusals.isEmpty ? nil : JSON(lastRefusals))
        object.append("listeners", JSON(listeners))
        object.append("connections", connections.json)
        object.append("handlers", JSON(handlers))
        object.append("processes", processes.isEmpty ? nil : JSON(processes))
        object.append("timings", timings.isEmpty ? nil : timings.json)
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        name = try object.string("name")
        dispatch = try object.choice("dispatch")
        state = try object.choice("state")
        reason = try object.optional("reason", object.string)
        pausedSince = try object.optional("paused_since", object.timestamp)
        retry = try object.optional("retry_seconds", object.duration)
        lastFailure = try object.optional("last_failure", object.value)
        lastCrash = try object.optional("last_crash", object.value)
        lastRefusals = try object.optional("last_refusals", object.list) ?? []
        listeners = try object.list("listeners")
        connections = try object.value("connections")
        handlers = try object.list("handlers")
        processes = try object.optional("processes", object.list) ?? []
        timings = try object.optional("timings", object.value) ?? timings
    }
}

extension StartFailure: JSONConvertible {
    package var json: JSON {
        ["stage": .string(stage), "error": .string(error), "time": .string("\(time)")]
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        stage = try object.string("stage")
        error = try object.string("error")
        time = try object.timestamp("time")
    }
}

extension ProcessStatus: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = ["pid": .integer(Int64(pid)), "started": .string("\(started)")]
        object.append("connection", connection.map { .string("\($0)") })
        object.append("state", state.map { .string($0.rawValue) })
        object.append("status", status.map { .string($0) })
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        pid = try object.integer("pid")
        started = try object.timestamp("started")
        connection = try object.optional("connection", object.connection)
        state = try object.optional("state", object.choice)
        status = try object.optional("status", object.string)
    }
}
