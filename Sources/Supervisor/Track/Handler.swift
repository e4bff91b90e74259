internal import ControlProtocol
internal import Glibc
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Who owns a service's handlers and its queue.
protocol HandlerOwner: AnyObject {
    func handlerReady(_ handler: Handler)
    /// There may be room on it again.
    func handlerHasRoom(_ handler: Handler)
    func handler(_ handler: Handler, acknowledged baton: Baton)
    func handler(_ handler: Handler, ended baton: Baton)
    /// That was the last of those whose end it told at once: there may be room on it again.
    func handlerRested(_ handler: Handler)
    /// The handler could not take it.
    func handler(_ handler: Handler, returned baton: Baton, why: String)
    /// It gives a connection on, and is to be answered (`answer`).
    func handler(_ handler: Handler, passes connection: PassedConnection)
    /// It takes no more, and will be gone.
    func handlerLeaving(_ handler: Handler)
    func handlerGone(_ handler: Handler, _ departure: HandlerMachine.Departure, _ remains: Handler.Remains)
}

/// One persistent handler: its life, its channel, and which connections are with it.
final class Handler {
    let number: UInt64
    /// The same, as events and the status name it.
    let id: String
    /// Its place among the service's handlers, which the one that replaces it takes over.
    var slot = 0 {
        didSet { if let line { line.roster.handler(line.place, slot: UInt32(clamping: slot)) } }
    }
    let machineKind: HandlerMachine.Kind
    private(set) var settings: Handoff
    let record: ServiceRecord
    let runtime: Runtime
    /// Which holds it as long as it is one of the service's handlers, and is held meanwhile.
    let owner: any HandlerOwner
    var machine: HandlerMachine
    private(set) var channel: Channel?
    /// Nil where there is no roster, or no room in it.
    var line: RosterLine? {
        didSet { channel?.line = line }
    }
    /// For the supervisor that comes after this one.
    var channelIsKept = false
    /// A registered handler's process; a child of ours is an `instance`.
    private(set) var process: ForeignProcess?
    /// Who registered, by the kernel's word.
    var credentials: PeerCredentials?
    var instance: Instance?
    private(set) var pid: Int32
    /// Once it has its process.
    private(set) lazy var events = Events(self)

    /// Which batons are with it, and `batons` what they are, by the same ids. One that is being passed on outlives it.
    var ledger = BatonLedger()
    var batons = BatonTable()
    var traits: HandlerTraits = []
    var ownCapacity = 0
    var served = 0
    var restsUntil = Duration.zero
    /// The last suspect that was sent, which goes alone, and when.
    var suspect: (id: UInt64, sent: Duration)?
    /// A baton met a full channel, which has not become writable since.
    var channelIsFull = false
    var channelIsBroken = false
    /// Not all that it said could be read.
    var wasIllegible = false
    /// When it last acknowledged, or was sent the first baton of those that stand unacknowledged.
    var lastProgress = Duration.zero
    /// Since when it has been unresponsive.
    var silentSince: Duration?
    /// Since when it has had nothing to do; nil while it has.
    var idleSince: Duration?
    var heartbeat: Heartbeat?
    var heartbeatTimer: TimerID?
    var deadlines: [HandlerMachine.Deadline: TimerID] = [:]
    var statusText = ""
    var started = Timestamp.now
    var lastSign: Duration

    /// What is told of the connections that it gets. An object, so that a look at one copies none of the others.
    final class Events {
        let sent: EventContent
        let sentAgain: EventContent
        let acknowledged: EventContent
        let finished: EventContent

        init(_ handler: Handler) {
            func content(_ event: ConnectionEvent) -> EventContent { handler.record.content(.connection(event)) }
            let (id, pid) = (handler.id, Int(handler.pid))
            sent = content(.handedOff(handler: id, pid: pid, again: false))
            sentAgain = content(.handedOff(handler: id, pid: pid, again: true))
            acknowledged = content(.acknowledged(handler: id))
            finished = content(.finished(by: handler.reference, duration: nil))
        }
    }

