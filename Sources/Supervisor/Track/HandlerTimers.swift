internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable

/// A handler's deadlines and its heartbeat.
extension Handler {
    func arm(_ deadline: HandlerMachine.Deadline) {
        disarm(deadline)
        let delay: Duration? =
            switch deadline {
            case .start: settings.startTimeout
            case .drain: settings.drain
            case .remnant: settings.stopGrace
            }
        if let delay { arm(deadline, at: runtime.loop.now + delay) }
    }

    func arm(_ deadline: HandlerMachine.Deadline, at time: Duration) {
        deadlines[deadline] = runtime.loop.schedule(at: time) { [self] in
            deadlines[deadline] = nil
            handle(.deadline(deadline))
        }
    }

    func disarm(_ deadline: HandlerMachine.Deadline) {
        if let timer = deadlines.removeValue(forKey: deadline) { runtime.loop.cancel(timer) }
    }

    func startHeartbeat() {
        heartbeat = settings.heartbeat.map { Heartbeat($0) }
        scheduleHeartbeat(after: heartbeat?.interval)
    }

    func scheduleHeartbeat(after delay: Duration?) {
        if let heartbeatTimer { runtime.loop.cancel(heartbeatTimer) }
        heartbeatTimer = delay.map { delay in
            runtime.loop.schedule(after: delay) { [self] in lookForLife() }
        }
    }

    private func lookForLife() {
        heartbeatTimer = nil
        guard channel != nil, state != .gone, var heartbeat else { return }
        let step = heartbeat.look(at: runtime.loop.runningTime, exempt: isServingOnChannelThread)
        self.heartbeat = heartbeat
        switch step {
        case .ping(let id, let lookAgain):
            channel?.post(.ping(id: id))
            scheduleHeartbeat(after: lookAgain)
        case .wait(let delay):
            scheduleHeartbeat(after: delay)
        case .silent:
            // What it has said lies in the channel until it is read: only an empty one is silence.
            channel?.drain()
            guard channel != nil, self.heartbeat?.isWaiting == true else { return }
            handle(.silent)
        }
    }
}

/// What is seen of a handler.
extension Handler {
    var kind: HandlerStatus.Kind { machineKind == .supervised ? .supervised : .registered }

    /// It serves, or is on its way to.
    var isExpected: Bool { state == .starting || state == .ready || state == .unresponsive }

    /// It is there, if perhaps with no room.
    var isServing: Bool { state == .ready || state == .unresponsive }

    private var shownState: HandlerStatus.State {
        switch state {
        case .starting: .starting
        case .ready: room() == .free ? .ready : .busy
        case .unresponsive: .unresponsive
        case .draining, .ending, .gone: .draining
        }
    }

    func reportState(after before: HandlerMachine.State) {
        let change: HandlerEvent.Change
        switch state {
        case .unresponsive:
            change = .unresponsive
            silentSince = runtime.loop.now
        case .ready where before == .unresponsive:
            change = .ready
            silentSince = nil
        case .draining: change = .draining
        case .starting, .ready, .ending, .gone: return
        }
        record.report(.handler(.changed(id: id, pid: Int(pid), to: change)))
    }

    /// As events name it.
    var reference: HandlerReference { HandlerReference(id: id, pid: Int(pid)) }

    /// How it came to its end, in words.
    func death(_ departure: HandlerMachine.Departure) -> String {
        guard silentSince != nil else { return departure.description }
        return "unresponsive (last sign of life \((runtime.loop.now - lastSign).brief) before), \(departure)"
    }

    /// For how long it has been unresponsive; nil when it is not.
    var silence: Duration? { silentSince.map { runtime.loop.now - $0 } }

    var status: HandlerStatus {
        var status = HandlerStatus(
            id: id, pid: Int(pid), kind: kind, state: shownState, capacity: capacity, held: load,
            unacknowledged: unacknowledgedCount, served: served, started: started,
            lastSignOfLife: runtime.loop.now - lastSign, status: statusText)
        status.unresponsive = silence
        if unacknowledgedCount > 0 { status.unacknowledgedFor = runtime.loop.now - lastProgress }
        return status
    }
}

extension Duration {
    /// Whole milliseconds, at least 1 for anything over 0.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
