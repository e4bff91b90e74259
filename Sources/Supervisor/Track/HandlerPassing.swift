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
        if !pass.isFromElsewhere {
            baton = take(pass.id, try ledger.pass(pass.id))
            if let baton { note(baton, isPassed: true) }
        }
        let socket: DescriptorBox? = if case .one(let box) = carried { box } else { nil }
        owner.handler(
            self,
            passes: PassedConnection(
                id: pass.id, service: pass.service, drained: pass.drained, socket: socket, baton: baton))
    }

    /// It wants to give a connection on, and is let go: it has it, then, and may have read of it.
    func keep(_ id: UInt64) {
        guard let from = try? ledger.pass(id) else { return }
        _ = take(id, from)
        _ = answerRefused(id, .stopping)
    }

    /// Nil for one that was over.
    private func take(_ id: UInt64, _ from: BatonLedger.PassedFrom) -> Baton? {
        guard from != .nowhere, let baton = batons[id] else { return nil }
        if from == .unacknowledged {
            acknowledged(baton)
        }
        return baton
    }

    /// Somebody else has it: the handler closes its copy, and its place is free.
    func answerTaken(_ id: UInt64) {
        ledger.passed(id)
        if let baton = batons.remove(id) { leave(baton) }
        channel?.post(.passed(id: id, .taken))
        noteRest()
        // The connection goes on first.
        runtime.loop.afterThisRound { [self] in owner.handlerHasRoom(self) }
    }

    /// It is the handler's still.
    ///
    /// - Returns: The baton that has nobody any more, because the handler has gone meanwhile.
    func answerRefused(_ id: UInt64, _ reason: RefusalReason) -> Baton? {
        let baton = batons[id]
        guard state != .gone else {
            batons.remove(id)
            if let baton { leave(baton) }
            return baton
        }
        channel?.post(.passed(id: id, .refused(reason: reason.rawValue)))
        guard let baton else { return nil }
        if ledger.kept(id) {
            note(baton, isPassed: false)
        } else {
            batons.remove(id)
            ended(baton)
            rested()
        }
        return nil
    }
}
