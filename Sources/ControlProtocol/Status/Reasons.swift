/// Why a connection was refused: closed by Baton, and counted. The raw values are keys of the status.
package enum RefusalReason: String, Hashable, Sendable, CaseIterable {
    /// `only_from`, `no_access`.
    case source
    /// `access_times`.
    case time
    /// `max_load`.
    case load
    /// The limits of these names in the table.
    case instances, connections
    case perSource = "per_source"
    case rate
    case ratePerSource = "rate_per_source"
    /// `limits.instances`, or no descriptor left for it.
    case global
    /// No valid PROXY header where one is due.
    case proxy
    /// No rule of `route` matched.
    case route
    /// No handler registered, or the service is failed, and no `exec` to fall back on.
    case noHandler = "no_handler"
    case queueFull = "queue_full"
    case queueTimeout = "queue_timeout"
    /// PASS that is not allowed: too often, to a service that `pass_to` does not name, of what is no connection.
    case passed
    /// Its process could not be started.
    case spawn
    case stopping

    /// For a log line: why, in words.
    package var explanation: String {
        switch self {
        case .source: "its source is not admitted"
        case .time: "outside of access_times"
        case .load: "the load is above max_load"
        case .instances: "instances is reached"
        case .connections: "connections is reached"
        case .perSource: "per_source is reached"
        case .rate: "over the rate"
        case .ratePerSource: "over the rate of one source"
        case .global: "the supervisor's own limit is reached"
        case .proxy: "no valid PROXY header"
        case .route: "no route matches"
        case .noHandler: "no handler"
        case .queueFull: "the queue is full"
        case .queueTimeout: "too long in the queue"
        case .passed: "it may not be passed on: too often, not to there, or no connection"
        case .spawn: "its process could not be started"
        case .stopping: "the service is stopping"
        }
    }
}

/// Why a datagram was dropped, and counted. The raw values are keys of the status.
package enum DropReason: String, Hashable, Sendable, CaseIterable {
    /// Its source is not admitted.
    case source
    case rate
    /// An answer could start, or keep up, a loop between two small services.
    case loop
    /// Eaten by `trigger_limit`, because handlers fail on it.
    case trigger

    /// For a log line: why, in words.
    package var explanation: String {
        switch self {
        case .source: "its source is not admitted"
        case .rate: "over the rate"
        case .loop: "an answer could loop"
        case .trigger: "its handlers fail on it"
        }
    }
}

/// A counter a reason.
package struct ReasonCounts<Reason: Hashable & Sendable & CaseIterable & RawRepresentable<String>>: Hashable, Sendable {
    private var counts: [Reason: Int] = [:]

    package init() {}

    package subscript(reason: Reason) -> Int {
        get { counts[reason, default: 0] }
        set { counts[reason] = newValue == 0 ? nil : newValue }
    }

    package var total: Int { counts.values.reduce(0, +) }

    /// What is not 0, in the order of the reasons.
    package var present: [(reason: Reason, count: Int)] {
        Reason.allCases.compactMap { reason in counts[reason].map { (reason, $0) } }
    }
}

extension ReasonCounts: JSONConvertible {
    package var json: JSON {
        .object(JSONObject(present.map { ($0.reason.rawValue, .integer(Int64($0.count))) }))
    }

    /// Reasons that this version does not know are passed over.
    package init(json: JSON) throws(JSONShapeError) {
        self.init()
        let object = try json.members()
        for reason in Reason.allCases where object[reason.rawValue] != nil {
            self[reason] = try object.integer(reason.rawValue)
        }
    }
}
