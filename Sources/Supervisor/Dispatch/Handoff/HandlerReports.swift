internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

// What handlers tell, and what becomes of the connections of one that is gone.

extension HandoffDispatch: HandlerOwner {
    func handlerReady(_ handler: Handler) {
        if handler.machineKind == .supervised { supply.succeeded(handler) }
        pump()
    }

    func handlerHasRoom(_ handler: Handler) {
        if !queue.isEmpty { pump() }
        // When it was busy as the others were looked at, nobody is about to look again.
        supply.review()
    }

    func handler(_ handler: Handler, acknowledged baton: Baton) {
        record.connections.queued -= 1
        record.connections.active += 1
        record.connections.handedOff += 1
        record.timings.handoff.record(runtime.loop.now - baton.origin.accepted)
        record.timings.queue.record(baton.waited)
        record.report(handler.events.acknowledged, baton)
        baton.acknowledged()
        // On other sockets than TCP nothing would tell whether it was touched.
        if !asked.holdsUntilDone || baton.origin.kind != .tcp { close(baton) }
    }

    func handler(_ handler: Handler, ended baton: Baton) {
        record.connections.active -= 1
        record.connections.ended += 1
        end(baton, with: handler)
    }

    func handlerRested(_ handler: Handler) {
        dismissFinished()
        // With an empty queue nobody else looks whether `connections` lets the next one in.
        changed()
        handlerHasRoom(handler)
    }

    private func end(_ baton: Baton, with handler: Handler) {
        record.report(handler.events.finished, baton, lasting: runtime.loop.now - baton.origin.accepted)
        close(baton)
    }

    func handler(_ handler: Handler, returned baton: Baton, why: String) {
        record.report(.nacked(handler: handler.id, why: why), baton)
        guard !baton.isElsewhere else {
            record.connections.queued -= 1
            return cut(baton, with: handler, why: Self.noCopy)
        }
        requeue([baton], why: "NACK")
        pump()
    }

    private static let noCopy = "no other handler can be given it: it had come before the supervisor was killed"

    func handlerLeaving(_ handler: Handler) {
        supply.left(handler)
        leaveToFallback()
        if !queue.isEmpty { pump() }
    }

    func handlerGone(_ handler: Handler, _ departure: HandlerMachine.Departure, _ remains: Handler.Remains) {
        handlers.removeAll { $0 === handler }
        let expected = departure.manner == .dismissed || departure.manner == .finished
        let how = handler.death(departure)
        record.report(.handler(.gone(id: handler.id, pid: Int(handler.pid), why: how, expected: expected)))
        if departure.manner == .crashed { record.crashed(handler: handler.id, pid: handler.pid, how: how) }
        let asked = handler.machine.endsAsAsked
        let back = untouched(remains, departure, of: handler)
        for baton in remains.unacknowledged { baton.isSuspect = !asked }
        for baton in remains.held { baton.isSuspect = !asked && isSuspicious(baton) }
        if !asked { blame(back, remains) }
        requeue(back.filter { !givesUp($0) }, why: "handler \(handler.id) is gone")
        supply.ended(handler, departure, worked: remains.worked)
        if supply.isFailed { supplyFailed() }
        leaveToFallback()
        pump()
    }

    /// What may go to another handler, back among the queued; the rest has ended with this one, or is cut.
    private func untouched(
        _ remains: Handler.Remains, _ departure: HandlerMachine.Departure, of handler: Handler
    ) -> [Baton] {
        var back: [Baton] = []
        for baton in remains.unacknowledged {
            if let why = obstacle(to: baton, departure, remains) {
                record.connections.queued -= 1
                cut(baton, with: handler, why: why)
            } else {
                back.append(baton)
            }
        }
        for baton in remains.held {
            record.connections.active -= 1
            // A handler may have acted on drained bytes without a touch of the socket.
            let isUntouched = !baton.isElsewhere && !baton.isBegun && baton.isUntouched
            if !departure.leftChannelOpen, isUntouched {
                record.connections.queued += 1
                back.append(baton)
            } else if handler.machine.finishedItsWork {
                // The end of its channel is a clean end behind a DRAIN.
                record.connections.ended += 1
                end(baton, with: handler)
            } else {
                cut(baton, with: handler, why: "its handler died")
            }
        }
        return back
    }

    /// Why another handler must not get what this one had not acknowledged; nil when it may.
    private func obstacle(
        to baton: Baton, _ departure: HandlerMachine.Departure, _ remains: Handler.Remains
    ) -> String? {
        if departure.leftChannelOpen { return "its channel stayed open" }
        if baton.isElsewhere { return Self.noCopy }
        if !baton.isUntouched { return "it was touched" }
        return remains.mayHaveAcknowledged && !baton.showsTouch ? "it may have been acknowledged" : nil
    }

    func cut(_ baton: Baton, with handler: Handler, why: String) {
        record.connections.cut += 1
        record.report(
            .cut(why: why, handler: handler.reference, duration: runtime.loop.now - baton.origin.accepted),
            baton.origin)
        close(baton)
    }

    /// Whether one that was acknowledged goes out alone: it has something to say, or handler after handler has died of it or
    /// of another that came with it. Of other silent clients there may be many, and they go out together.
    private func isSuspicious(_ baton: Baton) -> Bool {
        let deaths = baton.survivedDeath(at: runtime.loop.now, soon: Handler.patience)
        return baton.hasInput || deaths >= settings.maxDeliveries ?? .max
    }

    /// A death counts against a connection only if no other can be the guilty one: it was the sole one that
    /// the handler had not acknowledged, the suspect that it was given alone, the only one with something to say, or the
    /// only one that the handler had.
    private func blame(_ batons: [Baton], _ remains: Handler.Remains) {
        if let suspect = remains.suspect, batons.contains(where: { $0 === suspect }) {
            suspect.deliveries += 1
        } else if remains.unacknowledged.count == 1 {
            remains.unacknowledged[0].deliveries += 1
        } else if remains.unacknowledged.isEmpty {
            let talking = batons.filter(\.hasInput)
            if talking.count == 1 {
                talking[0].deliveries += 1
            } else if remains.held.count == 1 {
                batons.first?.deliveries += 1
            }
        }
    }

    /// Gives up what has killed too many handlers.
    private func givesUp(_ baton: Baton) -> Bool {
        guard let most = settings.maxDeliveries, baton.deliveries >= most else { return false }
        record.connections.queued -= 1
        record.connections.abandoned += 1
        record.report(
            .abandoned(deliveries: baton.deliveries, duration: runtime.loop.now - baton.origin.accepted),
            baton.origin)
        close(baton)
        return true
    }

    private func requeue(_ batons: [Baton], why: String) {
        guard !batons.isEmpty else { return }
        for baton in batons { record.report(.requeued(why: why), baton) }
        record.connections.requeued += batons.count
        queue.requeue(batons, at: runtime.loop.now)
        disarmQueueTimer()
    }
}

extension HandlerMachine.Departure: CustomStringConvertible {
    var description: String {
        let how =
            switch manner {
            case .failedStart: startExpired ? "did not register within start_timeout" : "never registered"
            case .crashed: "ended unasked"
            case .finished: "finished"
            case .dismissed: "ended as asked"
            }
        return status.map { "\(how), \($0)" } ?? how
    }
}
