// [Socket] (systemd.socket(5)).
extension SystemdRow {
    static let socketRows = listening + limits + options + rest

    private static let listening =
        [
            DirectiveRow(
                "ListenStream", .exact, "listen",
                "A port alone is an IPv6 socket that takes IPv4 too, in both. A path's file is made in the same mode."),
            DirectiveRow(
                "ListenDatagram", .exact, "listen: udp://, unix+dgram://", "With wait: true, as systemd serves it."),
            DirectiveRow("ListenSequentialPacket", .exact, "listen: unix+seqpacket://"),
        ]
        + rows(
            "ListenFIFO ListenSpecial ListenNetlink ListenMessageQueue ListenUSBFunction", .notExpressible, "",
            "Baton listens on tcp, udp, Unix and vsock sockets only; keep the systemd unit for this")
        + rows(
            "SocketProtocol", .notExpressible, "", "Baton has TCP and UDP; no SCTP, UDP-Lite or MPTCP")
        + [
            DirectiveRow("BindIPv6Only", .exact, "tcp6://, udp6://"), DirectiveRow("Backlog", .exact, "socket.backlog"),
            DirectiveRow("BindToDevice", .exact, "socket.interface"),
            DirectiveRow("SocketUser", .exact, "socket.owner"),
            DirectiveRow("SocketGroup", .exact, "socket.group"),
            DirectiveRow("SocketMode", .exact, "socket.mode", "0666 unless it is given, as there."),
            DirectiveRow("DirectoryMode", .exact, "socket.directory_mode"),
        ]

    private static let limits = [
        DirectiveRow(
            "Accept", .exact, "wait",
            "No: one process gets all sockets (wait: true, style: systemd). Yes: a process per connection."),
        DirectiveRow(
            "MaxConnections", .exact, "instances, on_limit: refuse",
            "64 unless it is given. on_limit: wait, Baton's default, would let clients wait instead."),
        DirectiveRow(
            "MaxConnectionsPerSource", .exact, "per_source, source_prefix",
            "IPv6 by address, as there; Baton's default of a /64 block is the safer one. Without a limit there, "
                + "per_source: unlimited."),
        DirectiveRow(
            "TriggerLimitIntervalSec", .approximated, "trigger_limit, rate",
            "Baton slows down for a while; systemd fails the socket until a person comes"),
        DirectiveRow(
            "TriggerLimitBurst", .approximated, "trigger_limit, rate",
            "Baton slows down for a while; systemd fails the socket until a person comes"),
        DirectiveRow(
            "PollLimitIntervalSec", .approximated, "rate",
            "counted by a token bucket; meanwhile connections wait in the backlog, in both"),
        DirectiveRow(
            "PollLimitBurst", .approximated, "rate",
            "counted by a token bucket; meanwhile connections wait in the backlog, in both"),
        DirectiveRow(
            "DeferTrigger", .approximated, "", "Baton waits for no other jobs; it starts the handler at once"),
        DirectiveRow("DeferTriggerMaxSec", .approximated, "", "Baton waits for no other jobs"),
    ]

    private static let options =
        [
            DirectiveRow("KeepAlive", .exact, "socket.keep_alive"),
            DirectiveRow("KeepAliveTimeSec", .exact, "socket.keep_alive.idle"),
            DirectiveRow("KeepAliveIntervalSec", .exact, "socket.keep_alive.interval"),
            DirectiveRow("KeepAliveProbes", .exact, "socket.keep_alive.count"),
            DirectiveRow("NoDelay", .exact, "socket.no_delay"), DirectiveRow("Priority", .exact, "socket.priority"),
            DirectiveRow("DeferAcceptSec", .exact, "socket.defer_accept"),
            DirectiveRow("ReceiveBuffer", .exact, "socket.receive_buffer"),
            DirectiveRow("SendBuffer", .exact, "socket.send_buffer"), DirectiveRow("IPTOS", .exact, "socket.tos"),
            DirectiveRow("IPTTL", .exact, "socket.ttl"), DirectiveRow("Mark", .exact, "socket.mark"),
            DirectiveRow("ReusePort", .exact, "socket.reuse_port"),
            DirectiveRow("FreeBind", .exact, "socket.free_bind"),
            DirectiveRow("Transparent", .exact, "socket.transparent"),
            DirectiveRow("Broadcast", .exact, "socket.broadcast"),
            DirectiveRow("TCPCongestion", .exact, "socket.congestion"),
            DirectiveRow("RemoveOnStop", .exact, "socket.remove_on_stop"),
            DirectiveRow(
                "FileDescriptorName", .exact, "listen: {name: …}",
                "A socket given to one process is named as its unit where nothing is said, as there."),
            DirectiveRow("Service", .exact, "exec"),
        ]
        + rows(
            "PassCredentials PassPIDFD PassSecurity PassPacketInfo Timestamping", .notExpressible, "",
            "no such option of the socket; the handler can set it with setsockopt, for what arrives from then on")

    private static let rest =
        rows(
            "AcceptFileDescriptors", .notExpressible, "",
            "descriptors in messages on Unix sockets cannot be turned off; the handler can, with SO_PASSRIGHTS")
        + rows(
            "Symlinks", .notExpressible, "",
            "no symbolic links are made to a socket; listen at the path that clients use")
        + rows(
            "FlushPending", .notExpressible, "",
            "what is pending when a handler exits is kept for the next one")
        + rows(
            "Writable PipeSize MessageQueueMaxMessages MessageQueueMessageSize", .notExpressible, "",
            "it is for FIFOs, special files and message queues, which Baton does not listen on")
        + rows(
            "SmackLabel SmackLabelIPIn SmackLabelIPOut SELinuxContextFromNet", .notExpressible, "",
            "Baton labels no sockets and no handlers; the policy of SELinux or Smack may")
        + rows(
            "ExecStartPre ExecStartPost ExecStopPre ExecStopPost", .notExpressible, "",
            "no commands run when a socket is bound or closed; run them where batond is started")
        + rows(
            "TimeoutSec", .approximated, "", "it is for the commands of the socket unit, and Baton runs none")
        + rows(
            "PassFileDescriptorsToExec", .approximated, "",
            "it is for the commands of the socket unit, and Baton runs none")
}
