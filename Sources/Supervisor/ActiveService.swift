internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// A service at work: its listeners, and the stages that a connection of it goes through.
final class ActiveService {
    let definition: Service
    let record: ServiceRecord
    let dispatcher: Dispatcher
    let intake: Intake
    private let refuser: Refuser
    let runtime: Runtime
    private(set) var listeners: [Listener] = [] {
        didSet { if pausedSince != nil { holdForPerson() } }
    }
    private(set) var isStopping = false
    /// Since when it is paused by a person.
    var pausedSince: Timestamp?
    private var reopening: TimerID?
    private var waitsForOthers = false
    private var endTimer: TimerID?
    /// Told when the last of it is over after `stop`.
    var stopped: () -> Void = {}

    /// - Parameter saved: Of the program before, where there was one; `resume` goes on with it.
    init(_ definition: Service, runtime: Runtime, saved: SavedService? = nil) {
        self.definition = definition
        self.runtime = runtime
        record = ServiceRecord(name: definition.name, events: runtime.events)
        refuser = Refuser(reply: definition.admission.busyReply, record: record, runtime: runtime)
        runtime.events.choose(LogChoice(definition), for: definition.name)
        dispatcher = Dispatcher(
            definition, refuser: refuser, record: record, runtime: runtime, standardError: saved?.standardError)
        intake = Intake(definition, dispatcher: dispatcher, refuser: refuser, record: record, runtime: runtime)
        guard definition.enabled else { return }
        dispatcher.changed = { [unowned self] in roomChanged() }
        intake.changed = { [unowned self] in roomChanged() }
        for endpoint in definition.endpoints {
            listeners.append(
                Listener(
                    endpoint, accepts: !definition.wait && !endpoint.kind.isDatagram, loop: runtime.loop,
                    shortage: runtime.shortage, addresses: runtime.addresses, store: runtime.listenerStore,
                    owner: self))
        }
        dispatcher.prepareWaits(listeners)
        runtime.services.add(intake, named: definition.name, tcpmux: definition.tcpmux)
    }

    /// Binds, and starts what is to be there from the beginning.
    func start() {
        for listener in listeners { listener.open() }
        if case .handoff(let settings) = definition.dispatch, settings.start == .eager {
            dispatcher.handoff?.supply.wake()
        }
    }

    private func roomChanged() {
        let gate = intake.gate
        for listener in listeners where definition.wait || !listener.endpoint.kind.isDatagram {
            if case .open = gate { listener.release(.noRoom) } else { listener.hold(.noRoom) }
        }
        lookAgain(at: gate)
        if isStopping, isDone { stopped() }
    }

    /// What ends by itself tells; a rate and the limit of the whole supervisor have to be asked again.
    private func lookAgain(at gate: Gate) {
        if let reopening { runtime.loop.cancel(reopening) }
        reopening = nil
        guard case .shut(let reason, let until) = gate, !isStopping else { return }
        if let until {
            reopening = runtime.loop.schedule(after: max(.zero, until - runtime.loop.now)) { [weak self] in
                self?.reopening = nil
                self?.roomChanged()
            }
        } else if reason == .global, !waitsForOthers {
            waitsForOthers = true
            runtime.occupancy.wait { [weak self] in
                self?.waitsForOthers = false
                self?.roomChanged()
            }
        }
    }
}

extension ActiveService: ListenerOwner {
    var room: Int { intake.gate.room }

    func lacksRoom(_ listener: Listener) {
        roomChanged()
    }

    func accepted(_ accepted: consuming AcceptedSocket, on listener: Listener) {
        intake.accepted(accepted, on: listener)
    }

    func readable(_ listener: Listener) {
        guard definition.wait else { return dispatcher.datagrams?.serve(listener, drop: intake.drop) ?? () }
        guard let wait = dispatcher.waits.first(where: { $0.listeners.contains { $0 === listener } }) else { return }
        guard room > 0 || wait.count > 0 else { return roomChanged() }
        guard intake.admitsFirst(of: listener) else { return }
        wait.start { intake.takeStart(for: listener) }
    }

    private func isBound(_ listener: Listener, to address: SocketAddress) {
        if listener.endpoint.kind == .udp, dispatcher.datagrams != nil { runtime.internalPorts.add(address) }
    }

