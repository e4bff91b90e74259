/// The whole table, checked: what the loader hands to the supervisor.
package struct ServiceTable: Hashable, Sendable {
    /// The table's file, as the user named it.
    package var file = ""
    /// Nil: the default of this uid.
    package var runtimeDirectory: String?
    /// Who the process is that decides, where root starts it (`supervisor_user`); nil: one process does everything.
    package var supervisorUser: Credentials?
    package var log = LogSettings()
    /// The group that may read the control socket (`control.group`).
    package var controlGroup: UInt32?
    package var limits = SupervisorLimits()
    /// In table order; names are unique.
    package var services: [Service] = []

    package init() {}

    /// Shares with `other`, the table before this one, the services that are the same in both.
    package mutating func merge(with other: ServiceTable) {
        // Most stand where they stood.
        lazy var before = Dictionary(other.services.map { ($0.name, $0) }) { first, _ in first }
        for place in services.indices {
            let name = services[place].name
            let isHere = other.services.indices.contains(place) && other.services[place].name == name
            if let same = isHere ? other.services[place] : before[name], same == services[place] {
                services[place] = same
            }
        }
    }
}

package struct LogSettings: Hashable, Sendable {
    package var level = LogLevel.info
    /// Nil: text, or the journal where standard error leads there.
    package var format: LogFormat?
    /// Of text and JSON the file to append to, nil being standard error; of the others the socket, nil being the usual
    /// one.
    package var path: String?

    package init(level: LogLevel = .info, format: LogFormat? = nil, path: String? = nil) {
        self.level = level
        self.format = format
        self.path = path
    }
}

/// The forms of the log. The raw values are the table's words.
package enum LogFormat: String, Hashable, Sendable, CaseIterable {
    /// A line each.
    case text, json
    /// RFC 5424, a datagram each to `/dev/log`.
    case syslog
    /// systemd's native protocol, a datagram each.
    case journal

    /// It goes to a socket, not to standard error or a file.
    package var usesSocket: Bool { self == .syslog || self == .journal }
}

package enum LogLevel: String, Hashable, Sendable, CaseIterable {
    case debug, info, notice, warning, error
}

/// Limits of the supervisor as a whole.
package struct SupervisorLimits: Hashable, Sendable {
    /// Connections and processes of all services at once. Nil is unlimited.
    package var instances: Int? = 10_000
    /// The supervisor's own RLIMIT_NOFILE; nil is the hard limit. Children get the original back.
    package var openFiles: UInt64?
    /// From the stop to TERM for what still runs.
    package var stopTimeout = Duration.seconds(10)
}
