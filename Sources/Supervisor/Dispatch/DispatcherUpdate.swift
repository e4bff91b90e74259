internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

// What a reload changes in the ways of a service: in place where the way is the same, else the old ways are retired and
// finish what they have beside the new ones.

extension Dispatcher {
    /// Goes by another definition with the same kind of dispatch.
    ///
    /// - Parameter rolls: Persistent handlers are to be started otherwise than those that run.
    func update(_ new: Service, rolls: Bool) {
        definition = new
        say(new.banner)
        switch new.dispatch {
        case .exec(let program): exec?.program = makeProgram(program)
        case .handoff(let settings):
            let fallback = settings.wrappedValue.fallback
            updateFallback(fallback)
            handoff?.update(settings, start: makeStart(settings), rolls: rolls, fallback: fallback == nil ? nil : exec)
        case .internal(let service):
            inside?.service = service
            datagrams?.service = service
        case .redirect(let target): relays?.update(target)
        case .tcpmux: break
        case .route(let route): routes?.update(route)
        }
    }

    private func say(_ text: [UInt8]) {
        if let banner {
            banner.text = text
        } else {
            banner = Banner(text, record: record, runtime: runtime, changed: room.give)
        }
    }

    /// What it has started goes on, also when nothing more is.
    private func updateFallback(_ program: Program?) {
        guard let program else { return }
        if let exec { exec.program = makeProgram(program) } else { exec = makeExec(program) }
    }

    // MARK: Retirement

    /// Takes the place of `old`, which finishes what it has.
    func succeed(_ old: Dispatcher) {
        retired = old.retired + [old]
        old.retired = []
        for dispatcher in retired {
            dispatcher.changed = { [weak self] in
                self?.forgetFinished()
                self?.roomMayHaveChanged()
            }
            // A `wait` handler takes no connection that is accepted already: handlers of before finish them all.
            if definition.wait { dispatcher.retire() } else { dispatcher.retire { [self] in take($0) } }
        }
        forgetFinished()
    }

    /// It is not in the table any more: takes nothing more, and what runs goes on.
    ///
    /// - Parameter successor: Gets what waits for a handler; nil: there is nobody else for it.
    func retire(to successor: ((Baton) -> Void)? = nil) {
        for wait in waits { wait.stop() }
        handoff?.retire(to: successor)
    }

    /// Not now: whoever tells of an end has not come to its own.
    private func forgetFinished() {
        guard retired.contains(where: \.isFinished) else { return }
        runtime.loop.afterThisRound { [self] in
            for dispatcher in retired where dispatcher.isFinished { dispatcher.standardError?.retire() }
            retired.removeAll(where: \.isFinished)
        }
    }

    /// Nothing of it is left at all, not even what would outlive the supervisor.
    var isFinished: Bool {
        ownInstanceCount == 0 && (banner?.count ?? 0) == 0 && (exec?.bridgeCount ?? 0) == 0
            && handoff?.isFinished ?? true && retired.allSatisfy(\.isFinished)
    }

    /// What those have that were retired.
    var retiredCount: Int {
        retired.reduce(0) { $0 + $1.ownInstanceCount + ($1.handoff?.heldCount ?? 0) }
    }

    /// A connection that waited for a handler of before. Not now: the services that it may be offered to may not be what
    /// they will be.
    private func take(_ baton: Baton) {
        runtime.loop.afterThisRound { [self] in carryOn(baton) }
    }

    private func carryOn(_ baton: Baton) {
        record.connections.queued -= 1
        if let socket = baton.connection.borrowed { Socket.restoreMode(socket) }
        let way = way
        if case .refuse(let reason) = way { return refuser.refuse(baton.connection, baton.origin, reason) }
        if way.mergesPackets(of: baton.connection, isBegun: baton.isBegun) {
            return refuser.refuse(baton.connection, baton.origin, .passed)
        }
        var origin = baton.origin
        if way != .handOff { origin.place = runtime.occupancy.take(beside: origin.place) }
        carryOut(baton.connection, origin, way)
    }
}

extension Dispatcher {
    /// Persistent handlers, those of before included.
    var handlers: [Handler] { (handoff?.handlers ?? []) + retired.flatMap(\.handlers) }
}
