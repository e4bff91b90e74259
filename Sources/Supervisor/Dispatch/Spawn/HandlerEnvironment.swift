internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The environment of a handler: every convention's names, and nothing of the supervisor's own that
/// `pass_env` does not name.
struct HandlerEnvironment {
    /// What all handlers of the service share.
    private(set) var shared = EnvironmentBlock()
    private var said = EnvironmentBlock()
    /// Of the names that are said of a start, those in the table's own `env`, which has the last word.
    private let own: Set<String>
    /// Of the names that may be said of a start, those that `pass_env` has: inherited where nothing is said.
    private var inherited: [String: String] = [:]

    private static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    /// What is said of one start is about so much.
    private static let room = (variables: 12, bytes: 320)

    /// What all handlers of a service share.
    init(service: Service, inherited: [String: String]) {
        var all = SharedEnvironment()
        all.set("PATH", Self.defaultPath)
        if let user = service.process.credentials?.user {
            all.set("HOME", user.home)
            all.set("USER", user.name)
            all.set("LOGNAME", user.name)
            all.set("SHELL", user.shell)
        }
        for name in service.process.passEnvironment {
            if let value = inherited[name] { all.set(name, value) }
        }
        all.set("BATON_SERVICE", service.name)
        all.set("SERVICE_NAME", service.name)
        for variable in service.process.environment { all.set(variable.name, variable.value) }
        let own = Set(service.process.environment.lazy.map(\.name).filter(Self.names.contains))
        self.own = own
        for (name, value) in all.variables {
            if Self.names.contains(name), !own.contains(name) {
                self.inherited[name] = value
            } else {
                shared.append(name, value)
            }
        }
    }

    /// For one start.
    func copy() -> HandlerEnvironment {
        var copy = self
        copy.said.reserve(Self.room.variables, bytes: Self.room.bytes)
        return copy
    }

    /// Says `name`, one of `names`, of one start; each once.
    mutating func set(_ name: String, _ value: String) {
        assert(Self.names.contains(name))
        if !own.isEmpty, own.contains(name) { return }
        if !inherited.isEmpty { inherited[name] = nil }
        said.append(name, value)
    }

    /// What is said of this start, behind what all of them share.
    consuming func ofThisStart() -> EnvironmentBlock {
        for (name, value) in inherited { said.append(name, value) }
        return said
    }

    /// What may be said of a start.
    private static let names = SpawnPermit.variables
}

/// Later settings of a name win.
private struct SharedEnvironment {
    private(set) var variables: [(name: String, value: String)] = []

    mutating func set(_ name: String, _ value: String) {
        if let index = variables.firstIndex(where: { $0.name == name }) {
            variables[index].value = value
        } else {
            variables.append((name, value))
        }
    }
}

extension HandlerEnvironment {
    /// One accepted connection.
    mutating func describe(_ origin: ConnectionOrigin, socket: FileDescriptor) {
        set("BATON_LISTENER", origin.listener)
        set("BATON_CONNECTION", String(origin.number))
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
            set("TCPREMOTEIP", host)
            set("REMOTE_ADDR", host)
            set("REMOTE_HOST", host)
            let port = String(port)
            set("TCPREMOTEPORT", port)
            set("REMOTE_PORT", port)
        } else if peer != .unix(path: "") {
            // By the word of a PROXY header, whose sender has a Unix-domain socket.
            set("REMOTE_ADDR", peer.description)
        }
    }

    private mutating func describeLocal(_ local: SocketAddress?) {
        guard let host = local?.host, let port = local?.port else { return }
        set("TCPLOCALIP", host)
        set("TCPLOCALPORT", String(port))
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
