internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem

/// A connection that a handler gives on (PASS), until the handler is answered.
struct PassedConnection {
    /// The handler's number for it, which the answer has.
    let id: UInt64
    /// The name of the service that is to get it; empty: another handler of the same.
    let service: String
    /// What the handler has read of it.
    let drained: [UInt8]
    /// Nil when the kernel had no room for it here.
    let socket: DescriptorBox?
    /// What brought it to the handler; nil when it came from elsewhere.
    let baton: Baton?
}

/// Connections that a handler gives on.
extension Handler {
    func pass(
        _ pass: HandlerMessage.Pass, _ carried: CarriedDescriptor<DescriptorBox>
    ) throws(ProtocolError) {
        var baton: Baton?
        if !pass.isFromElsewhere, let passing = try ledger.pass(pass.id) {
            baton = take(passing)
            self.passing[pass.id] = baton
            if let baton { note(baton, isPassed: true) }
        }
        let socket: DescriptorBox? = if case .one(let box) = carried { box } else { nil }
        owner?.handler(
            self,
            passes: PassedConnection(
                id: pass.id, service: pass.service, drained: pass.drained, socket: socket, baton: baton))
    }

    /// It wants to give a connection on, and is let go: it has it, then, and may have read of it.
    func keep(_ id: UInt64) {
        guard let passing = try? ledger.pass(id) else { return }
        self.passing[id] = take(passing)
        _ = answerRefused(id, .stopping)
    }

    private func take(_ passing: BatonLedger.Passing) -> Baton? {
        guard passing.wasUnacknowledged else { return held.removeValue(forKey: passing.connection) }
        guard let baton = unacknowledged.removeValue(forKey: passing.connection) else { return nil }
        served += 1
        lastProgress = runtime.loop.now
        owner?.handler(self, acknowledged: [baton])
        return baton
    }

    /// Somebody else has it: the handler closes its copy, and its place is free.
    func answerTaken(_ id: UInt64) {
        ledger.passed(id)
        if let baton = passing.removeValue(forKey: id) { leave(baton) }
        channel?.post(.passed(id: id, .taken))
        rested()
        // The connection goes on first.
        runtime.loop.afterThisRound { [self] in owner?.handlerHasRoom(self) }
    }

    /// It is the handler's still.
    ///
    /// - Returns: The baton that has nobody any more, because the handler has gone meanwhile.
    func answerRefused(_ id: UInt64, _ reason: RefusalReason) -> Baton? {
        let baton = passing.removeValue(forKey: id)
        guard state != .gone else {
            if let baton { leave(baton) }
            return baton
        }
        channel?.post(.passed(id: id, .refused(reason: reason.rawValue)))
        guard let baton else { return nil }
        if ledger.kept(id) {
            held[baton.origin.number] = baton
            note(baton, isPassed: false)
        } else {
            leave(baton)
            owner?.handler(self, ended: [baton])
        }
        return nil
    }
}
