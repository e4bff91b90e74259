/// The `handoff` key: a persistent handler and how it is kept.
package struct Handoff: Hashable, Sendable {
    /// The handler that Baton starts and keeps (`handoff.exec`); nil when only registered handlers serve.
    package var program: Program?
    /// The service's own `exec`, for connections that no handler takes while the service is failed, or
    /// when none is registered and there is no `handoff.exec`.
    package var fallback: Program?
    package var start = Start.onDemand
    /// How many handlers Baton keeps.
    package var pool = Pool()
    /// The most connections one handler may hold.
    package var capacity = 1024
    package var balance = Balance.leastLoaded
    package var register = Registration()
    /// Connections that wait while no handler has room. Nil is unlimited.
    package var queueSize: Int? = 1024
    /// How long one may wait. Nil is unlimited.
    package var queueTimeout: Duration? = .seconds(30)
    /// Handlers that one connection may kill before it is given up. Nil is unlimited.
    package var maxDeliveries: Int? = 3
    /// How long the supervisor keeps its copy of a connection.
    package var hold = Hold.acknowledged
    /// From DRAIN to TERM. Nil is unlimited.
    package var drain: Duration? = .seconds(300)
    /// Nil: no heartbeat.
    package var heartbeat: Heartbeat? = Heartbeat()
    /// Nil: kill if supervised, wait if registered.
    package var unresponsive: Unresponsive?
    /// To register, from the spawn on. Nil is unlimited.
    package var startTimeout: Duration? = .seconds(30)
    /// From TERM to KILL.
    package var stopGrace = Duration.seconds(10)
    package var restart = Restart()
    /// A handler that has had nothing to do for so long is drained. Nil: never.
    package var idleExit: Duration?
    /// The services that its handlers may PASS connections to.
    package var passTo: [String] = []

    /// Without a handler from outside nobody serves.
    package var takesRegisteredOnly: Bool { program == nil && fallback == nil }

    package enum Start: String, Hashable, Sendable, CaseIterable {
        case eager
        case onDemand = "on_demand"
    }

    /// The number of handlers that Baton starts.
    package struct Pool: Hashable, Sendable {
        /// Kept once one was wanted.
        package var least = 1
        /// Started at most, as all are at capacity. Nil is unlimited.
        package var most: Int? = 1
        /// One over `least` that has had nothing to do for so long is drained.
        package var idle = Duration.seconds(60)

        package init() {}

        /// Always so many.
        package init(_ count: Int) {
            least = count
            most = count
        }

        package init(least: Int, most: Int?, idle: Duration = .seconds(60)) {
            self.least = least
            self.most = most
            self.idle = idle
        }
    }

    /// Which handler gets a connection.
    package enum Balance: String, Hashable, Sendable, CaseIterable {
        case leastLoaded = "least_loaded"
        case roundRobin = "round_robin"
        /// The same one for the same source.
        case source
    }

    package enum Hold: String, Hashable, Sendable, CaseIterable {
        case acknowledged = "ack"
        /// What a handler that died had taken but not touched goes to the next one.
        case done
    }

    package enum Unresponsive: String, Hashable, Sendable, CaseIterable {
        case kill, wait
    }

    /// PING every `interval`; silent for `timeout` after one is unresponsive.
    package struct Heartbeat: Hashable, Sendable {
        package var interval = Duration.seconds(5)
        package var timeout = Duration.seconds(10)
    }

    /// Who may register from outside.
    package enum Registration: Hashable, Sendable {
        /// root, the supervisor's own user and, without `handoff.exec`, the service's `user`.
        case standard
        case nobody
        case only(users: [UInt32], groups: [UInt32])

        package init() { self = .standard }

        /// - Parameter overflow: The uid that stands for everybody whom this user namespace has no number for; it is never let in.
        func admitsNobody(overflow: UInt32) -> Bool {
            switch self {
            case .standard: false
            case .nobody: true
            case .only(let users, let groups): groups.isEmpty && users.allSatisfy { $0 == overflow }
            }
        }
    }

    package struct Restart: Hashable, Sendable {
        package var policy = Policy.always
        package var backoff = Backoff(first: .milliseconds(100), longest: .seconds(30))
        /// Failures within `interval` after which the service is *failed*. Nil is unlimited.
        package var burst: Int? = 10
        package var interval = Duration.seconds(60)

        package enum Policy: String, Hashable, Sendable, CaseIterable {
            case always
            case onFailure = "on_failure"
            case never
        }
    }
}
