/// One service of the table: what is bound, and what happens with a connection. Resolved: users,
/// groups, programs, ports and names have become numbers, paths and addresses.
package struct Service: Hashable, Sendable {
    package var name = ""
    package var enabled = true
    /// In table order. Empty for a service that only `route`, `tcpmux` or PASS can reach.
    package var endpoints: [Endpoint] = []
    package var dispatch = Dispatch.internal(.discard)
    /// Its name for clients of `internal: tcpmux`.
    package var tcpmux: TCPMuxName?
    package var style = Style.inetd
    /// The handler gets the listening or datagram socket itself (inetd's `wait`).
    package var wait = false
    /// exec: processes at once; internal: connections at once. Nil is unlimited.
    package var instances: Int? = 256
    package var admission = AdmissionSettings()
    package var triggerLimit = TriggerLimit()
    /// A `wait` handler says WATCHDOG=1 at least so often (sd_notify(3)). Nil: it need not.
    package var heartbeat: Duration?
    /// What becomes of a `wait` handler that does not.
    package var unresponsive = Handoff.Unresponsive.kill
    package var process = ProcessSettings()
    /// What becomes of running processes when the supervisor stops.
    package var onStop = OnStop.end
    /// What a connection is told once it is admitted; empty is nothing.
    package var banner: [UInt8] = []
    /// The lines that it writes to the log; nil is all that the log's level lets through.
    package var logOn: Set<LogLine>?
    /// Its program is given the metrics of the moment as descriptor 3 (`metrics.listen`).
    package var servesMetrics = false
}

/// The way of a connection: exactly one of the table's dispatch keys.
package enum Dispatch: Hashable, Sendable {
    case exec(Program)
    case handoff(Handoff)
    case `internal`(InternalService)
    case redirect(Redirect)
    /// `internal: tcpmux`: to the service that the client names.
    case tcpmux
    case route(Route)
}

/// A program to exec, found and checked when the table was read.
package struct Program: Hashable, Sendable {
    /// Absolute path of the file.
    package var path = ""
    /// The argument vector, argv[0] first.
    package var arguments: [String] = []

    /// For what nothing is started with any more.
    package static let none = Program()
}

/// How an exec'd handler gets its socket.
package enum Style: String, Hashable, Sendable, CaseIterable {
    /// Descriptors 0, 1 and, by `stderr: connection`, 2.
    case inetd
    /// Descriptor 3 on, with LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (sd_listen_fds(3)).
    case systemd
    /// Descriptors 0 and 1; 2 is the log.
    case ucspi
}

/// Services inside Baton (RFC 862, 863, 867, 868, 864, 865).
package enum InternalService: String, Hashable, Sendable, CaseIterable {
    case echo, discard, daytime, time, chargen, qotd
}

/// What `log_on` chooses from.
package enum LogLine: String, Hashable, Sendable, CaseIterable {
    case start, exit, refuse
    /// How long it took, in the line of the exit.
    case duration
    /// The bytes each way, in the line of the exit.
    case traffic
}

package enum OnStop: String, Hashable, Sendable, CaseIterable {
    /// The process is ended with the supervisor.
    case end
    /// The process outlives the supervisor, as people expect of inetd.
    case leave
}

/// When a `wait` handler that fails, or leaves its datagram unread, is paused.
package struct TriggerLimit: Hashable, Sendable {
    /// Failures within `interval` that pause the service. Nil is unlimited.
    package var burst: Int? = 20
    package var interval = Duration.seconds(2)
    package var backoff = Backoff(first: .seconds(1), longest: .seconds(30))
}

/// Delays that double from `first` to `longest`.
package struct Backoff: Hashable, Sendable {
    package var first: Duration
    package var longest: Duration

    package init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }
}
