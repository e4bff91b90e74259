internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// What all stages share: the loop, the log, the launchers, the children.
final class Runtime {
    let loop: EventLoop
    let events: EventLog
    let launchers: LauncherPool
    let instances: InstanceTable
    let shortage: DescriptorShortage
    /// Who waits for an address of this machine.
    let addresses: AddressWatch
    /// The environment that the supervisor was started with, without what a service manager says to it alone.
    let environment: [String: String]
    /// What needs more rights than everybody has.
    let privileges: any Privileges
    /// RLIMIT_NOFILE before the supervisor raised its own; what it starts gets this one.
    let originalOpenFiles: ResourceLimits.Pair
    /// What a uid without a name here shows as (/proc/sys/kernel/overflowuid).
    let overflowUID = CurrentProcess.overflowUID
    /// Where our own small datagram services are bound: they never answer each other.
    let internalPorts = InternalPorts()
    let services = ServiceDirectory()
    /// Nil where handlers could not reach it.
    var notifications: NotifySocket?
    /// The service manager that started the supervisor; nil where none listens.
    var notifier: Notifier?
    /// `limits.instances`.
    let occupancy: Occupancy
    /// What relays borrow while bytes are on their way.
    let pipes = PipePool()
    let drained = DrainedBudget()
    let metrics: MetricsReport
    /// What channels receive into.
    let packets = PacketBuffer()
    private(set) lazy var names = NameResolver(runtime: self)
    /// Whom our own programs run as, where that is not who the launchers are.
    var ownIdentity: SpawnPlan.Identity?
    /// What lives on when this process is killed, and who keeps the descriptors that go with it; nil where nobody would
    /// go on with it.
    var roster: Roster?
    var keeper: DescriptorKeeper?
    var lastConnection: UInt64 = 0 {
        didSet { roster?.lastConnection(is: lastConnection) }
    }
    var lastHandler: UInt64 = 0 {
        didSet { roster?.lastHandler(is: lastHandler) }
    }
    /// Of what is kept beside the channels of handlers.
    var lastKept: UInt64 = 1 << 63

    /// - Parameter privileges: Nil: this process has them.
    init(
        loop: EventLoop, events: EventLog, launchers: LauncherPool, instances: InstanceTable,
        originalOpenFiles: ResourceLimits.Pair, store: ListenerStore = ListenerStore(),
        privileges: (any Privileges)? = nil
    ) {
        let environment = CurrentProcess.environment.filter { !ManagerEnvironment.names.contains($0.key) }
        self.environment = environment
        self.privileges =
            privileges
            ?? OwnPrivileges(
                store: store,
                starter: ProcessStarter(loop: loop, instances: instances, environment: environment) {
                    launchers.spawn($0, passing: $1, done: $2)
                })
        self.loop = loop
        self.events = events
        self.launchers = launchers
        self.instances = instances
        self.originalOpenFiles = originalOpenFiles
        occupancy = Occupancy(loop: loop)
        shortage = DescriptorShortage(loop: loop)
        addresses = AddressWatch(loop: loop)
        metrics = MetricsReport(loop: loop)
    }

    /// Opens the log.
    var opensLog: LogPlan.Opening {
        { [privileges] place throws(Errno) in try privileges.openLog(place) }
    }

    /// When a process that is there already was there for sure. A round may have begun before the process was born, and a roster's
    /// reader would take it for another one.
    var moment: Duration { roster == nil ? loop.now : Clock.now() }

    func nextConnectionNumber() -> UInt64 {
        lastConnection += 1
        return lastConnection
    }

    func nextHandlerNumber() -> UInt64 {
        lastHandler += 1
        return lastHandler
    }

    func nextKeptNumber() -> UInt64 {
        lastKept += 1
        return lastKept
    }

    /// Closes a connection that a handler has had: where the close may wait, a child waits in our place.
    func close(_ descriptor: consuming OwnedDescriptor) {
        if Socket.mayBlockInClose(descriptor.borrowed) { launchers.close(descriptor) }
    }

    /// Closes our copy of a connection that a handler keeps. If it has closed its own, ours is the last.
    func closeCopy(_ box: DescriptorBox) {
        guard let socket = box.borrowed else { return }
        if Socket.mayBlockInClose(socket) || Socket.isUnix(socket) || !Socket.isSocket(socket) {
            closeForeign(box)
        } else {
            _ = box.take()
        }
    }

    /// Closes a descriptor that came from outside: whatever it is, its close may wait, and a child does it.
    func closeForeign(_ box: DescriptorBox) {
        if let descriptor = box.take() { launchers.close(descriptor) }
    }

    /// The same of all that came with a message.
    func closeForeign(_ boxes: [DescriptorBox]) {
        for box in boxes { closeForeign(box) }
    }

    /// Closes a connection that no handler has had. Unread messages of a Unix-domain socket may hold descriptors,
    /// whose last close happens with ours and may wait: then a child closes it.
    func closeUnread(_ descriptor: consuming OwnedDescriptor) {
        guard holdsUnread(descriptor.borrowed) else { return }
        // Its peer must not wait for the child.
        Socket.shutdown(descriptor.borrowed)
        launchers.close(descriptor)
    }

    /// The same for a socket that its owner is about to close, in this round: that must not be the last close then. A child
    /// that had a copy already might be faster.
    func keepUnread(of socket: FileDescriptor) {
        guard holdsUnread(socket), let copy = try? socket.duplicate() else { return }
        let kept = DescriptorBox(copy)
        loop.afterThisRound { [self] in
            if let copy = kept.take() { closeUnread(copy) }
        }
    }

    private func holdsUnread(_ socket: FileDescriptor) -> Bool {
        guard Socket.isUnix(socket) else { return false }
        // Nothing can come any more: what lies there now is all. Its peer reads the end only when it is closed.
        Socket.shutdown(socket, writing: false)
        // Packets may be empty and hold a descriptor all the same, and the kernel counts bytes only.
        return Socket.keepsPackets(socket) || (try? Socket.inputQueue(socket)) != 0
    }
}
