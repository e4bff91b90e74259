internal import ControlProtocol
internal import ServiceTable

/// What a reload changes in the supply of handlers.
extension HandlerSupply {
    /// Goes by other settings. Handlers that are there go on, but for those that are too many.
    ///
    /// - Parameters:
    ///   - start: Starts them from now on; nil: none is started any more, and those that were drain.
    ///   - wakes: They are to be there before anybody asks for them.
    ///   - rolls: Others than those that run are to run.
    func update(_ shared: Shared<Handoff>, start: HandlerStart?, wakes: Bool, rolls: Bool) {
        guard !stopped, start != nil || self.start != nil else { return }
        self.start = start
        policy.update(shared)
        guard let start else { return end() }
        for handler in members where handler.instance != nil { start.raiseDescriptors(of: handler.pid) }
        let settings = shared.wrappedValue
        let surplus = pool.update(settings.pool, idleExit: settings.idleExit, count: count)
        for handler in members.suffix(surplus) { handler.handle(.drainAsked) }
        if wakes { pool.wake() }
        switch state {
        // What only a person would have started again has been looked at by one now.
        case .failed(nil, _) where settings.restart.policy != .never: state = .recovering
        case .failed, .waiting:
            guard settings.restart.policy == .never else { break }
            cancelTimer()
            fail(until: nil)
        case .open, .recovering: break
        }
        if rolls { roll() }
        fill()
        if let reviewTimer { runtime.loop.cancel(reviewTimer) }
        reviewTimer = nil
        review()
    }

    /// A restart that is under way gives way to another, and what only starts is as old as the rest.
    private func roll() {
        abandonRestart("a reload replaces its handlers")
        for handler in members where handler.state == .starting { handler.handle(.drainAsked) }
        restart { [record] answer in
            if case .failed(let why) = answer { record.report(.service(.notReplaced(why: why))) }
        }
    }

    /// Nobody is started any more.
    private func end() {
        cancelTimer()
        state = .open
        abandonRestart("its handlers are not started any more")
        for handler in members { handler.handle(.drainAsked) }
        pool = PoolPolicy(Handoff.Pool(), idleExit: nil)
    }
}
