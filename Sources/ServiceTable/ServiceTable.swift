/// The whole table, checked: what the loader hands to the supervisor.
package struct ServiceTable: Hashable, Sendable {
    /// The table's file, as the user named it.
    package var file = ""
    /// Nil: the default of this uid.
    package var runtimeDirectory: String?
    package var log = LogSettings()
    /// The group that may read the control socket (`control.group`).
    package var controlGroup: UInt32?
    package var limits = SupervisorLimits()
    /// In table order; names are unique.
    package var services: [Service] = []

    package init() {}
}

package struct LogSettings: Hashable, Sendable {
    package var level = LogLevel.info
    /// A path to append to; nil is standard error.
    package var path: String?
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
