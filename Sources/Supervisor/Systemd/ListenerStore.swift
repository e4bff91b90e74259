internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Listeners beyond the life of this process: those that the service manager passed, from a socket unit or from its
/// keeping, and those that it keeps for the next start (systemd's file descriptor store).
///
/// Everything that it has to know is in the sockets' names there, so nothing is remembered here.
final class ListenerStore {
    private let notifier: Notifier?
    private let limit: Int?
    private var passed: [Passed] = []
    /// What was passed for an endpoint, until it is bound.
    private var adoptable: [Endpoint: [Passed]] = [:]
    private var adopted = 0
    private var kept = 0
    private var toldOfLimit = false
    /// The whole supervisor ends, and may be started again: what is kept stays so.
    var isEnding = false
    var report: (SupervisorEvent) -> Void = { _ in }

    private final class Passed {
        let name: String
        let socket: DescriptorBox
        let description: PassedSocket?
        let keeping: ListenerKeeping

        init(_ inherited: InheritedDescriptor) {
            name = inherited.name
            socket = inherited.box
            description = socket.borrowed.flatMap { [name] in PassedSocket($0, name: name) }
            keeping = description?.storedFor == nil ? .unit : .stored(name)
        }
    }

    /// Nothing passed, nobody to keep anything.
    init() {
        notifier = nil
        limit = 0
    }

    /// Takes over what was passed. To be called before this process opens anything: a number that is not open would
    /// come to mean a file of our own.
    ///
    /// - Parameter others: Numbers that are open for another purpose.
    static func takeInherited(_ environment: ManagerEnvironment, besides others: [Int32]) -> [InheritedDescriptor] {
        environment.passed.enumerated().compactMap { offset, name in
            let number = 3 + Int32(offset)
            guard !others.contains(number), let descriptor = OwnedDescriptor.inherited(number) else { return nil }
            return InheritedDescriptor(name: name, box: DescriptorBox(descriptor))
        }
    }

    init(_ inherited: [InheritedDescriptor], keeper notifier: Notifier?, limit: Int?) {
        self.notifier = notifier
        self.limit = limit
        passed = inherited.map(Passed.init)
        kept = passed.filter { $0.keeping != .unit }.count
    }

    // MARK: Adopting

    /// These endpoints are about to be bound: decides what of that is there already.
    func expect(_ endpoints: [Endpoint]) {
        let sockets = passed.filter { $0.description != nil }
        let chosen = ListenerMatch.assign(sockets.compactMap(\.description), to: endpoints)
        for (endpoint, index) in zip(endpoints, chosen) {
            guard let index else { continue }
            adoptable[endpoint, default: []].append(sockets[index])
        }
    }

    /// The socket that was passed for an endpoint, ready for use.
    private func adopt(_ endpoint: Endpoint) -> OpenedListener? {
        while let found = adoptable[endpoint]?.first {
            adoptable[endpoint]?.removeFirst()
            passed.removeAll { $0 === found }
            guard let socket = found.socket.borrowed, isUsable(socket, endpoint, found.keeping) else {
                refuse(found)
                continue
            }
            adopted += 1
            return OpenedListener(socket: found.socket, keeping: found.keeping)
        }
        return nil
    }

    /// One that a handler shut down, or whose file is gone, serves nobody; nor one that cannot be what the table says.
    private func isUsable(_ socket: FileDescriptor, _ endpoint: Endpoint, _ keeping: ListenerKeeping) -> Bool {
        do {
            if case .unix(let path) = endpoint.address {
                guard FileSystem.isSocket(path) else { return false }
                // The file of a unit's socket is the unit's.
                if keeping != .unit { try UnixSocketFile.setModeAndOwner(path: path, options: endpoint.options) }
            }
            try Socket.setNonblocking(socket, true)
            for setting in SocketSetting.afterBinding(of: endpoint, at: try Socket.localAddress(of: socket)) {
                try setting.apply(to: socket)
            }
            if endpoint.kind.isDatagram { return true }
            guard try Socket.value(.acceptsConnections, of: socket) == 1 else { return false }
            try Socket.listen(socket, backlog: endpoint.options.backlog)
            return true
        } catch {
            return false
        }
    }

    /// All endpoints have been tried: closes what nobody has taken.
    func finishAdopting() {
        if adopted > 0 { report(.listenersAdopted(count: adopted)) }
        for each in passed { refuse(each) }
        passed = []
        adoptable = [:]
        adopted = 0
    }

    private func refuse(_ found: Passed) {
        report(.passedInVain(name: found.name, what: found.description?.address.description ?? "no listening socket"))
        _ = found.socket.take()
        if case .stored(let name) = found.keeping { forget(name) }
    }

    // MARK: Keeping

