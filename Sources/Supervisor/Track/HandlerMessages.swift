internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable

/// What a handler says, and what it changes.
extension Handler {
    /// Whether the service can do with a handler of such traits: who sends no DONE can hold nothing until DONE.
    static func fits(_ traits: HandlerTraits, _ settings: Handoff) -> Bool {
        settings.hold != .done || !traits.contains(.sendsNoDone)
    }

    /// It has registered: the first message on its channel.
    func registered(_ registration: HandlerMessage.Registration) {
        traits = registration.traits
        ownCapacity = Int(registration.capacity)
        ledger = BatonLedger(traits: traits)
        disarm(.start)
        if line == nil { enroll() } else { noteSettings() }
        record.report(
            .handler(.registered(id: id, pid: Int(pid), kind: kind, capacity: capacity)))
        handle(.registered)
        startHeartbeat()
        idleSince = runtime.loop.now
        owner.handlerReady(self)
    }

    func take(
        _ message: HandlerMessage, _ carried: CarriedDescriptor<DescriptorBox>
    ) throws(ProtocolError) {
        heard()
        switch message {
        case .register where machine.registersTooLate: break
        case .register(let registration):
            guard machine.state == .starting, registration.service == record.name,
                Self.fits(registration.traits, settings)
            else {
                throw .unexpected(.register)
            }
            registered(registration)
        case _ where machine.state == .starting: throw .unexpected(message.type)
        case .acknowledge(let id):
            try ledger.acknowledge(upTo: id)
            takeAcknowledged()
            if let line { line.roster.handler(line.place, hasAcknowledged: ledger.acknowledged) }
        case .done(let ids):
            for id in try ledger.done(ids) { if let baton = batons[id] { acknowledged(baton) } }
            for id in ids { if let baton = batons.remove(id) { ended(baton) } }
            rested()
        case .negative(let id, let reason):
            try ledger.negative(id)
            returned(id, why: reason)
        case .capacity(let capacity):
            ownCapacity = Int(capacity)
            noteSettings()
            owner.handlerHasRoom(self)
        case .drain: handle(.drainAnnounced)
        case .status(let text): statusText = text
        case .pong: break
        case .pass(let request): try pass(request, carried)
        }
    }

    private func heard() {
        lastSign = runtime.loop.now
        if heartbeat?.heard() == true { scheduleHeartbeat(after: heartbeat?.interval) }
        handle(.heard)
    }

    private func takeAcknowledged() {
        let areOver = traits.contains(.sendsNoDone)
        var isNews = false
        while let id = ledger.nextAcknowledged() {
            isNews = true
            guard let baton = areOver ? batons.remove(id) : batons[id] else { continue }
            acknowledged(baton)
            if areOver { ended(baton) }
        }
        guard isNews else { return }
        if areOver { rested() } else { owner.handlerHasRoom(self) }
    }

    func acknowledged(_ baton: Baton) {
        served += 1
        lastProgress = runtime.loop.now
        owner.handler(self, acknowledged: baton)
    }

    func ended(_ baton: Baton) {
        leave(baton)
        owner.handler(self, ended: baton)
    }

    /// Connections have left it.
    func rested() {
        noteRest()
        owner.handlerRested(self)
    }

    func hasRoom(at time: Duration) {
        _ = runtime.loop.schedule(at: time) { [self] in owner.handlerHasRoom(self) }
    }

    /// It gets nothing for a while.
    func rests() {
        restsUntil = runtime.loop.now + Self.rest
        hasRoom(at: restsUntil)
    }

    private func returned(_ id: UInt64, why: String) {
        rests()
        noteRest()
        lastProgress = runtime.loop.now
        guard let baton = batons.remove(id) else { return }
        leave(baton)
        owner.handler(self, returned: baton, why: why)
    }
}

extension Handler: ChannelOwner {
    func received(_ message: HandlerMessage, _ carried: CarriedDescriptor<DescriptorBox>, on channel: Channel) {
        guard !channel.ended else {
            channel.discard(carried)
            return takeLastWord(message)
        }
        do throws(ProtocolError) {
            // It has its channel, so REGISTER brings none.
            guard carried.isNone || message.type == .pass else { throw ProtocolError.surplusDescriptor(message.type) }
            try take(message, carried)
        } catch {
            channel.discard(carried)
            brokeProtocol(error.description, on: channel)
        }
    }

    /// From one that was let go: what it says of the connections that it has is true still, and keeps them from being
    /// given to another. All else is too late.
    private func takeLastWord(_ message: HandlerMessage) {
        switch message {
        case .acknowledge, .done, .negative: try? take(message, .none)
        case .pass(let pass) where !pass.isFromElsewhere: keep(pass.id)
        default: break
        }
    }

    func brokeProtocol(_ error: String, on channel: Channel) {
        record.report(.handler(.protocolError(id: id, pid: Int(pid), message: error)))
        handle(.protocolError)
    }

    func lostLifeline(of channel: Channel) {
        handle(.lifelineEnded)
    }

    func hungUp(_ channel: Channel) {
        channelEnded()
    }

    func writable(_ channel: Channel) {
        channelIsFull = false
        owner.handlerHasRoom(self)
    }
}
