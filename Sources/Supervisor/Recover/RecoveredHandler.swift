internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable

/// A persistent handler whose supervisor was killed: it has noticed nothing, and goes on where it is in its life.
struct RecoveredHandler {
    private let entry: RosterHandler
    private let settings: Handoff
    private let process: ProcessSettings
    private let now: Duration
    private var machine: HandlerMachine.Content
    /// Of one that is a child, while it is left.
    var instance: SavedInstance?
    var channel: KeptChannel?

    init(
        _ entry: RosterHandler, _ machine: HandlerMachine.Content, _ settings: Handoff, _ process: ProcessSettings,
        now: Duration
    ) {
        self.entry = entry
        self.machine = machine
        self.settings = settings
        self.process = process
        self.now = now
    }

    /// Nil when nothing is left of it: of a child without a channel the end is waited for, and one that came by itself comes
    /// again.
    var state: SavedHandler? {
        guard channel != nil || instance != nil else { return nil }
        var handler = SavedHandler()
        handler.number = entry.number
        handler.slot = Int(entry.slot)
        handler.kind = entry.isSupervised ? .supervised : .registered
        handler.pid = instance?.pid ?? 0
        handler.started = instance?.started ?? Timestamp()
        handler.traits = entry.traits
        handler.ownCapacity = Int(entry.capacity)
        // As far as it matters: whether it has worked.
        handler.served = Int(entry.acknowledged)
        handler.ledger.sendsDone = !HandlerTraits(rawValue: entry.traits).contains(.sendsNoDone)
        (handler.ledger.lastSent, handler.ledger.acknowledged) = (entry.sent, entry.acknowledged)
        (handler.lastProgress, handler.lastSign) = (now, now)
        handler.instance = instance
        handler.channel = channel?.state
        handler.channel?.takesDescriptors = !settings.passTo.isEmpty
        handler.credentials = channel?.credentials
        handler.process = channel?.process
        if let credentials = channel?.credentials { (handler.pid, handler.started) = (credentials.pid, Timestamp()) }
        handler.machine = machine
        goOn(&handler)
        return handler
    }

    /// Where it is in its life; deadlines begin again.
    private func goOn(_ handler: inout SavedHandler) {
        handler.machine.status = nil
        handler.machine.processEnded = instance == nil
        handler.machine.channelEnded = channel == nil
        if instance == nil && entry.isSupervised || channel == nil && !isAsked { handler.machine.state = .ending }
        switch handler.machine.state {
        case .starting:
            // Its REGISTER may have been read, and is said once.
            handler.startDue = entry.isUnsure ? now : settings.startTimeout.map { now + $0 }
        case .ready, .unresponsive:
            handler.machine.state = .ready
            watchOver(&handler)
            // It finishes what it has, and another comes for it: with that, whatever was lost between the two is settled.
            if entry.isUnsure { drain(&handler) }
        case .draining:
            watchOver(&handler)
            drain(&handler, asking: machine.dismissed)
        case .ending, .gone: end(&handler)
        }
    }

    private var isAsked: Bool { machine.dismissed || machine.drainAnnounced }

    private func watchOver(_ handler: inout SavedHandler) {
        guard let heartbeat = settings.heartbeat else { return }
        handler.heartbeat = Heartbeat.Content()
        handler.heartbeatDue = now + heartbeat.interval
    }

    /// What it was asked for may not have gone out.
    private func drain(_ handler: inout SavedHandler, asking: Bool = true) {
        handler.machine.state = .draining
        handler.drainDue = settings.drain.map { now + $0 }
        guard asking else { return }
        handler.machine.dismissed = true
        handler.send(.drain)
    }

    private func end(_ handler: inout SavedHandler) {
        handler.instance?.wasTerminated = true
        handler.instance?.due = now + settings.stopGrace
        handler.channel?.hasEnded = handler.machine.state == machine.state
        if instance == nil { handler.remnantDue = now + settings.stopGrace }
    }
}

extension SavedHandler {
    /// As soon as its channel has room, which is at once as a rule.
    mutating func send(_ message: SupervisorMessage) {
        guard let bytes = try? MessageCoder.encode(message), channel?.hasEnded == false else { return }
        channel?.unsent.append(SavedBytes(bytes: bytes))
        channel?.waitsForRoom = true
    }

    /// Whoever was asked to take it has not answered, and will not.
    mutating func refusePass(_ id: UInt64) {
        send(.passed(id: id, .refused(reason: RefusalReason.noHandler.rawValue)))
    }
}

extension SavedSupply {
    /// As many as there are, and those that are to be there from the beginning.
    init(_ handlers: [SavedHandler], _ settings: Handoff) {
        self.init()
        let serving = handlers.filter {
            $0.kind == .supervised && $0.machine.state != .draining && $0.machine.state != .ending
        }
        members = serving.map(\.number)
        let isAwake = settings.start == .eager || !members.isEmpty
        if settings.program != nil { pool.wanted = max(members.count, isAwake ? settings.pool.least : 0) }
    }
}
