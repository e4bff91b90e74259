internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The environment of a handler: every convention's names, and nothing of the supervisor's own that
/// `pass_env` does not name.
struct HandlerEnvironment {
    private var variables: [(name: String, value: String)] = []

    /// Variables that a process for a connection has.
    private static let usual = 24
    private static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// What all handlers of a service share.
    init(service: Service, inherited: [String: String]) {
        variables.reserveCapacity(Self.usual)
        set("PATH", Self.defaultPath)
        if let user = service.process.credentials?.user {
            set("HOME", user.home)
            set("USER", user.name)
            set("LOGNAME", user.name)
            set("SHELL", user.shell)
        }
        for name in service.process.passEnvironment {
            if let value = inherited[name] { set(name, value) }
        }
        set("BATON_SERVICE", service.name)
        set("SERVICE_NAME", service.name)
    }

    /// Later settings of a name win.
    mutating func set(_ name: String, _ value: String) {
        if let index = variables.firstIndex(where: { $0.name == name }) {
            variables[index].value = value
        } else {
            variables.append((name, value))
        }
    }

    /// As `execve` takes it; the table's own `env` has the last word.
    func entries(adding own: [EnvironmentVariable]) -> [String] {
        var all = self
        for variable in own { all.set(variable.name, variable.value) }
        return all.variables.map { "\($0.name)=\($0.value)" }
    }
}

extension HandlerEnvironment {
    /// One accepted connection.
    mutating func describe(_ origin: ConnectionOrigin, socket: FileDescriptor) {
        set("BATON_LISTENER", origin.listener)
        set("BATON_CONNECTION", "\(origin.number)")
        let local = origin.local(socket)
        switch origin.kind {
        case .tcp: describeTCP(peer: origin.peer, local: local)
        case .unix: describeUnix(peer: origin.peer, local: local, socket: socket)
        case .vsock: describeVsock(peer: origin.peer, local: local)
        }
    }

    /// ucspi-tcp(5), systemd.exec(5), xinetd(8).
    private mutating func describeTCP(peer: SocketAddress, local: SocketAddress?) {
        set("PROTO", "TCP")
        describeLocal(local)
        if let host = peer.host, let port = peer.port {
            for name in ["TCPREMOTEIP", "REMOTE_ADDR", "REMOTE_HOST"] { set(name, host) }
            for name in ["TCPREMOTEPORT", "REMOTE_PORT"] { set(name, "\(port)") }
        } else if peer != .unix(path: "") {
            // By the word of a PROXY header, whose sender has a Unix-domain socket.
            set("REMOTE_ADDR", peer.description)
        }
    }

    private mutating func describeLocal(_ local: SocketAddress?) {
        guard let host = local?.host, let port = local?.port else { return }
        set("TCPLOCALIP", host)
        set("TCPLOCALPORT", "\(port)")
    }

    /// The names of s6-ipcserver; the credentials are those of the connect (unix(7), SO_PEERCRED).
    private mutating func describeUnix(peer: SocketAddress, local: SocketAddress?, socket: FileDescriptor) {
        set("PROTO", "IPC")
        if let credentials = try? Socket.peerCredentials(of: socket) {
            set("IPCREMOTEEUID", "\(credentials.uid)")
            set("IPCREMOTEEGID", "\(credentials.gid)")
        }
        let named = peer == .unix(path: "") ? "" : peer.description
        set("IPCREMOTEPATH", named)
        if let local { set("IPCLOCALPATH", local.description) }
        if !named.isEmpty { set("REMOTE_ADDR", named) }
    }

    private mutating func describeVsock(peer: SocketAddress, local: SocketAddress?) {
        set("PROTO", "VSOCK")
        if case .vsock(let cid, let port) = peer {
            set("REMOTE_ADDR", "\(cid)")
            set("REMOTE_PORT", "\(port)")
        }
    }

    /// The sockets that a `wait` handler is given.
    mutating func describe(listeners: [Listener]) {
        guard let first = listeners.first else { return }
        set("BATON_LISTENER", first.endpoint.name)
        switch first.endpoint.kind {
        case .tcp:
            set("PROTO", "TCP")
            describeLocal(first.address)
        case .udp: set("PROTO", "UDP")
        case .unixStream, .unixDatagram, .unixSequencedPacket: set("PROTO", "IPC")
        case .vsock: set("PROTO", "VSOCK")
        }
    }

    /// sd_listen_fds(3); LISTEN_PID is written by the child itself.
    mutating func describeListenDescriptors(names: [String]) {
        set("LISTEN_FDS", "\(names.count)")
        set("LISTEN_FDNAMES", names.joined(separator: ":"))
    }
}
