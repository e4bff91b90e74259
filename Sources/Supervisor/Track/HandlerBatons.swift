internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable

/// Which connections are with a handler, and whether there is room for another.
extension Handler {
    /// Connections with it, acknowledged or not.
    var load: Int { ledger.count }
    /// It serves in the thread that reads the channel, and has something to serve, or will when it reads it.
    private var isTaken: Bool { traits.contains(.servesOnChannelThread) && ledger.count > 0 }
    /// It is at it, by its own word, and cannot answer: what it has not acknowledged it has not read.
    var isServingOnChannelThread: Bool { isTaken && ledger.count > ledger.unacknowledgedCount }
    var unacknowledgedCount: Int { ledger.unacknowledgedCount }
    /// It waits to hear who gets what it gives on.
    var isPassing: Bool { ledger.isPassing }

    func list(in census: inout ConnectionCensus) {
        for (id, baton) in batons.all {
            census.add(baton.origin, ledger.awaitsAcknowledgement(of: id) ? .sent : .held, handler: self)
        }
    }

    /// Whether it may be sent `baton` now, or any.
    func room(for baton: Baton? = nil) -> HandlerRoom {
        let now = runtime.loop.now
        guard machine.state == .ready, ledger.count < capacity, restsUntil <= now, !channelIsBroken,
            !isTaken
        else { return .none }
        let isAlone = ledger.unacknowledgedCount == 0
        let waits =
            channelIsFull || ledger.unacknowledgedCount >= ProtocolLimits.unacknowledged
            || baton?.isSuspect == true && !isAlone || observed != nil
        guard waits else { return .free }
        return now - lastProgress < Self.patience ? .soon : .none
    }

    /// The suspect that has yet to show whether it is the guilty one: it was not acknowledged, or, where the
    /// supervisor still holds it, not touched and not for long with the handler.
    var observed: Baton? {
        guard let suspect else { return nil }
        if let baton = batons[suspect.id] {
            if ledger.awaitsAcknowledgement(of: suspect.id) { return baton }
            if ledger.holds(suspect.id), baton.connection.borrowed != nil,
                runtime.loop.now - suspect.sent < Self.patience, baton.isUntouched
            {
                return baton
            }
        }
        self.suspect = nil
        return nil
    }

    /// Sends `baton`, which is the handler's until it comes back by `owner`, if the outcome is `sent`; else it
    /// is still the caller's.
    func deliver(_ baton: Baton) -> Channel.SendOutcome {
        guard let channel, let descriptor = baton.connection.borrowed else { return .broken }
        baton.prepare(mayBePassed: channel.takesDescriptors)
        let next = ledger.nextID
        let message = SupervisorMessage.Baton(
            id: next, connection: baton.origin.number, service: record.name, listener: baton.origin.listener,
            drained: baton.origin.drained, proxyHeader: baton.origin.statedHeader, wasSentBefore: baton.wasSentBefore)
        enter(baton, next)
        let outcome = channel.send(message, passing: descriptor)
        wasSent(baton, next, outcome)
        switch outcome {
        case .sent: break
        case .full: channelIsFull = true
        case .broken: channelIsBroken = true
        case .refused: rests()
        case .short: break
        }
        guard outcome == .sent else { return outcome }
        record.report(baton.wasSentBefore ? events.sentAgain : events.sent, baton)
        if ledger.unacknowledgedCount == 0 { lastProgress = runtime.loop.now }
        batons.append(baton, id: ledger.sent())
        baton.sent(at: runtime.loop.now)
        if baton.isSuspect { suspect = (next, runtime.loop.now) }
        idleSince = nil
        return .sent
    }

    /// They are with it no more.
    func takeOut(_ ids: [UInt64]) -> [Baton] {
        var taken: [Baton] = []
        taken.reserveCapacity(ids.count)
        for id in ids { if let baton = batons.remove(id) { taken.append(baton) } }
        return taken
    }

    /// Connections have left it.
    func noteRest() {
        if ledger.count == 0 { idleSince = runtime.loop.now }
    }
}
