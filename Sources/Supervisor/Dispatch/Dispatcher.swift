internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// What all the ways of a service tell when there may be room again. However much ends or leaves in one round, it is looked
/// at once.
final class RoomNotice {
    private let loop: EventLoop
    private var isDue = false
    var told: () -> Void = {}

    init(_ loop: EventLoop) {
        self.loop = loop
    }

    func give() {
        guard !isDue else { return }
        isDue = true
        loop.afterThisRound { [self] in
            isDue = false
            told()
        }
    }
}

/// All the ways that connections of one service can take, and what is on them.
final class Dispatcher {
    var definition: Service {
        didSet { router = Router(definition.dispatch, waits: definition.wait) }
    }
    private var router: Router
    let record: ServiceRecord
    let runtime: Runtime
    let refuser: Refuser
    let standardError: StandardErrorLog?
    private(set) var handoff: HandoffDispatch?
    var exec: ExecDispatch?
    private(set) var metrics: MetricsDispatch?
    var waits: [WaitDispatch] = []
    /// Those that have no listener any more; their processes run still.
    var formerWaits: [WaitDispatch] = []
    private(set) var inside: InternalDispatch?
    private(set) var datagrams: InternalDatagramDispatch?
    private(set) var relays: RedirectDispatch?
    private(set) var multiplexer: TCPMuxDispatch?
    private(set) var routes: RouteDispatch?
    var banner: Banner?
    /// Those of before a reload, which finish what they have: it counts here, too.
    var retired: [Dispatcher] = []
    let room: RoomNotice
    /// Told after a round in which something ended or left, so that there may be room again.
    var changed: () -> Void {
        get { room.told }
        set { room.told = newValue }
    }

    init(
        _ definition: Service, refuser: Refuser, record: ServiceRecord, runtime: Runtime,
        standardError saved: SavedStandardError? = nil
    ) {
        self.refuser = refuser
        self.definition = definition
        router = Router(definition.dispatch, waits: definition.wait)
        self.record = record
        self.runtime = runtime
        room = RoomNotice(runtime.loop)
        banner = Banner(definition.banner, record: record, runtime: runtime, changed: room.give)
        let startsProcesses =
            switch definition.dispatch {
            case .exec, .handoff: true
            case .internal, .redirect, .tcpmux, .route: false
            }
        standardError =
            startsProcesses && definition.enabled
            ? StandardErrorLog(saved, service: definition.name, runtime: runtime) : nil
        guard definition.enabled else { return }
        switch definition.dispatch {
        case .exec(let program):
            if !definition.wait { exec = makeExec(program) }
            if definition.servesMetrics { metrics = exec.map(makeMetrics) }
        case .handoff(let settings):
            exec = settings.wrappedValue.fallback.map(makeExec)
            let supply = HandlerSupply(
                settings: settings, start: makeStart(settings), record: record, runtime: runtime)
            handoff = HandoffDispatch(
                settings: settings, supply: supply, fallback: exec, refuser: refuser, record: record, runtime: runtime,
                changed: room.give)
        case .internal(let service):
            inside = InternalDispatch(
                service, refuser: refuser, record: record, runtime: runtime, changed: room.give)
            datagrams = InternalDatagramDispatch(service, record: record, runtime: runtime)
        case .redirect(let target):
            relays = RedirectDispatch(
                target, refuser: refuser, record: record, runtime: runtime, changed: room.give)
        case .tcpmux:
            multiplexer = TCPMuxDispatch(refuser: refuser, record: record, runtime: runtime, changed: room.give)
        case .route(let route):
            routes = RouteDispatch(route, refuser: refuser, record: record, runtime: runtime, changed: room.give)
        }
    }

    func makeProgram(
        _ program: Program, _ role: ProgramKey.Role = .exec, openFiles: ResourceLimits.Pair? = nil
    ) -> HandlerProgram {
        HandlerProgram(
            service: definition, program: program, standardError: standardError, inherited: runtime.environment,
            openFiles: openFiles, permit: permit(role))
    }

    private func permit(_ role: ProgramKey.Role) -> UInt32 {
        guard !runtime.privileges.permits.isEmpty else { return 0 }
        return runtime.privileges.permits[ProgramKey(service: definition.name, role: role)] ?? 0
    }

    func makeStart(_ settings: Shared<Handoff>) -> HandlerStart? {
        settings.wrappedValue.program.map { program in
            let openFiles = settings.wrappedValue.openFiles(of: runtime.originalOpenFiles)
            return HandlerStart(
                program: makeProgram(program, .handler, openFiles: openFiles), settings: settings, record: record,
                runtime: runtime)
        }
    }

    func makeExec(_ program: Program) -> ExecDispatch {
        ExecDispatch(
            program: makeProgram(program), refuser: refuser, record: record, runtime: runtime, changed: room.give)
    }

    private func makeMetrics(_ exec: ExecDispatch) -> MetricsDispatch {
        MetricsDispatch(exec: exec, refuser: refuser, record: record, runtime: runtime, changed: room.give)
    }

    func makeWait(_ listeners: [Listener]) -> WaitDispatch {
        let program: Program = if case .exec(let program) = definition.dispatch { program } else { .none }
        return WaitDispatch(
            listeners: listeners, program: makeProgram(program), record: record, runtime: runtime, changed: room.give)
    }

