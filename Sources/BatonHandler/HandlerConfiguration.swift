internal import LinuxSystem

/// How a handler registers. Every default is right for a handler that Baton starts.
public struct HandlerConfiguration: Sendable {
    /// The service to serve; nil is `BATON_SERVICE` from the environment.
    public var service: String?
    /// The most connections to hold at once; 0 leaves it to the service table.
    public var capacity: UInt32
    /// Whether the supervisor is told when a connection has ended. Without it connections count only until
    /// they are acknowledged, and the capacity limits nothing; services with `hold: done` refuse that.
    public var reportsEnds: Bool
    /// A line for `baton status`.
    public var status: String?
    /// Where to register when the environment has no `BATON_CHANNEL`; nil is `BATON_RUNTIME_DIRECTORY`, else
    /// the default of this user.
    public var runtimeDirectory: String?
    /// The descriptor of a channel that is open already; nil is `BATON_CHANNEL`. The handler owns it then.
    public var channel: Int32?
    /// Whether a handler that registers by itself does so again when the supervisor goes away, refuses, or is not there
    /// yet: after 100 ms, then twice as long each time up to 30 s, give or take a quarter. Then only its own `drain` ends
    /// it. Connections from before go on. Without meaning for a handler that Baton started: it ends with its channel.
    ///
    /// Off, the handler ends with the supervisor, for whoever started it to see.
    public var reconnects: Bool

    /// Makes a configuration; what is left out is taken from the environment.
    public init(
        service: String? = nil, capacity: UInt32 = 0, reportsEnds: Bool = true, status: String? = nil,
        runtimeDirectory: String? = nil, channel: Int32? = nil, reconnects: Bool = false
    ) {
        self.service = service
        self.capacity = capacity
        self.reportsEnds = reportsEnds
        self.status = status
        self.runtimeDirectory = runtimeDirectory
        self.channel = channel
        self.reconnects = reconnects
    }

    /// It was given its channel, by the environment or by the program.
    var hasChannel: Bool { channel != nil || CurrentProcess.environment("BATON_CHANNEL") != nil }
}