    /// What a handler that is gone leaves behind.
    struct Remains {
        var unacknowledged: [Baton]
        /// Acknowledged and not done.
        var held: [Baton]
        /// The suspect that was under observation.
        var suspect: Baton?
        /// It may have acknowledged more than could be read.
        var mayHaveAcknowledged: Bool
        /// It had acknowledged something in its life.
        var worked: Bool
    }

    /// How long a handler that could not take a baton gets none.
    static let rest = Duration.seconds(1)
    /// How long an acknowledgement is waited for before others are looked at.
    static let patience = Duration.seconds(1)

    /// - Parameter number: Of one that has its number already.
    init(
        _ kind: HandlerMachine.Kind, pid: Int32, process: consuming ProcessDescriptor? = nil, settings: Handoff,
        record: ServiceRecord, runtime: Runtime, owner: any HandlerOwner, number: UInt64? = nil
    ) {
        self.number = number ?? runtime.nextHandlerNumber()
        id = "\(self.number)"
        machineKind = kind
        self.pid = pid
        self.settings = settings
        self.record = record
        self.runtime = runtime
        self.owner = owner
        lastSign = runtime.loop.now
        machine = HandlerMachine(
            kind: kind,
            killsSilent: Self.killsSilent(kind, settings, mayKill: kind == .supervised || process != nil))
        guard let process else { return }
        self.process = ForeignProcess(process, loop: runtime.loop) { [self] in processEnded() }
    }

    private static func killsSilent(_ kind: HandlerMachine.Kind, _ settings: Handoff, mayKill: Bool) -> Bool {
        let policy = settings.unresponsive ?? (kind == .supervised ? .kill : .wait)
        return policy == .kill && mayKill
    }

    /// Goes by other settings, as far as they are not about its start.
    func update(_ new: Handoff, stopSignal: Int32?) {
        let old = settings
        settings = new
        let mayKill = machineKind == .supervised || process != nil
        let killed = machine.killsSilent
        machine.killsSilent = Self.killsSilent(machineKind, new, mayKill: mayKill)
        channel?.takesDescriptors = !new.passTo.isEmpty
        if let stopSignal { instance?.update(stopSignal: stopSignal, stopGrace: new.stopGrace) }
        if old.heartbeat != new.heartbeat, isServing { startHeartbeat() }
        if state == .unresponsive { updateSilent(killed: killed) }
        if !Self.fits(traits, new) { handle(.drainAsked) }
    }

    /// What is to become of one that does not answer.
    ///
    /// - Parameter killed: It was killed for it already.
    private func updateSilent(killed: Bool) {
        if machine.killsSilent {
            if !killed { kill() }
        } else if settings.heartbeat == nil {
            handle(.heard)
        }
    }

    var state: HandlerMachine.State { machine.state }

    /// The most connections it takes.
    var capacity: Int {
        ownCapacity == 0 ? settings.capacity : min(settings.capacity, ownCapacity)
    }

    // MARK: Its life

    /// Its channel, before its first message.
    func take(_ channel: Channel) {
        self.channel = channel
        channel.adopt(self)
    }

    /// The launcher has started it as `pid`.
    func spawned(as pid: Int32, limits: InstanceLimits, ended: @escaping () -> Void) {
        self.pid = pid
        instance = Instance(pid: pid, service: record.name, limits: limits, origin: nil, runtime: runtime) {
            [self] in exited($0, $1, ended)
        }
        enroll()
        switch machine.state {
        case .starting: arm(.start)
        // Asked to end, or without a channel, before there was anybody to tell.
        case .ending: dismiss(firmly: channel == nil)
        case .ready, .unresponsive, .draining, .gone: break
        }
    }

    private func exited(_ instance: Instance, _ status: ExitStatus, _ ended: () -> Void) {
        ended()
        self.instance = nil
        // What it said before it died counts before its death does.
        channel?.drain()
        if channel?.descriptor.hasHungUp == true { channelEnded() }
        handle(.exited(status))
    }