    /// The handlers that get the sockets of `listeners` themselves. Those that are there go on with theirs.
    func arrangeWaits(_ listeners: [Listener]) {
        guard definition.wait, case .exec(let program) = definition.dispatch else { return }
        // With style systemd one process has all the sockets; the other conventions know of one.
        let groups = definition.style == .systemd ? [listeners] : listeners.map { [$0] }
        var before = waits
        waits = groups.filter { !$0.isEmpty }.map { group in
            guard let place = before.firstIndex(where: { $0.shares(group) }) else {
                return makeWait(group)
            }
            let wait = before.remove(at: place)
            wait.update(makeProgram(program), listeners: group)
            return wait
        }
        for wait in before { wait.stop() }
        formerWaits = (formerWaits + before).filter { $0.count > 0 }
    }

    func roomMayHaveChanged() { room.give() }

    // MARK: Connections

    /// Which way the next connection goes.
    var way: Way { router.way(handoff?.availability) }

    /// Carries out a decision for an admitted connection, which is told the banner first. Not for `refuse`.
    func dispatch(_ connection: DescriptorBox, _ origin: consuming ConnectionOrigin, _ way: Way) {
        guard let banner else { return carryOut(connection, origin, way) }
        var told = origin
        told.isTouched = true
        let origin = told
        banner.send(on: connection, origin) { [self] waited in
            if waited { goOn(connection, origin) } else { carryOut(connection, origin, way) }
        }
    }

    /// It has been told the banner, after a while.
    func goOn(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        if case .refuse(let reason) = way { return refuser.refuse(connection, origin, reason) }
        carryOut(connection, origin, way)
    }

    func carryOut(_ connection: DescriptorBox, _ origin: consuming ConnectionOrigin, _ way: Way) {
        switch way {
        case .spawn:
            if let metrics { metrics.dispatch(connection, origin) } else { exec?.dispatch(connection, origin) }
        case .handOff: handoff?.dispatch(connection, origin)
        case .serve: inside?.dispatch(connection, origin)
        case .relay: relays?.dispatch(connection, origin)
        case .multiplex: multiplexer?.dispatch(connection, origin)
        case .route: routes?.dispatch(connection, origin)
        case .refuse: preconditionFailure("a refusal is no dispatch")
        }
    }

    /// Connections that handlers hold, and those that wait for one: what `connections` limits.
    var heldCount: Int { (handoff?.heldCount ?? 0) + (banner?.count ?? 0) + retiredCount }

    /// Processes, or connections served inside or relayed: what `instances` limits.
    var instanceCount: Int { ownInstanceCount + retiredCount }

    var ownInstanceCount: Int {
        (exec?.count ?? 0) + waits.reduce(0) { $0 + $1.count } + formerWaits.reduce(0) { $0 + $1.count } + insideCount
    }

    /// Connections that no process serves.
    private var insideCount: Int {
        (inside?.count ?? 0) + (relays?.count ?? 0) + (multiplexer?.count ?? 0) + (routes?.count ?? 0)
            + (banner?.count ?? 0) + (metrics?.count ?? 0)
    }

    /// The running processes of exec.
    var instances: [Instance] {
        (exec?.instances ?? []) + (waits + formerWaits).compactMap(\.instance)
    }

    func list(in census: inout ConnectionCensus) {
        banner?.list(in: &census)
        exec?.list(in: &census)
        handoff?.list(in: &census)
        inside?.list(in: &census)
        relays?.list(in: &census)
        multiplexer?.list(in: &census)
        routes?.list(in: &census)
        for dispatcher in retired { dispatcher.list(in: &census) }
    }

    /// The same, for the status.
    var processes: [ProcessStatus] {
        let serving = exec?.instances ?? []
        return serving.map { ProcessStatus(pid: Int($0.pid), started: $0.started, connection: $0.origin?.number) }
            + (waits + formerWaits).compactMap(\.process) + retired.flatMap(\.processes)
    }

    // MARK: Stopping

    /// Takes no more; what runs goes on.
    func stop() {
        for wait in waits { wait.stop() }
        handoff?.stop()
    }

    /// The time to drain is over: processes get their stop signal, or with `firmly` SIGKILL.
    func end(firmly: Bool) {
        if definition.onStop == .end {
            for instance in instances {
                if firmly { instance.kill(why: "stopping now") } else { instance.terminate(why: "stopping") }
            }
        }
        metrics?.endAll()
        exec?.endBridges()
        handoff?.end(firmly: firmly)
        inside?.endAll()
        relays?.endAll()
        multiplexer?.endAll()
        routes?.endAll()
        banner?.end()
        for dispatcher in retired { dispatcher.end(firmly: firmly) }
    }

    /// Nothing of it is left that the supervisor has to wait for.
    var isDone: Bool {
        let processes = definition.onStop == .leave ? startingCount : ownInstanceCount
        let waiting = (banner?.count ?? 0) + (exec?.bridgeCount ?? 0) + (metrics?.count ?? 0)
        return processes == 0 && waiting == 0 && handoff?.isDone ?? true && retired.allSatisfy(\.isDone)
    }

    private var startingCount: Int { ownInstanceCount - instances.count - insideCount }
}
