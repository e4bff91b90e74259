internal import ControlProtocol
internal import Glibc
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The supervisor: one thread, one loop, all state. Read this file first: it is the one that names every
/// stage of a connection's way.
///
///     Listener ─accept→ Intake: PROXY header ─→ Admission ─→ Router ─→ Dispatch: Exec │ Handoff │ Internal │ …
///        ↑ poll set                                                        │         │
///        └──────── room again ←────────────────────────────────────── Track: InstanceTable │ Handler
///
/// An `ActiveService` ties the stages of one service together; here is what they share, and how the whole
/// begins and ends.
package final class Supervisor {
    let options: SupervisorOptions
    let began: Duration
    var started = Timestamp.now
    let loop: EventLoop
    let runtime: Runtime
    private let signals: SignalSource
    /// What the service manager said at the start, and the listeners that it passed.
    private let manager: ManagerEnvironment
    let store: ListenerStore
    /// What it has of the monitor that it works for; nil when it has its rights itself.
    var desk: WorkerDesk?
    let client: MonitorClient?
    /// What the kernel keeps it from, in words.
    var confinement = ""
    /// What this process becomes, because the table wants another one to decide.
    private var monitor: Monitor.Beginning?
    var control: ControlServer?
    var registrar: Registrar?
    var table = ServiceTable()
    var services: [ActiveService] = []
    /// Those that the table has no longer, until they are finished.
    var leaving: [ActiveService] = []
    private var hosts: HostWatch?
    private(set) lazy var reloader = Reloader(options.table, runtime: runtime, target: self)
    var stopBegan: Duration?
    var stopReason: String?
    private var stopTimer: TimerID?
    private var isFinishing = false
    private var exitStatus: Int32 = 0
    var isUpgrading = false
    var awaitingStop: [(services: [ActiveService], answer: (Result<JSON, ControlError>) -> Void)] = []

    /// sysexits.h: the table has faults.
    private static let faultsStatus: Int32 = 78

    /// Runs until it is told to stop.
    ///
    /// - Returns: The exit status: 0, 1 when it could not run, 78 when the table has faults.
    package static func run(_ options: SupervisorOptions) -> Int32 {
        do {
            switch try run(alone: options) {
            case .ended(let status): return status
            case .isMonitor(let beginning, let place): return Monitor.run(beginning, at: place)
            }
        } catch {
            StandardError.write("batond: cannot start: \(error)")
            return 1
        }
    }

    private enum Outcome {
        case ended(Int32)
        /// The table wants another process to decide.
        case isMonitor(Monitor.Beginning, at: RuntimeDirectory)
    }

    private static func run(alone options: SupervisorOptions) throws(Errno) -> Outcome {
        let supervisor = try Supervisor(options, original: try ResourceLimits.openFiles())
        _ = try supervisor.runtime.privileges.read(options.table) { [unowned supervisor] in supervisor.begin($0) }
        let status = try supervisor.run()
        return supervisor.monitor.map { .isMonitor($0, at: supervisor.runtimeDirectory) } ?? .ended(status)
    }

    /// Runs until it is told to stop.
    ///
    /// - Returns: The exit status.
    func run() throws(Errno) -> Int32 {
        try loop.run()
        return exitStatus
    }

    /// - Parameters:
    ///   - original: RLIMIT_NOFILE before the supervisor raised its own: what the launchers start gets it.
    ///   - desk: Of the monitor that this process works for; nil when it has its rights itself.
    init(
        _ options: SupervisorOptions, original: ResourceLimits.Pair, began: Duration = Clock.now(),
        runningTime: Duration = .zero, desk: WorkerDesk? = nil
    ) throws(Errno) {
        self.options = options
        self.began = began
        self.desk = desk
        manager = ManagerEnvironment.taken()
        let passed = ListenerStore.takeInherited(manager, besides: options.descriptors)
        let reserved = desk == nil ? LoopSpawns.reserve(original) : nil
        loop = try EventLoop(runningTime: runningTime)
        let log = LogOutput(StandardErrorTarget(), loop: loop)
        let events = EventLog(output: log, level: options.logLevel ?? .info, loop: loop)
        let instances = InstanceTable(loop: loop)
        SignalDescriptor.ignoreBrokenPipes()
        signals = try SignalSource(loop: loop)
        let client = try desk?.makeClient(loop)
        self.client = client
        let launchers = try Self.makeLaunchers(original, loop, instances, reserved, desk, client)
        let notifier = desk == nil ? Notifier(manager, loop: loop) : desk?.makeNotifier(loop)
        store = ListenerStore(passed, keeper: notifier, limit: manager.storeLimit)
        runtime = Runtime(
            loop: loop, events: events, launchers: launchers, instances: instances,
            originalOpenFiles: original, store: store, privileges: client)
        signals.target = self
        instances.signal = { [privileges = runtime.privileges] in privileges.signal($0, $1) }
        listen(to: notifier)
        runtime.metrics.source = self
    }

    // MARK: Beginning

    func begin(_ loaded: LoadedTable) {
        for fault in loaded.faults { StandardError.write(fault.description) }
        guard stopBegan == nil else { return finish() }
        guard let table = loaded.table else {
            return fail(Self.faultsStatus, why: loaded.faults.first?.description ?? "the table has faults")
        }
        self.table = table
        if let user = table.supervisorUser, client == nil {
            if CurrentProcess.uid == 0 { return becomeMonitor(user) }
            StandardError.write("batond: supervisor_user \(user.user?.name ?? ""): only root can become another user")
        }
        do {
            try settle()
            report(.starting(version: BatonVersion.text, pid: pid))
            report(.tableLoaded(file: table.file, services: table.services.count))
            try openSockets()
            try startServices()
        } catch {
            StandardError.write("batond: \(error.message)")
            fail(1, why: error.message)
        }
    }

    /// What the table says of the supervisor itself.
    private func settle() throws(RuntimeFiles.Failure) {
        try settleLimits()
        try runtime.privileges.claim(runtimeDirectory)
    }

    func settleLimits() throws(RuntimeFiles.Failure) {
        settleLevel()
        raiseOpenFiles()
        runtime.launchers.own?.takeLowDescriptors()
        runtime.shortage.renew()
        let plan = logPlan(of: table)
        do {
            try runtime.events.go(on: plan, opening: runtime.opensLog)
        } catch {
            throw RuntimeFiles.Failure(message: "log.to \(plan.name): \(error)")
        }
        runtime.occupancy.limit = table.limits.instances
    }

    func settleLevel() {
        runtime.events.level = options.logLevel ?? EventLevel(rawValue: table.log.level.rawValue) ?? .info
    }

    private var runtimeDirectory: RuntimeDirectory { runtimeDirectory(by: table) }

    func raiseOpenFiles() {
        let original = runtime.originalOpenFiles
        let wanted = min(table.limits.openFiles ?? original.hard, original.hard)
        if wanted < LoopSpawns.leastOpenFiles { runtime.launchers.own?.retire() }
        do {
            try ResourceLimits.setOpenFiles(ResourceLimits.Pair(soft: wanted, hard: original.hard))
        } catch {
            report(.impaired(what: "limits.open_files", error: "\(error)"))
        }
    }

    func openSockets() throws(RuntimeFiles.Failure) {
        let sockets = try runtime.privileges.openSockets()
        do {
            try serve(sockets)
            if table.controlGroup != nil { try openControl(to: table.controlGroup) }
        } catch {
            throw RuntimeFiles.Failure(message: "the sockets in \(runtimeDirectory.path): \(error)")
        }
    }

    func serve(_ sockets: RuntimeSockets) throws(Errno) {
        guard let controlSocket = sockets.control.take(), let register = sockets.register.take(),
            let registerStream = sockets.registerStream.take()
        else { throw .badFileDescriptor }
        control = try ControlServer(controlSocket, admitsGroup: false, runtime: runtime, target: self)
        let registrar = Registrar(runtime: runtime, target: self)
        try registrar.listen(register, .packets)
        try registrar.listen(registerStream, .stream)
        self.registrar = registrar
        // Where its path is too long for handlers, nobody listens.
        guard let path = sockets.notifyPath, let socket = sockets.notify.take() else { return }
        runtime.notifications = try NotifySocket(socket, path: path, runtime: runtime)
    }

    /// Lets a group look at the supervisor, or nobody.
    func openControl(to group: UInt32?) throws(Errno) {
        try runtime.privileges.showControl(to: group)
        control?.admitsGroup = group != nil
    }

    func logPlan(of table: ServiceTable) -> LogPlan {
        LogPlan(
            table.log, override: options.logFormat,
            standardErrorIsJournal: LogPlan.standardErrorIsJournal(runtime.environment))
    }

    private func startServices() throws(RuntimeFiles.Failure) {
        // From nothing to the first table is a change like any other.
        var empty = ServiceTable()
        (empty.file, empty.services) = (table.file, [])
        let difference = ServiceTableDifference(from: empty, to: table)
        runtime.privileges.expect(table.services.flatMap(\.boundEndpoints))
        var beginning = TableSwitch(difference, to: table, from: [:], leaving: [], runtime: runtime)
        _ = beginning.run()
        runtime.privileges.finishAdopting()
        services = beginning.services
        listenToStops()
        watchHosts()
        let listeners = services.flatMap(\.listeners)
        let missing = listeners.filter { $0.descriptor == nil }.count
        if options.isStrict, missing > 0 {
            throw RuntimeFiles.Failure(
                message: "\(missing) of \(listeners.count) listeners could not be bound (--strict)")
        }
        report(
            .ready(
                services: services.count, listening: listeners.count - missing, retrying: missing,
                after: Clock.now() - began))
        runtime.notifier?.ready()
        runtime.privileges.ready()
        Readiness.announce(descriptor: options.readyDescriptor)
        loop.afterThisRound { [self] in comeToRest() }
        reloader.open()
    }

    /// Lets go of what the beginning has needed.
    func comeToRest() {
        runtime.launchers.own?.settle()
        CurrentProcess.letMemoryGo()
        CurrentProcess.letCodeGo()
    }

    /// Another process decides, with fewer rights, and this one keeps them: nothing has been opened yet.
    private func becomeMonitor(_ user: Credentials) {
        monitor = Monitor.Beginning(
            options: options, table: table, user: user, openFiles: runtime.originalOpenFiles,
            began: began, loop: loop, instances: runtime.instances, signals: signals, manager: manager,
            notifier: runtime.notifier, store: store)
        runtime.launchers.stop()
        runtime.instances.endOwn(patience: Self.patienceForOwn) { [self] in loop.stop() }
    }

    func listenToStops() {
        let stopped = { [unowned self] in serviceStopped() }
        for service in services + leaving { service.stopped = stopped }
    }

    func watchHosts() {
        // Now, so that the time zone's file is not read between two connections.
        if table.services.contains(where: { !$0.admission.accessTimes.isEmpty }) { LocalTime.prepare() }
        hosts = HostWatch(services.map(\.intake), runtime: runtime)
    }

    private func fail(_ status: Int32, why: String) {
        exitStatus = status
        runtime.notifier?.failing(why: why, status: status)
        runtime.privileges.ending()
        stopBegan = loop.now
        for service in services { service.stop(why: "the start failed") }
        finish()
    }

    func report(_ event: SupervisorEvent) {
        runtime.events.report(.supervisor(event))
    }

    // MARK: Ending

    var isStopping: Bool { stopBegan != nil }

    /// Takes no more; running work goes on for `drain`, or as long as the table says.
    func stop(why: String, drain: Duration? = nil) {
        guard stopBegan == nil else { return }
        report(.stopping(why: why))
        stopReason = why
        runtime.notifier?.stopping()
        runtime.privileges.ending()
        for service in services { service.stop(why: why) }
        stopBegan = loop.now
        stopTimer = loop.schedule(after: drain ?? table.limits.stopTimeout) { [unowned self] in end(firmly: false) }
        serviceStopped()
    }

    func end(firmly: Bool) {
        for service in services + leaving { service.end(firmly: firmly) }
        serviceStopped()
    }

    func serviceStopped() {
        forgetFinished()
        awaitingStop.removeAll { waiting in
            // A reload may have started one again.
            guard waiting.services.allSatisfy({ $0.isDone || !$0.isStopping }) else { return false }
            for service in waiting.services where service.isStopping {
                service.tellRest()
                service.record.report(.service(.stopped))
            }
            waiting.answer(.success(["stopped": .array(waiting.services.map { .string($0.definition.name) })]))
            return true
        }
        guard let stopBegan, !isFinishing, (services + leaving).allSatisfy(\.isDone) else { return }
        (services + leaving).end()
        report(.stopped(after: loop.now - stopBegan))
        finish()
    }

    /// What our own processes may take to die of SIGKILL.
    private static let patienceForOwn = Duration.seconds(2)

    /// The last steps: nothing is left but our own processes and files. The control socket stays open, so that its
    /// end, which the kernel brings about, tells clients that the process is gone.
    private func finish() {
        isFinishing = true
        if let stopTimer { loop.cancel(stopTimer) }
        registrar?.close()
        runtime.notifications?.close()
        runtime.names.stop()
        runtime.launchers.stop()
        loop.afterThisRound { [unowned self] in
            runtime.instances.endOwn(patience: Self.patienceForOwn) { [unowned self] in
                runtime.privileges.ended()
                loop.stop()
            }
        }
    }
}
