internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable

/// A service at work: its listeners, and the stages that a connection of it goes through.
final class ActiveService {
    let definition: Service
    let record: ServiceRecord
    private let runtime: Runtime
    private let standardError: StandardErrorLog?
    private(set) var listeners: [Listener] = []
    private(set) var handoff: HandoffDispatch?
    private var exec: ExecDispatch?
    private var waits: [WaitDispatch] = []
    private var inside: InternalDispatch?
    private var datagrams: InternalDatagramDispatch?
    private(set) var isStopping = false
    /// Told when the last of it is over after `stop`.
    var stopped: () -> Void = {}

    init(_ definition: Service, runtime: Runtime, packets: PacketBuffer) {
        self.definition = definition
        self.runtime = runtime
        record = ServiceRecord(name: definition.name, events: runtime.events)
        let startsProcesses = if case .internal = definition.dispatch { false } else { true }
        standardError =
            startsProcesses && definition.enabled
            ? try? StandardErrorLog(service: definition.name, loop: runtime.loop, events: runtime.events) : nil
        guard definition.enabled else { return }
        prepareDispatch(packets)
        for endpoint in definition.endpoints {
            listeners.append(
                Listener(
                    endpoint, accepts: !definition.wait && !endpoint.kind.isDatagram, loop: runtime.loop,
                    shortage: runtime.shortage, owner: self))
        }
        if definition.wait { prepareWaits() }
    }

    private func prepareDispatch(_ packets: PacketBuffer) {
        switch definition.dispatch {
        case .exec(let program):
            if !definition.wait { exec = makeExec(program) }
        case .handoff(let settings):
            let fallback = settings.fallback.map(makeExec)
            let supply = HandlerSupply(
                settings: settings, program: settings.program.map(makeProgram), record: record, runtime: runtime,
                packets: packets)
            exec = fallback
            handoff = HandoffDispatch(
                settings: settings, supply: supply, fallback: fallback, record: record, runtime: runtime
            ) { [unowned self] in roomChanged() }
        case .internal(let service):
            inside = InternalDispatch(service, record: record, runtime: runtime) { [unowned self] in roomChanged() }
            datagrams = InternalDatagramDispatch(service, record: record, runtime: runtime)
        }
    }

    private func makeProgram(_ program: Program) -> HandlerProgram {
        HandlerProgram(
            service: definition, program: program, standardError: standardError, inherited: runtime.environment)
    }

    private func makeExec(_ program: Program) -> ExecDispatch {
        ExecDispatch(program: makeProgram(program), record: record, runtime: runtime) { [unowned self] in
            roomChanged()
        }
    }

    private func prepareWaits() {
        guard case .exec(let program) = definition.dispatch else { return }
        // With style systemd one process has all the sockets; the other conventions know of one.
        let groups = definition.style == .systemd ? [listeners] : listeners.map { [$0] }
        waits = groups.map { group in
            WaitDispatch(listeners: group, program: makeProgram(program), record: record, runtime: runtime) {
                [unowned self] in roomChanged()
            }
        }
    }

    /// Binds, and starts what is to be there from the beginning.
    func start() {
        for listener in listeners { listener.open() }
        if case .handoff(let settings) = definition.dispatch, settings.start == .eager { handoff?.supply.demand() }
    }

    // MARK: Limits

    /// Processes, or connections served inside, that count against `instances`.
    private var instanceCount: Int {
        (exec?.count ?? 0) + waits.reduce(0) { $0 + $1.count } + (inside?.count ?? 0)
    }

    private func roomChanged() {
        let hasRoom = room > 0
        for listener in listeners where definition.wait || !listener.endpoint.kind.isDatagram {
            if hasRoom { listener.release(.noRoom) } else { listener.hold(.noRoom) }
        }
        if isStopping, isDone { stopped() }
    }
}

extension ActiveService: ListenerOwner {
    var room: Int {
        switch definition.dispatch {
        case .exec, .internal:
            return Admission.room(limit: definition.instances, taken: instanceCount)
        case .handoff:
            guard let handoff else { return 0 }
            return Router.way(definition.dispatch, handoff.availability) == .spawn
                ? Admission.room(limit: definition.instances, taken: instanceCount) : handoff.room
        }
    }

    func accepted(_ accepted: consuming AcceptedSocket, on listener: Listener) {
        let origin = ConnectionOrigin(
            number: runtime.nextConnectionNumber(), peer: accepted.peer, kind: listener.endpoint.kind.originKind,
            listener: listener.endpoint.name, accepted: runtime.loop.now)
        let connection = DescriptorBox(accepted.descriptor)
        record.connections.accepted += 1
        record.report(.accepted(listener: origin.listener), origin)
        switch Router.way(definition.dispatch, handoff?.availability) {
        case .spawn: exec?.dispatch(connection, origin)
        case .handOff: handoff?.dispatch(connection, origin)
        case .serve: inside?.dispatch(connection, origin)
        case .refuse(let reason):
            record.connections.refused[reason] += 1
            record.report(.refused(reason), origin)
        }
    }

