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
    private let began = Clock.now()
    private let loop: EventLoop
    let log: LogOutput
    let runtime: Runtime
    private let signals: SignalSource
    private var files: RuntimeFiles?
    private var control: ControlServer?
    private var registrar: Registrar?
    var table = ServiceTable()
    var services: [ActiveService] = []
    /// Those that the table has no longer, until they are finished.
    var leaving: [ActiveService] = []
    private var hosts: HostWatch?
    private(set) lazy var reloader = Reloader(options.table, runtime: runtime, target: self)
    private var stopBegan: Duration?
    private var stopTimer: TimerID?
    private var isFinishing = false
    private var exitStatus: Int32 = 0
    private var awaitingStop: [(services: [ActiveService], answer: (Result<JSON, ControlError>) -> Void)] = []

    /// sysexits.h: the table has faults.
    private static let faultsStatus: Int32 = 78

    /// Runs until it is told to stop.
    ///
    /// - Returns: The exit status: 0, 1 when it could not run, 78 when the table has faults.
    package static func run(_ options: SupervisorOptions) -> Int32 {
        do {
            let supervisor = try Supervisor(options)
            try supervisor.loop.run()
            return supervisor.exitStatus
        } catch {
            StandardError.write("batond: cannot start: \(error)")
            return 1
        }
    }

    private init(_ options: SupervisorOptions) throws(Errno) {
        self.options = options
        loop = try EventLoop()
        log = LogOutput(FileDescriptor.standardError, loop: loop)
        let events = EventLog(output: log, level: options.logLevel ?? .info)
        let instances = InstanceTable(loop: loop)
        SignalDescriptor.ignoreBrokenPipes()
        signals = try SignalSource(loop: loop)
        // Before our own limit of open files rises: what the launchers start gets the original one.
        let original = try ResourceLimits.openFiles()
        let launchers = try LauncherPool(
            loop: loop, instances: instances, plan: Self.launcherPlan(original))
        runtime = Runtime(
            loop: loop, events: events, launchers: launchers, instances: instances,
            originalOpenFiles: original)
        signals.target = self
        try TableLoader.load(options.table, runtime: runtime) { [unowned self] in begin($0) }
    }

    /// The same program in another mode: it limits itself to the descriptors that it is given.
    private static func launcherPlan(_ openFiles: ResourceLimits.Pair) -> SpawnPlan {
        var plan = SpawnPlan(path: "/proc/self/exe", arguments: ["batond", "launcher", "3", "4"], descriptors: [])
        plan.resourceLimits = [
            SpawnPlan.ResourceLimit(
                resource: ResourceLimits.openFilesNumber, soft: openFiles.soft, hard: openFiles.hard)
        ]
        return plan
    }

    // MARK: Beginning

    private func begin(_ loaded: LoadedTable) {
        for fault in loaded.faults { StandardError.write(fault.description) }
        guard stopBegan == nil else { return finish() }
        guard let table = loaded.table else { return fail(Self.faultsStatus) }
        self.table = table
        do {
            try settle()
            report(.starting(version: BatonVersion.text, pid: Int(CurrentProcess.pid)))
            report(.tableLoaded(file: table.file, services: table.services.count))
            try openSockets()
            try startServices()
        } catch {
            StandardError.write("batond: \(error.message)")
            fail(1)
        }
    }

    /// What the table says of the supervisor itself.
    private func settle() throws(RuntimeFiles.Failure) {
        settleLevel()
        if let path = table.log.path {
            do {
                try log.open(path)
            } catch {
                throw RuntimeFiles.Failure(message: "log.to \(path): \(error)")
            }
        }
        raiseOpenFiles()
        runtime.occupancy.limit = table.limits.instances
        files = try RuntimeFiles(runtimeDirectory)
    }

    func settleLevel() {
        runtime.events.level = options.logLevel ?? EventLevel(rawValue: table.log.level.rawValue) ?? .info
    }

    private var runtimeDirectory: RuntimeDirectory {
        if let path = options.runtimeDirectory ?? table.runtimeDirectory { return RuntimeDirectory(path: path) }
        return RuntimeDirectory.standard(uid: CurrentProcess.uid, session: runtime.environment["XDG_RUNTIME_DIR"])
    }

    func raiseOpenFiles() {
        let original = runtime.originalOpenFiles
        let wanted = min(table.limits.openFiles ?? original.hard, original.hard)
        do {
            try ResourceLimits.setOpenFiles(ResourceLimits.Pair(soft: wanted, hard: original.hard))
        } catch {
            report(.impaired(what: "limits.open_files", error: "\(error)"))
        }
    }

    private func openSockets() throws(RuntimeFiles.Failure) {
        do {
            guard let controlSocket = try files?.listen(RuntimeDirectory.controlSocket, .stream, mode: 0o600),
                let registerSocket = try files?.listen(Registrar.socketName, .sequencedPacket, mode: 0o666)
            else { return }
            control = try ControlServer(controlSocket, admitsGroup: false, runtime: runtime, target: self)
            if table.controlGroup != nil { try openControl(to: table.controlGroup) }
            let registrar = Registrar(runtime: runtime, target: self)
            try registrar.listen(registerSocket, .packets)
            if let socket = try files?.listen(Registrar.streamSocketName, .stream, mode: 0o666) {
                try registrar.listen(socket, .stream)
            }
            self.registrar = registrar
            if let socket = try files?.bind(NotifySocket.socketName, .datagram, mode: 0o666),
                let path = files?.address(of: NotifySocket.socketName)
            {
                runtime.notifications = try NotifySocket(socket, path: path, runtime: runtime)
            }
        } catch {
            throw RuntimeFiles.Failure(message: "the sockets in \(runtimeDirectory.path): \(error)")
        }
    }

    /// Lets a group look at the supervisor, or nobody.
    func openControl(to group: UInt32?) throws(Errno) {
        if let group {
            try files?.open(RuntimeDirectory.controlSocket, to: group)
        } else {
            try files?.close(RuntimeDirectory.controlSocket)
        }
        control?.admitsGroup = group != nil
    }

    private func startServices() throws(RuntimeFiles.Failure) {
        // From nothing to the first table is a change like any other.
        var empty = ServiceTable()
        (empty.file, empty.services) = (table.file, [])
        let difference = ServiceTableDifference(from: empty, to: table)
        var beginning = TableSwitch(difference, to: table, from: [], leaving: [], runtime: runtime)
        _ = beginning.run()
        services = beginning.services
        for service in services { service.stopped = { [unowned self] in serviceStopped() } }
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
        Readiness.announce(descriptor: options.readyDescriptor, environment: runtime.environment)
        loop.afterThisRound { CurrentProcess.letCodeGo() }
        reloader.open()
    }

    func watchHosts() {
        // Now, so that the time zone's file is not read between two connections.
        if table.services.contains(where: { !$0.admission.accessTimes.isEmpty }) { LocalTime.prepare() }
        hosts = HostWatch(services.map(\.intake), runtime: runtime)
    }

    private func fail(_ status: Int32) {
        exitStatus = status
        stopBegan = loop.now
        for service in services { service.stop(why: "the start failed") }
        finish()
    }

    private func report(_ event: SupervisorEvent) {
        runtime.events.report(.supervisor(event))
    }

    // MARK: Ending

    var isStopping: Bool { stopBegan != nil }

    /// Takes no more; running work goes on for `drain`, or as long as the table says.
    private func stop(why: String, drain: Duration? = nil) {
        guard stopBegan == nil else { return }
        report(.stopping(why: why))
        for service in services { service.stop(why: why) }
        stopBegan = loop.now
        stopTimer = loop.schedule(after: drain ?? table.limits.stopTimeout) { [unowned self] in end(firmly: false) }
        serviceStopped()
    }

    private func end(firmly: Bool) {
        for service in services + leaving { service.end(firmly: firmly) }
        serviceStopped()
    }

    func serviceStopped() {
        forgetFinished()
        awaitingStop.removeAll { waiting in
            // A reload may have started one again.
            guard waiting.services.allSatisfy({ $0.isDone || !$0.isStopping }) else { return false }
            waiting.answer(.success(["stopped": .array(waiting.services.map { .string($0.definition.name) })]))
            return true
        }
        guard let stopBegan, !isFinishing, (services + leaving).allSatisfy(\.isDone) else { return }
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
                files.take()?.remove([
                    RuntimeDirectory.controlSocket, Registrar.socketName, Registrar.streamSocketName,
                    NotifySocket.socketName,
                ])
                loop.stop()
            }
        }
    }
}

