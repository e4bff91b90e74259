/// One service of the table: what is bound, and what happens with a connection. Resolved: users,
/// groups, programs, ports and names have become numbers, paths and addresses.
///
/// What it says is in memory once, however many stages keep a copy, for a table may have ten thousand services.
package struct Service: Hashable, Sendable {
    @Shared var content: Content

    init(_ content: Content) {
        _content = Shared(wrappedValue: content)
    }

    package init(name: String = "") {
        self.init(Content(name: name))
    }

    /// All that the table says of a service.
    struct Content: Hashable, Sendable {
        var name = ""
        var enabled = true
        /// In table order. Empty for a service that only `route`, `tcpmux` or PASS can reach.
        var endpoints: [Endpoint] = []
        var dispatch = Dispatch.internal(.discard)
        /// Its name for clients of `internal: tcpmux`.
        var tcpmux: TCPMuxName?
        var style = Style.inetd
        /// The handler gets the listening or datagram socket itself (inetd's `wait`).
        var wait = false
        /// exec: processes at once; internal: connections at once. Nil is unlimited.
        var instances: Int? = 256
        @Shared var admission = AdmissionSettings()
        var triggerLimit = TriggerLimit()
        /// A `wait` handler says WATCHDOG=1 at least so often (sd_notify(3)). Nil: it need not.
        var heartbeat: Duration?
        /// What becomes of a `wait` handler that does not.
        var unresponsive = Handoff.Unresponsive.kill
        @Shared var process = ProcessSettings()
        /// What becomes of running processes when the supervisor stops.
        var onStop = OnStop.end
        /// What a connection is told once it is admitted; empty is nothing.
        var banner: [UInt8] = []
        /// The lines that it writes to the log; nil is all that the log's level lets through.
        var logOn: Set<LogLine>?
        /// Its program is given the metrics of the moment as descriptor 3 (`metrics.listen`).
        var servesMetrics = false
    }
}

// Field by field, so that reading one copies no other.
extension Service {
    package var name: String {
        get { content.name }
        set { content.name = newValue }
    }
    package var enabled: Bool {
        get { content.enabled }
        set { content.enabled = newValue }
    }
    package var endpoints: [Endpoint] {
        get { content.endpoints }
        set { content.endpoints = newValue }
    }
    package var dispatch: Dispatch {
        get { content.dispatch }
        set { content.dispatch = newValue }
    }
    package var tcpmux: TCPMuxName? {
        get { content.tcpmux }
        set { content.tcpmux = newValue }
    }
    package var style: Style {
        get { content.style }
        set { content.style = newValue }
    }
    package var wait: Bool {
        get { content.wait }
        set { content.wait = newValue }
    }
    package var instances: Int? {
        get { content.instances }
        set { content.instances = newValue }
    }
    package var admission: AdmissionSettings {
        get { content.admission }
        set { content.admission = newValue }
    }
    package var triggerLimit: TriggerLimit {
        get { content.triggerLimit }
        set { content.triggerLimit = newValue }
    }
    package var heartbeat: Duration? {
        get { content.heartbeat }
        set { content.heartbeat = newValue }
    }
    package var unresponsive: Handoff.Unresponsive {
        get { content.unresponsive }
        set { content.unresponsive = newValue }
    }
    package var process: ProcessSettings {
        get { content.process }
        set { content.process = newValue }
    }
    package var onStop: OnStop {
        get { content.onStop }
        set { content.onStop = newValue }
    }
    package var banner: [UInt8] {
        get { content.banner }
        set { content.banner = newValue }
    }
    package var logOn: Set<LogLine>? {
        get { content.logOn }
        set { content.logOn = newValue }
    }
    package var servesMetrics: Bool {
        get { content.servesMetrics }
        set { content.servesMetrics = newValue }
    }
}

extension Service {
    /// What its dispatch says, if it is `handoff`.
    package var handoff: Handoff? { if case .handoff(let settings) = dispatch { settings.wrappedValue } else { nil } }
}

// What services have in common is shared by them.
extension Service.Content {
    mutating func codeAdmission(with coder: inout FieldCoder, after previous: Service.Content) {
        coder.repeated(&_admission, after: previous._admission)
    }

    mutating func codeProcess(with coder: inout FieldCoder, after previous: Service.Content) {
        coder.repeated(&_process, after: previous._process)
    }
}

/// The way of a connection: exactly one of the table's dispatch keys. What it says is shared by all copies.
package indirect enum Dispatch: Hashable, Sendable {
    case exec(Program)
    case handoff(Shared<Handoff>)
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