    func readable(_ listener: Listener) {
        if definition.wait {
            let gate = waits.first { $0.listeners.contains { $0 === listener } }
            guard room > 0 || (gate?.count ?? 0) > 0 else { return listener.hold(.noRoom) }
            gate?.start()
        } else {
            datagrams?.serve(listener)
        }
    }

    func listenerChanged(_ listener: Listener, _ change: Listener.Change) {
        let address = listener.address.description
        if case .bound(let bound) = change, listener.endpoint.kind == .udp, datagrams != nil {
            runtime.internalPorts.add(bound)
        }
        let event: ListenerEvent =
            switch change {
            case .bound: .bound(address: address)
            case .retrying(let step, let error, let delay):
                .retrying(address: address, error: "\(step): \(error)", delay: delay)
            case .connectionFailed(let error): .acceptFailed(address: address, error: "\(error)")
            case .short: .paused(address: address, .resources)
            case .shutDown: .closed(address: address)
            }
        record.report(.listener(event))
    }
}

// MARK: Handlers from outside

extension ActiveService {
    /// Registered handlers at a time.
    private static let mostRegistered = 64

    /// Who may join; nil when it has no handlers.
    var registration: RegistrationPolicy? {
        guard case .handoff(let settings) = definition.dispatch else { return nil }
        let user = settings.program == nil ? definition.process.credentials?.user?.uid : nil
        return RegistrationPolicy(
            settings.register, serviceUser: user, supervisor: CurrentProcess.uid, overflow: runtime.overflowUID)
    }

    /// Takes over the channel of a handler that has registered, or says why not.
    func join(
        _ registration: HandlerMessage.Registration, _ credentials: PeerCredentials, channel: Channel
    ) -> String? {
        guard case .handoff(let settings) = definition.dispatch, let handoff, !isStopping else {
            return "\(definition.name) takes no handlers now"
        }
        guard handoff.handlers.lazy.filter({ $0.machineKind == .registered }).count < Self.mostRegistered else {
            return "\(definition.name) has \(Self.mostRegistered) registered handlers already"
        }
        let handler = Handler(
            .registered, pid: credentials.pid, process: Socket.peerProcess(of: channel.descriptor), settings: settings,
            record: record, runtime: runtime, owner: handoff)
        handler.take(channel)
        handoff.add(handler)
        handler.registered(registration)
        return nil
    }
}

// MARK: Stopping

extension ActiveService {
    /// Takes no more; what runs goes on until it is done or `end` is called.
    func stop(why: String) {
        guard !isStopping else { return }
        isStopping = true
        if definition.enabled { record.report(.service(.draining(why: why))) }
        for listener in listeners {
            if listener.endpoint.kind == .udp, datagrams != nil { runtime.internalPorts.remove(listener.address) }
            listener.close()
        }
        listeners = []
        for wait in waits { wait.stop() }
        handoff?.stop()
        roomChanged()
    }

    /// The time to drain is over: processes get their stop signal, or with `firmly` SIGKILL.
    func end(firmly: Bool) {
        if definition.onStop == .end {
            for instance in instances {
                if firmly { instance.kill(why: "stopping now") } else { instance.terminate(why: "stopping") }
            }
        }
        handoff?.end(firmly: firmly)
        inside?.endAll()
        roomChanged()
    }

    private var instances: [Instance] {
        (exec?.instances ?? []) + waits.compactMap(\.instance)
    }

    /// Nothing of it is left that the supervisor has to wait for.
    var isDone: Bool {
        let processes = definition.onStop == .leave ? startingCount : instanceCount
        return processes == 0 && handoff?.isDone ?? true
    }

    private var startingCount: Int { instanceCount - instances.count - (inside?.count ?? 0) }
}

// MARK: What is seen of it

extension ActiveService {
    var status: ServiceStatus {
        var status = ServiceStatus(
            name: definition.name, dispatch: definition.dispatch.kind, state: state,
            listeners: listeners.map(\.status), connections: record.connections)
        status.handlers = handoff?.handlers.map(\.status) ?? []
        status.processes = instances.map {
            ProcessStatus(pid: Int($0.pid), started: $0.started, connection: $0.origin?.number)
        }
        status.lastFailure = record.lastFailure
        status.reason = reason
        return status
    }

    private var state: ServiceStatus.State {
        if !definition.enabled { return .disabled }
        if isStopping { return isDone ? .disabled : .draining }
        if let handoff, handoff.supply.isFailed, !handoff.hasReadyHandler { return .failed }
        if waits.contains(where: \.isPaused) || (!listeners.isEmpty && room == 0) { return .limited }
        if let handoff, !handoff.handlers.contains(where: \.isExpected) { return .idle }
        return .ready
    }

    private var reason: String? {
        switch state {
        case .failed: handoff?.supply.failure
        case .limited:
            waits.contains(where: \.isPaused)
                ? "trigger_limit: its handler keeps failing" : handoff == nil ? "instances" : "the queue is full"
        case .disabled: definition.enabled ? "stopped by request" : nil
        case .ready, .idle, .paused, .draining: nil
        }
    }
}

extension Dispatch {
    fileprivate var kind: DispatchKind {
        switch self {
        case .exec: .exec
        case .handoff: .handoff
        case .internal: .internal
        }
    }
}
