internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The environment of a service's handlers: every convention's names, and nothing of the supervisor's own that
/// `pass_env` does not name.
final class HandlerEnvironment {
    /// What all handlers of the service share.
    let shared: EnvironmentBlock
    /// Of the names that are said of a start, those in the table's own `env`, which has the last word.
    fileprivate let own: Set<String>
    /// Of the names that may be said of a start, those that `pass_env` has: inherited where nothing is said.
    private let inherited: [String: String]
    /// What was said last of where a connection came to: of the next one it is mostly the same.
    fileprivate var lastPlace: StartEnvironment.Place?

    private static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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
        let names = SpawnPermit.variables
        own = Set(service.process.environment.lazy.map(\.name).filter(names.contains))
        var (ofAll, ofSome) = (EnvironmentBlock(), [String: String]())
        for (name, value) in all.variables {
            if names.contains(name), !own.contains(name) {
                ofSome[name] = value
            } else {
                ofAll.append(name, value)
            }
        }
        (shared, self.inherited) = (ofAll, ofSome)
    }

    func beginStart() -> StartEnvironment { StartEnvironment(self, inherited) }
}

/// What is said of one start, behind what all of a service share.
struct StartEnvironment {
    private let service: HandlerEnvironment
    private var said: Said

    /// What is about so much, in bytes.
    private static let room = 320

    fileprivate struct Said {
        var variables = EnvironmentBlock()
        /// Of what is inherited, what has not been said.
        var inherited: [String: String]
    }

    /// What is said of where a connection came to. An object, so that it is not copied to be compared.
    fileprivate final class Place {
        let listener: String
        let local: SocketAddress
        let said: Said

        init(_ listener: String, _ local: SocketAddress, _ said: Said) {
            (self.listener, self.local, self.said) = (listener, local, said)
        }
    }

    fileprivate init(_ service: HandlerEnvironment, _ inherited: [String: String]) {
        self.service = service
        said = Said(inherited: inherited)
    }

    /// Says `name`, one of `SpawnPermit.variables`; each once.
    mutating func set(_ name: StaticString, _ value: String) {
        if mayBeSaid(name) { said.variables.append(name, value) }
    }

    mutating func set(_ name: StaticString, _ value: UInt64) {
        if mayBeSaid(name) { said.variables.append(name, value) }
    }

    private mutating func mayBeSaid(_ name: StaticString) -> Bool {
        assert(SpawnPermit.variables.contains(name.description))
        if !service.own.isEmpty, service.own.contains(name.description) { return false }
        if !said.inherited.isEmpty { said.inherited[name.description] = nil }
        return true
    }

    /// All of it.
    consuming func variables() -> EnvironmentBlock {
        for (name, value) in said.inherited { said.variables.append(name, value) }
        return said.variables
    }
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

extension StartEnvironment {
    /// One accepted connection; the first that is said.
    mutating func describe(_ origin: ConnectionOrigin, socket: FileDescriptor) {
        let local = origin.local(socket)
        if origin.kind == .tcp {
            describePlace(origin.listener, local)
        } else {
            set("BATON_LISTENER", origin.listener)
        }
        set("BATON_CONNECTION", origin.number)
        switch origin.kind {
        case .tcp: describeTCP(peer: origin.peer)
        case .unix: describeUnix(peer: origin.peer, local: local, socket: socket)
        case .vsock: describeVsock(peer: origin.peer)
        }
    }

    private mutating func describePlace(_ listener: String, _ local: SocketAddress?) {
        if let last = service.lastPlace, last.local == local, last.listener == listener {
            said = last.said
        } else {
            set("BATON_LISTENER", listener)
            set("PROTO", "TCP")
            describeLocal(local)
            if let local { service.lastPlace = Place(listener, local, said) }
        }
        said.variables.reserve(Self.room)
    }

    /// ucspi-tcp(5), systemd.exec(5), xinetd(8).
    private mutating func describeTCP(peer: SocketAddress) {
        if let host = peer.host, let port = peer.port {
            set("TCPREMOTEIP", host)
            set("REMOTE_ADDR", host)
            set("REMOTE_HOST", host)
            set("TCPREMOTEPORT", UInt64(port))
            set("REMOTE_PORT", UInt64(port))
        } else if peer != .unix(path: "") {
            // By the word of a PROXY header, whose sender has a Unix-domain socket.
            set("REMOTE_ADDR", Self.text(peer))
        }
    }

    private mutating func describeLocal(_ local: SocketAddress?) {
        guard let host = local?.host, let port = local?.port else { return }
        set("TCPLOCALIP", host)
        set("TCPLOCALPORT", UInt64(port))
    }

    /// The names of s6-ipcserver; the credentials are those of the connect (unix(7), SO_PEERCRED).
    private mutating func describeUnix(peer: SocketAddress, local: SocketAddress?, socket: FileDescriptor) {
        set("PROTO", "IPC")
        if let credentials = try? Socket.peerCredentials(of: socket) {
            set("IPCREMOTEEUID", UInt64(credentials.uid))
            set("IPCREMOTEEGID", UInt64(credentials.gid))
        }
        let named = peer == .unix(path: "") ? "" : Self.text(peer)
        set("IPCREMOTEPATH", named)
        if let local { set("IPCLOCALPATH", Self.text(local)) }
        if !named.isEmpty { set("REMOTE_ADDR", named) }
    }

    /// An abstract name may have NUL in it, an environment may not (environ(7)).
    private static func text(_ address: SocketAddress) -> String {
        let text = address.description
        return text.utf8.contains(0)
            ? text.split(separator: "\0", omittingEmptySubsequences: false).joined(separator: "\\x00") : text
    }

    private mutating func describeVsock(peer: SocketAddress) {
        set("PROTO", "VSOCK")
        if case .vsock(let cid, let port) = peer {
            set("REMOTE_ADDR", UInt64(cid))
            set("REMOTE_PORT", UInt64(port))
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
        set("LISTEN_FDS", UInt64(names.count))
        set("LISTEN_FDNAMES", names.joined(separator: ":"))
    }
}