extension Supervisor: SignalTarget {
    func received(_ signal: Int32) {
        switch signal {
        case SIGCHLD: runtime.instances.reap()
        case SIGTERM, SIGINT:
            if stopBegan == nil { stop(why: "SIG\(SignalName.of(signal))") } else { end(firmly: true) }
        case SIGHUP: reloader.reload(why: "SIGHUP")
        case SIGUSR1: log.reopen()
        default: report(.impaired(what: "SIG\(SignalName.of(signal))", error: "not supported yet"))
        }
    }
}

extension Supervisor: ControlTarget {
    func perform(_ method: ControlRequest.Method, answer: @escaping (Result<JSON, ControlError>) -> Void) {
        do {
            switch method {
            case .status(let names): answer(.success(status(of: try services(named: names)).json))
            case .stop(let names, let drain): try stop(services(named: names), all: names.isEmpty, drain, answer)
            case .reload(let dryRun): reloader.reload(why: "asked by a client", dryRun: dryRun, answer: answer)
            case .restart(let names): ServiceRestart.begin(try services(named: names), answer: answer)
            }
        } catch {
            answer(.failure(error))
        }
    }

    private func services(named names: [String]) throws(ControlError) -> [ActiveService] {
        let all = services + leaving
        for name in names where !all.contains(where: { $0.definition.name == name }) {
            throw ControlError(.noSuchService, "there is no service \(name)")
        }
        return names.isEmpty ? all : all.filter { names.contains($0.definition.name) }
    }

    private func status(of services: [ActiveService]) -> SupervisorStatus {
        var status = SupervisorStatus(
            version: BatonVersion.text, pid: Int(CurrentProcess.pid), uptime: loop.now - began, table: table.file,
            state: stopBegan == nil ? .running : .stopping,
            openFiles: Int(clamping: (try? ResourceLimits.openFiles().soft) ?? 0), services: services.map(\.status))
        status.notificationsDropped = runtime.notifications?.dropped ?? 0
        return status
    }

    private func stop(
        _ chosen: [ActiveService], all: Bool, _ drain: Duration?,
        _ answer: @escaping (Result<JSON, ControlError>) -> Void
    ) throws(ControlError) {
        if all {
            answer(.success(["stopping": true]))
            return stop(why: "asked by a client", drain: drain)
        }
        awaitingStop.append((chosen, answer))
        for service in chosen { service.stop(why: "asked by a client") }
        _ = loop.schedule(after: drain ?? table.limits.stopTimeout) { [weak self] in
            for service in chosen where service.isStopping && !service.isDone { service.end(firmly: false) }
            self?.serviceStopped()
        }
        serviceStopped()
    }
}
