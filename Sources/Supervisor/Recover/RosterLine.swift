internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// A handler's entry in the roster.
struct RosterLine {
    let roster: Roster
    let place: Roster.Place
}

// What a handler writes there of itself, and of the connections that it has.

extension Handler {
    /// - Parameter isKept: Its channel is kept already, under its number.
    func enroll(isKept: Bool = false) {
        guard let roster = runtime.roster, let keeper = runtime.keeper, let channel else { return }
        // Of a stream, part of a message may be lost with this process: its handler has to register again.
        guard channel.framer == nil, isKept || keeper.keep(channel.descriptors, number) else { return }
        channelIsKept = true
        line = roster.enter(inRoster).map { RosterLine(roster: roster, place: $0) }
    }

    private var inRoster: RosterHandler {
        var entry = RosterHandler()
        entry.pid = pid
        entry.number = number
        entry.service = RosterName(record.name)
        entry.began = runtime.moment
        entry.sent = ledger.nextID - 1
        entry.acknowledged = ledger.acknowledged
        entry.slot = UInt32(clamping: slot)
        entry.capacity = UInt32(clamping: ownCapacity)
        entry.traits = traits.rawValue
        entry.isSupervised = machineKind == .supervised
        entry.life = machine.content.inRoster
        return entry
    }

    /// Its channel has ended: nobody needs the copy.
    func giveUpChannel() {
        guard channelIsKept else { return }
        channelIsKept = false
        runtime.keeper?.giveUp(number)
    }

    /// It is gone.
    func leaveRoster() {
        giveUpChannel()
        guard let line = line.take() else { return }
        line.roster.leave(line.place)
    }

    func noteLife() {
        guard let line else { return }
        line.roster.handler(line.place, life: machine.content.inRoster)
    }

    /// What it said of itself.
    func noteSettings() {
        guard let line else { return }
        line.roster.handler(line.place, capacity: UInt32(clamping: ownCapacity), traits: traits.rawValue)
    }

    // MARK: Connections

    /// Before `baton` is sent as `id`: what a handler has, the roster knows.
    func enter(_ baton: Baton, _ id: UInt64) {
        guard let line else { return }
        enter(baton, id, in: line.roster)
        line.roster.handler(line.place, isSent: id)
    }

    /// What became of that.
    func wasSent(_ baton: Baton, _ id: UInt64, _ outcome: Channel.SendOutcome) {
        guard let line else { return }
        if outcome != .sent { leave(baton) }
        line.roster.handler(line.place, wasSent: outcome == .sent ? id : id - 1)
    }

    /// Those that it has had since before this program began.
    func enterAgain() {
        guard let line else { return }
        for (id, baton) in batons.all { enter(baton, id, in: line.roster) }
    }

    private func enter(_ baton: Baton, _ id: UInt64, in roster: Roster) {
        baton.place = roster.enter(
            RosterConnection(handler: number, id: id, origin: RosterOrigin(baton.origin, socket: baton.socket ?? 0)))
    }

    /// It is with the handler no more.
    func leave(_ baton: Baton) {
        guard let place = baton.place.take() else { return }
        runtime.roster?.leave(place)
    }

    /// The handler waits to hear who gets it, or does no longer.
    func note(_ baton: Baton, isPassed: Bool) {
        guard let place = baton.place else { return }
        runtime.roster?.connection(place, isPassed: isPassed)
    }
}

extension Channel {
    /// All that it is made of.
    var descriptors: [FileDescriptor] { [socket.borrowed] + (lifeline.map { [$0.connection.socket.borrowed] } ?? []) }
}

extension HandlerMachine.Content {
    private enum Flag {
        static let everRegistered: UInt8 = 1
        static let processEnded: UInt8 = 2
        static let channelEnded: UInt8 = 4
        static let drainAnnounced: UInt8 = 8
        static let dismissed: UInt8 = 16
        static let brokeProtocol: UInt8 = 32
    }

    var inRoster: RosterHandler.Life {
        var flags: UInt8 = 0
        if everRegistered { flags |= Flag.everRegistered }
        if processEnded { flags |= Flag.processEnded }
        if channelEnded { flags |= Flag.channelEnded }
        if drainAnnounced { flags |= Flag.drainAnnounced }
        if dismissed { flags |= Flag.dismissed }
        if brokeProtocol { flags |= Flag.brokeProtocol }
        return RosterHandler.Life(state: UInt8(HandlerMachine.State.allCases.firstIndex(of: state) ?? 0), flags: flags)
    }

    /// Nil for a state that is none.
    init?(inRoster life: RosterHandler.Life) {
        let states = HandlerMachine.State.allCases
        guard states.indices.contains(Int(life.state)) else { return nil }
        self.init(
            state: states[Int(life.state)], everRegistered: life.flags & Flag.everRegistered != 0,
            processEnded: life.flags & Flag.processEnded != 0, channelEnded: life.flags & Flag.channelEnded != 0,
            drainAnnounced: life.flags & Flag.drainAnnounced != 0, dismissed: life.flags & Flag.dismissed != 0,
            brokeProtocol: life.flags & Flag.brokeProtocol != 0)
    }
}
