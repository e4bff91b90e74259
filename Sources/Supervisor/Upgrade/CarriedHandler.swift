internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

// A handler does not notice that the supervisor has become another program.

extension Handler {
    /// Nothing that it passes on may be under way.
    var saved: SavedHandler {
        var saved = SavedHandler()
        saved.number = number
        saved.slot = slot
        saved.pid = pid
        saved.started = started
        saved.kind = machineKind
        saved.machine = machine.content
        saved.channel = channel?.saved
        saved.credentials = credentials.map { SavedCredentials($0) }
        saved.process = process?.saved
        saved.instance = instance?.saved
        let content = ledger.content
        saved.ledger = SavedLedger(content) { batons[$0]?.origin.number ?? 0 }
        saved.unacknowledged = content.waiting.compactMap { batons[$0]?.saved }
        saved.held = content.taken.compactMap { batons[$0]?.saved }
        saved.traits = traits.rawValue
        saved.ownCapacity = ownCapacity
        saved.served = served
        saved.restsUntil = restsUntil
        saved.suspect = suspect.flatMap { batons[$0.id]?.origin.number }
        saved.suspectSent = suspect?.sent ?? .zero
        saved.channelIsFull = channelIsFull
        saved.channelIsBroken = channelIsBroken
        saved.wasIllegible = wasIllegible
        saved.lastProgress = lastProgress
        saved.idleSince = idleSince
        saved.heartbeat = heartbeat?.content
        saved.heartbeatDue = runtime.loop.time(of: heartbeatTimer)
        saved.startDue = runtime.loop.time(of: deadlines[.start])
        saved.drainDue = runtime.loop.time(of: deadlines[.drain])
        saved.remnantDue = runtime.loop.time(of: deadlines[.remnant])
        saved.silentSince = silentSince
        saved.statusText = statusText
        saved.lastSign = lastSign
        return saved
    }

    convenience init(_ saved: SavedHandler, for owner: HandoffDispatch, _ books: Intake) throws(Errno) {
        let process = saved.process.map { ProcessDescriptor(adopting: $0.adopt()) }
        self.init(
            saved.kind, pid: saved.pid, process: process, settings: owner.settings, record: owner.record,
            runtime: owner.runtime, owner: owner, number: saved.number)
        slot = saved.slot
        credentials = saved.credentials.map { PeerCredentials($0) }
        started = saved.started
        machine.content = saved.machine
        if let channel = saved.channel { take(try Channel(channel, runtime: runtime)) }
        takeAgain(saved, books)
        traits = HandlerTraits(rawValue: saved.traits)
        ownCapacity = saved.ownCapacity
        served = saved.served
        restsUntil = saved.restsUntil
        channelIsFull = saved.channelIsFull
        channelIsBroken = saved.channelIsBroken
        wasIllegible = saved.wasIllegible
        lastProgress = saved.lastProgress
        idleSince = saved.idleSince
        silentSince = saved.silentSince
        statusText = saved.statusText
        lastSign = saved.lastSign
        enroll(isKept: true)
        enterAgain()
        if restsUntil > runtime.loop.now { hasRoom(at: restsUntil) }
        goOn(saved)
    }

    private func takeAgain(_ saved: SavedHandler, _ books: Intake) {
        ledger = BatonLedger(saved.ledger.content)
        let byNumber = Dictionary((saved.unacknowledged + saved.held).map { ($0.origin.number, $0) }) { $1 }
        for (id, number) in (saved.ledger.waiting + saved.ledger.taken).sorted(by: { $0.id < $1.id }) {
            if let baton = byNumber[number] { batons.append(Baton(baton, books), id: id) }
            if number == saved.suspect { suspect = (id, saved.suspectSent) }
        }
    }

    /// Its deadlines and its heartbeat.
    private func goOn(_ saved: SavedHandler) {
        for (deadline, due) in [
            (HandlerMachine.Deadline.start, saved.startDue), (.drain, saved.drainDue),
            (.remnant, saved.remnantDue),
        ] {
            if let due { arm(deadline, at: due) }
        }
        killIfSilent()
        guard let content = saved.heartbeat, let settings = settings.heartbeat else { return }
        heartbeat = Heartbeat(settings)
        heartbeat?.content = content
        if let due = saved.heartbeatDue { scheduleHeartbeat(after: max(.zero, due - runtime.loop.now)) }
    }
}
