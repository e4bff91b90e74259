internal import ControlProtocol

/// `baton restart` of a service with handlers.
extension HandlerSupply {
    /// New handlers first; as each of them registers, one of the old drains.
    ///
    /// - Parameter answer: Called once: nil when the last of the old was told to drain, else why the old go on.
    func restart(_ answer: @escaping (RestartAnswer) -> Void) {
        guard start != nil else { return answer(.nothing("its handlers register by themselves")) }
        guard !stopped else { return answer(.failed("the service stops")) }
        guard rolling == nil else { return answer(.failed("a restart is under way")) }
        let wasDown = isFailed || members.isEmpty && pool.wanted > 0
        policy.forgive()
        cancelTimer()
        // One that only starts has nothing to finish: it is as new as any.
        let old = members.filter { $0.state != .starting }
        guard !old.isEmpty || wasDown || !members.isEmpty else {
            state = .open
            return answer(.nothing("no handler runs; the next connection starts it"))
        }
        state = isFailed ? .recovering : .open
        rolling = RollingRestart(old: old, answer: answer)
        if old.isEmpty { recover() } else { replaceNext() }
    }

    /// There is nobody to replace: what is missing is started, and the first that registers is the answer.
    private func recover() {
        if pool.wanted == 0 { pool.crowded(count: 0, starting: 0) }
        fill()
        for handler in members where handler.state == .starting { rolling?.replacements.append(handler) }
        if rolling?.replacements.isEmpty == true { abandonRestart("it cannot be started now") }
    }

    private func replaceNext() {
        while let rolling, rolling.missing > 0, starting < Self.mostStarting {
            guard let handler = begin() else { return abandonRestart("no channel could be made") }
            self.rolling?.replacements.append(handler)
        }
    }

    func replace(with handler: Handler) {
        guard let replaced = rolling?.registered(handler) else { return }
        if let old = replaced.old {
            handler.slot = old.slot
            record.report(.handler(.replaced(id: old.id, pid: Int(old.pid), by: handler.id)))
            old.handle(.drainAsked)
        }
        goOn()
    }

    private func goOn() {
        guard let rolling else { return }
        guard rolling.isFinished else { return replaceNext() }
        self.rolling = nil
        rolling.answer(.restarted)
    }

    /// It is gone, or takes no more.
    @discardableResult
    func forgetInRestart(_ handler: Handler, why: String) -> RollingRestart.Part? {
        let part = rolling?.forget(handler)
        switch part {
        case .replacement: abandonRestart(why)
        case .old: goOn()
        case nil: break
        }
        return part
    }

    /// What serves goes on; the new ones that have yet to register are not wanted beside it.
    func abandonRestart(_ why: String) {
        guard let rolling else { return }
        self.rolling = nil
        if !rolling.old.isEmpty {
            for handler in rolling.replacements { handler.handle(.drainAsked) }
        }
        rolling.answer(.failed(why))
    }
}