    /// Follows its process, which has run before this program did.
    func follow(_ saved: SavedInstance, limits: InstanceLimits, ended: @escaping () -> Void) {
        instance = Instance(saved, service: record.name, limits: limits, origin: nil, runtime: runtime) {
            [self] in exited($0, $1, ended)
        }
    }

    func handle(_ event: HandlerMachine.Event) {
        let before = machine.state
        let actions = machine.handle(event)
        if before != machine.state {
            reportState(after: before)
            noteLife()
        }
        perform(actions)
        guard before != machine.state else { return }
        if machine.state == .draining || machine.state == .ending { owner.handlerLeaving(self) }
        if before == .unresponsive, machine.state == .ready { owner.handlerHasRoom(self) }
    }

    /// Ends its process now: by its stop signal, or with SIGKILL.
    func dismiss(firmly: Bool) {
        let actions = machine.dismiss(firmly: firmly)
        noteLife()
        perform(actions)
    }

    /// Tells a registered one to finish, if it has not been told, and ends its channel; it is gone when it has closed
    /// that too, or after `stop_grace`, or now.
    func letGo(atOnce: Bool) {
        handle(.drainAsked)
        handle(.lifelineEnded)
        if atOnce { handle(.deadline(.remnant)) }
    }

    private func perform(_ actions: [HandlerMachine.Action]) {
        for action in actions {
            switch action {
            case .sendWelcome:
                let interval = settings.heartbeat.map { UInt32(clamping: $0.interval.milliseconds) }
                channel?.post(.welcome(heartbeatMilliseconds: interval ?? 0))
            case .sendDrain: channel?.post(.drain)
            case .arm(let deadline): arm(deadline)
            case .terminate: instance?.terminate(why: "asked to end")
            case .kill: kill()
            case .endChannel: channel?.end()
            case .gone(let departure): depart(departure)
            }
        }
    }

    private func kill() {
        if let instance {
            instance.kill(why: whyKilled)
        } else if machineKind == .supervised {
            // The handler is collected; its group may still hold the channel.
            if pid > 1 { runtime.privileges.signalGroup(pid, SIGKILL) }
        } else {
            // One that may not be killed is waited for, like those that are to be.
            if let process, !runtime.privileges.kill(process, registeredAs: number) { machine.killsSilent = false }
        }
    }

    /// After an upgrade: it was killed, or it was found that it may not be, which is found out again.
    func killIfSilent() {
        if machineKind == .registered, state == .unresponsive, machine.killsSilent { kill() }
    }

    private var whyKilled: String {
        if silentSince != nil { return "it is unresponsive" }
        if machine.startExpired { return "it did not register within start_timeout" }
        return channel == nil ? "its channel hung up" : "its handler is ended"
    }

    /// A registered handler's process has ended. That does not make it gone: what was sent to it may be with
    /// whoever holds its channel still.
    private func processEnded() {
        // Nobody can be killed any more for its silence: who answers again is what it was.
        process = nil
        machine.killsSilent = false
        guard let channel, !channel.descriptor.hasHungUp else { return }
        record.report(.handler(.processEnded(id: id, pid: Int(pid))))
    }

    func channelEnded() {
        guard let channel else { return }
        self.channel = nil
        wasIllegible = channel.isIllegible
        channel.close()
        giveUpChannel()
        handle(.channelHungUp)
    }

    private func depart(_ departure: HandlerMachine.Departure) {
        channel?.close()
        channel = nil
        process?.close()
        process = nil
        for timer in deadlines.values { runtime.loop.cancel(timer) }
        deadlines = [:]
        if let heartbeatTimer { runtime.loop.cancel(heartbeatTimer) }
        let observed = observed
        let remains = ledger.gone()
        let left = Remains(
            unacknowledged: takeOut(remains.unacknowledged), held: takeOut(remains.held), suspect: observed,
            mayHaveAcknowledged: wasIllegible, worked: served > 0)
        for baton in left.unacknowledged + left.held { leave(baton) }
        leaveRoster()
        suspect = nil
        owner.handlerGone(self, departure, left)
    }
}