    func listenerChanged(_ listener: Listener, _ change: Listener.Change) {
        let address = listener.address.description
        if case .bound(let bound) = change { isBound(listener, to: bound) }
        let event: ListenerEvent =
            switch change {
            case .bound: .bound(address: address)
            case .retrying(let step, let error, let delay):
                .retrying(address: address, error: "\(step): \(error)", delay: delay)
            case .connectionFailed(let error): .acceptFailed(address: address, error: "\(error)")
            case .short(let error): .paused(address: address, error: "\(error)")
            case .shutDown: .closed(address: address)
            }
        record.report(.listener(event))
    }
}

// MARK: Restart

extension ActiveService {
    /// New handlers first, then the old ones drain. `answer` is called once, now or later.
    func restart(_ answer: @escaping (RestartAnswer) -> Void) {
        if !definition.enabled { return answer(.nothing("it is disabled")) }
        if isStopping { return answer(.failed("the service stops")) }
        if let handoff = dispatcher.handoff { return handoff.supply.restart(answer) }
        guard definition.wait else { return answer(.nothing(restartNote)) }
        let ended = dispatcher.waits.map { $0.restart() }
        answer(ended.contains(true) ? .restarted : .nothing("no handler runs; the next connection starts it"))
    }

    private var restartNote: String {
        switch definition.dispatch {
        case .exec: "each connection starts its program anew"
        case .handoff, .internal, .redirect, .tcpmux, .route: "it has no process"
        }
    }
}

// MARK: Carried over

extension ActiveService {
    /// Whether everything of it can be carried over now.
    var isAtRest: Bool { intake.isAtRest && dispatcher.isAtRest }

    /// Takes nothing new until `isAwaitingUpgrade` is false again; clients wait in the backlog.
    func awaitUpgrade(_ waits: Bool) {
        for listener in listeners { if waits { listener.hold(.upgrade) } else { listener.release(.upgrade) } }
    }

    var saved: SavedService {
        refuser.reportAll()
        var saved = SavedService()
        saved.name = definition.name
        saved.isStopping = isStopping
        saved.endDue = runtime.loop.time(of: endTimer)
        saved.pausedSince = pausedSince
        saved.record = record.saved
        saved.listeners = listeners.map(\.saved)
        saved.rates = intake.rates
        saved.arrivals = intake.savedArrivals
        saved.lingering = refuser.saved
        dispatcher.save(&saved)
        return saved
    }

    /// Goes on where the program before left off, in the place of `start`.
    func resume(_ saved: SavedService) throws(Errno) {
        record.saved = saved.record
        intake.rates = saved.rates
        pausedSince = saved.pausedSince
        if pausedSince != nil { for listener in listeners { listener.hold(.person) } }
        if saved.isStopping { listeners = [] }
        for (listener, socket) in zip(listeners, saved.listeners) {
            listener.resume(socket)
            if let bound = listener.boundAddress { isBound(listener, to: bound) }
        }
        try dispatcher.resume(saved, intake)
        refuser.resume(saved.lingering)
        intake.resume(saved.arrivals)
        if saved.isStopping {
            isStopping = true
            intake.stop()
            dispatcher.stop()
        }
        if let due = saved.endDue { end(at: due) }
        runtime.loop.afterThisRound { [self] in roomChanged() }
    }
}

// MARK: Stopping

extension ActiveService {
    /// Ends at `time` what has not ended by then.
    func end(at time: Duration) {
        endTimer = runtime.loop.schedule(at: time) { [weak self] in
            guard let self, !isDone else { return }
            end(firmly: false)
            stopped()
        }
    }

    /// Takes no more; what runs goes on until it is done or `end` is called.
    func stop(why: String) {
        guard !isStopping else { return }
        isStopping = true
        if definition.enabled { record.report(.service(.draining(why: why))) }
        for listener in listeners {
            if listener.endpoint.kind == .udp, dispatcher.datagrams != nil {
                runtime.internalPorts.remove(listener.address)
            }
            listener.close()
        }
        listeners = []
        intake.stop()
        dispatcher.stop()
        roomChanged()
    }

    /// The time to drain is over: processes get their stop signal, or with `firmly` SIGKILL.
    func end(firmly: Bool) {
        intake.end()
        dispatcher.end(firmly: firmly)
        refuser.end()
        roomChanged()
    }

    /// Nothing of it is left that the supervisor has to wait for.
    var isDone: Bool { intake.isDone && dispatcher.isDone }
}