    /// Has the service manager, where there is one, keep a socket that was bound for the listener `name`.
    private func keep(_ socket: FileDescriptor, listener name: String) -> ListenerKeeping {
        guard let notifier, limit != 0, let stored = PassedSocket.storedName(of: socket, listener: name) else {
            return .nobody
        }
        kept += 1
        if let limit, kept > limit, !toldOfLimit {
            toldOfLimit = true
            report(
                .impaired(
                    what: "FileDescriptorStoreMax=\(limit)",
                    error: "there are more listeners; those beyond it do not outlive the supervisor"))
        }
        notifier.keep(socket, name: stored)
        return .stored(stored)
    }

    /// A listener of the program before, whose place this one has taken.
    func goesOnKeeping(_ keeping: ListenerKeeping) {
        if case .stored = keeping { kept += 1 }
    }

    /// A listener closes its socket.
    ///
    /// - Returns: Whether somebody else goes on holding it, so that it, and the file of its name, stay.
    private func letGo(_ keeping: ListenerKeeping) -> Bool {
        switch keeping {
        case .nobody: return false
        case .unit: return true
        case .stored(let name):
            if isEnding { return true }
            forget(name)
            return false
        }
    }

    private func forget(_ name: String) {
        kept -= 1
        notifier?.giveUp(name: name)
    }
}

extension ListenerStore: ListenerSupply {
    func open(_ endpoint: Endpoint, lastAt last: SocketAddress?) throws(SocketBinding.Failure) -> OpenedListener {
        if let passed = adopt(endpoint) { return passed }
        let opened = try SocketBinding.open(endpoint.at(last))
        let keeping = keep(opened.borrowed, listener: endpoint.name)
        return OpenedListener(socket: DescriptorBox(opened), keeping: keeping)
    }

    func close(_ socket: consuming OwnedDescriptor, of endpoint: Endpoint, _ keeping: ListenerKeeping) {
        _ = consume socket
        closed(endpoint, keeping)
    }

    /// Its socket is closed.
    func closed(_ endpoint: Endpoint, _ keeping: ListenerKeeping) {
        if letGo(keeping) { return }
        if case .unix(let path) = endpoint.address, endpoint.options.removeOnStop { UnixSocketFile.remove(path: path) }
    }

    func change(_ socket: FileDescriptor, from old: Endpoint, to new: Endpoint, at address: SocketAddress) -> [String] {
        LiveSettings.change(socket, from: old, to: new, at: address)
    }
}

/// A descriptor that this process was started with.
struct InheritedDescriptor {
    let name: String
    let box: DescriptorBox
}

extension PassedSocket {
    /// Nil where it is nothing that could be a listener.
    fileprivate init?(_ descriptor: FileDescriptor, name: String) {
        guard let kind = Socket.kind(of: descriptor), let address = try? Socket.localAddress(of: descriptor),
            let endpointKind = Endpoint.Kind(kind, address)
        else { return nil }
        // A connection is none, and a socket that was shut down looks like one that never listened.
        guard (try? Socket.peerAddress(of: descriptor)) == nil else { return nil }
        self.init(name: name, kind: endpointKind, address: address)
        if case .ipv6 = address { ipv6Only = (try? Socket.value(.ipv6Only, of: descriptor)) == 1 }
        interface = (try? Socket.text(.interface, of: descriptor)).flatMap { $0.isEmpty ? nil : $0 }
        storedFor = Self.listener(stored: name, socket: descriptor)
    }

    /// The name under which a listener's socket is kept: `baton.COOKIE.LISTENER`. By the cookie, which no two sockets
    /// share, one is removed without the others; and it tells our own from what a unit happens to call the same.
    fileprivate static func storedName(of socket: FileDescriptor, listener: String) -> String? {
        guard let cookie = Socket.cookie(of: socket) else { return nil }
        // At most 255 characters (sd_pid_notify_with_fds(3)).
        return "baton.\(String(cookie, radix: 16)).\(shortened(listener))"
    }

    static func shortened(_ listener: String) -> String { String(listener.prefix(200)) }

    private static func listener(stored name: String, socket: FileDescriptor) -> String? {
        let parts = name.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "baton", let cookie = UInt64(parts[1], radix: 16),
            cookie == Socket.cookie(of: socket)
        else { return nil }
        return String(parts[2])
    }
}

extension Endpoint.Kind {
    fileprivate init?(_ kind: Socket.Kind, _ address: SocketAddress) {
        switch (address, kind) {
        case (.ipv4, .stream), (.ipv6, .stream): self = .tcp
        case (.ipv4, .datagram), (.ipv6, .datagram): self = .udp
        case (.unix, .stream), (.abstract, .stream): self = .unixStream
        case (.unix, .datagram), (.abstract, .datagram): self = .unixDatagram
        case (.unix, .sequencedPacket), (.abstract, .sequencedPacket): self = .unixSequencedPacket
        case (.vsock, .stream): self = .vsock
        default: return nil
        }
    }
}
