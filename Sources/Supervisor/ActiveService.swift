internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// A service at work: its listeners, and the stages that a connection of it goes through.
final class ActiveService {
    var definition: Service
    let record: ServiceRecord
    var dispatcher: Dispatcher
    let intake: Intake
    let refuser: Refuser
    let runtime: Runtime
    var listeners: [Listener] = [] {
        didSet { if pausedSince != nil { holdForPerson() } }
    }
    var isStopping = false
    /// Since when it is paused by a person.
    var pausedSince: Timestamp?
    /// The table has it no longer, or not enabled: nothing of it is kept for another time.
    var isLeaving = false
    /// Those who serve it have been told to finish.
    var waysAreStopped = false
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
            definition, refuser: refuser, record: record, runtime: runtime, standardError: saved?.ways.standardError)
        intake = Intake(definition, dispatcher: dispatcher, refuser: refuser, record: record, runtime: runtime)
        dispatcher.changed = { [weak self] in self?.roomMayHaveChanged() }
    }

    /// A listener for `definition`, not bound yet.
    func makeListener(_ endpoint: Endpoint, of definition: Service) -> Listener {
        Listener(
            endpoint, accepts: definition.accepts(on: endpoint), loop: runtime.loop, shortage: runtime.shortage,
            addresses: runtime.addresses, supply: runtime.privileges.listeners, owner: self)
    }

    /// Serves what comes to `listeners`, and starts what is to be there from the beginning.
    func begin(on listeners: [Listener]) {
        self.listeners = listeners
        dispatcher.arrangeWaits(listeners)
        wake()
    }

    /// Starts what is to be there before anybody asks.
    func wake() {
        if definition.handoff?.start == .eager { dispatcher.handoff?.supply.wake() }
    }

    /// Where nobody waits for room there is nothing to be done: who finds none tells.
    func roomMayHaveChanged() {
        let waits = reopening != nil || waitsForOthers || listeners.contains { $0.holds.contains(.noRoom) }
        if waits || isStopping { roomChanged() }
    }

    func roomChanged() {
        let gate = intake.gate
        for listener in listeners where definition.wait || !listener.endpoint.kind.isDatagram {
            if case .open = gate { listener.release(.noRoom) } else { listener.hold(.noRoom) }
        }
        lookAgain(at: gate)
        guard isStopping else { return }
        stopWays()
        if isDone { stopped() }
    }

    /// Once nobody is on the way to them any more, those who serve finish what they have.
    func stopWays() {
        guard !waysAreStopped, intake.isDone else { return }
        waysAreStopped = true
        if isLeaving { dispatcher.retire() } else { dispatcher.stop() }
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
        if isStopping {
            guard isDone, !isLeaving else { return answer(.failed("the service stops")) }
            startAgain()
            return answer(.restarted)
        }
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

// MARK: Stopping

extension ActiveService {
    /// When what is left is ended.
    var endDue: Duration? { isStopping ? runtime.loop.time(of: endTimer) : nil }

    /// Ends at `time` what has not ended by then, unless a reload has started it again.
    func end(at time: Duration) {
        endTimer = runtime.loop.schedule(at: time) { [weak self] in
            guard let self, isStopping, !isDone else { return }
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
        roomChanged()
    }

    /// The time to drain is over: processes get their stop signal, or with `firmly` SIGKILL.
    func end(firmly: Bool) {
        intake.end()
        stopWays()
        dispatcher.end(firmly: firmly)
        refuser.end()
        roomChanged()
    }

    /// Nothing of it is left that the supervisor has to wait for.
    var isDone: Bool { intake.isDone && dispatcher.isDone }
}

extension Service {
    /// Baton accepts there; else it watches the socket for its handler, or for datagrams.
    func accepts(on endpoint: Endpoint) -> Bool { !wait && !endpoint.kind.isDatagram }
}
