internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

extension HandoffDispatch {
    var saved: SavedHandoff {
        SavedHandoff(
            queue: queue.batons.map(\.saved), handlers: handlers.map(\.saved), balance: balance.last,
            supply: supply.saved)
    }

    /// Goes on where the program before has left off. Connections are counted already.
    func resume(_ saved: SavedHandoff, _ books: Intake) throws(Errno) {
        queue = BatonQueue(saved.queue.map { Baton($0, books) })
        for handler in saved.handlers { handlers.append(try Handler(handler, for: self, books)) }
        balance.last = saved.balance
        supply.resume(saved.supply, handlers)
        for (handler, saved) in zip(handlers, saved.handlers) {
            if let instance = saved.instance { supply.follow(handler, instance) }
        }
        runtime.loop.afterThisRound { [self] in pump() }
    }
}

extension HandlerSupply {
    var saved: SavedSupply {
        var saved = SavedSupply()
        saved.policy = policy.content
        saved.pool = pool.content
        switch state {
        case .open: saved.stage = .open
        case .waiting(_, let until): (saved.stage, saved.due) = (.waiting, until)
        case .failed(_, let until): (saved.stage, saved.due) = (.failed, until)
        case .recovering: saved.stage = .recovering
        }
        saved.members = members.map(\.number)
        saved.rolling = rolling.map {
            SavedSupply.Rolling(old: $0.old.map(\.number), replacements: $0.replacements.map(\.number))
        }
        return saved
    }

    /// - Parameter handlers: Those of the service. A restart that was under way goes on; who asked for it has been told
    ///   to ask again.
    func resume(_ saved: SavedSupply, _ handlers: [Handler]) {
        let byNumber = Dictionary(handlers.map { ($0.number, $0) }) { $1 }
        policy.content = saved.policy
        pool.content = saved.pool
        members = saved.members.compactMap { byNumber[$0] }
        rolling = saved.rolling.map { rolling in
            var restart = RollingRestart(old: rolling.old.compactMap { byNumber[$0] }, answer: { _ in })
            restart.replacements = rolling.replacements.compactMap { byNumber[$0] }
            return restart
        }
        switch saved.stage {
        case .open: state = .open
        case .recovering: state = .recovering
        case .waiting: wait(until: saved.due ?? runtime.loop.now)
        case .failed: fail(until: saved.due)
        }
        runtime.loop.afterThisRound { [self] in
            fill()
            review()
        }
    }

    /// Follows the process of one that Baton started.
    func follow(_ handler: Handler, _ instance: SavedInstance) {
        start?.follow(handler, instance)
    }
}
