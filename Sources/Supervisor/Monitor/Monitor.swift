internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// What keeps the rights, where the table names a `supervisor_user`: a small process that holds the listeners, starts the
/// worker, which decides, and does for it what needs rights, as far as the table says so (`MonitorDesk`).
///
/// It never reads what comes from a client or a handler. When the worker dies it starts another, which goes on with the
/// listeners, the processes and the channels of the one before.
final class Monitor {
    private let options: SupervisorOptions
    private let loop: EventLoop
    private let instances: InstanceTable
    private let openFiles: ResourceLimits.Pair
    private let user: Credentials
    private let signals: SignalSource
    private let desk: MonitorDesk
    private let notifier: Notifier?
    private let relay: ManagerRelay?
    private let manager: ManagerEnvironment
    private let began: Duration
    private let started: Timestamp
    private var worker: WorkerProcess?
    /// Came when no worker could take them.
    private var signalsToPass: [Int32] = []
    /// Workers in a row that did not live long, and that did not even come to serve.
    private var shortLives = 0
    private var failedStarts = 0
    /// It was asked to stop, or has to: what dies now is not replaced.
    private var isStopping = false
    private var restarts = 0
    private var lastEnd: String?
    private var exitStatus: Int32?

    /// A worker that has lived so long may die once more without anybody waiting.
    private static let firm = Duration.seconds(10)
    private static let backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
    /// Workers that die before any has served: there is something wrong with all of them.
    private static let mostFailedStarts = 3

    /// Runs until the worker has done its work.
    ///
    /// - Returns: The exit status.
    static func run(_ beginning: Beginning, at place: RuntimeDirectory) -> Int32 {
        do {
            let files = RuntimeFilesBox(try RuntimeFiles(place))
            defer { files.remove() }
            guard let sockets = try files.openSockets() else { return 1 }
            let relay = try beginning.notifier.map { notifier throws(Errno) in
                try ManagerRelay(notifier, loop: beginning.loop)
            }
            let monitor = try Monitor(beginning, files: files, sockets: sockets, relay: relay)
            try monitor.startWorker()
            return try monitor.run()
        } catch let failure as RuntimeFiles.Failure {
            StandardError.write("batond: \(failure.message)")
        } catch {
            StandardError.write("batond: cannot start: \(error)")
        }
        return 1
    }

    /// What is there when the table has been read and says that there is to be a monitor.
    struct Beginning {
        let options: SupervisorOptions
        let table: ServiceTable
        let user: Credentials
        let openFiles: ResourceLimits.Pair
        let began: Duration
        var started = Timestamp.now
        let loop: EventLoop
        let instances: InstanceTable
        let signals: SignalSource
        let manager: ManagerEnvironment
        let notifier: Notifier?
        let store: ListenerStore
    }

    private init(
        _ beginning: Beginning, files: RuntimeFilesBox, sockets: RuntimeSockets, relay: ManagerRelay?,
        book: consuming PermitBook? = nil, roster: DescriptorBox? = nil
    ) throws(Errno) {
        options = beginning.options
        openFiles = beginning.openFiles
        user = beginning.user
        manager = beginning.manager
        began = beginning.began
        started = beginning.started
        loop = beginning.loop
        instances = beginning.instances
        signals = beginning.signals
        notifier = beginning.notifier
        self.relay = relay
        desk = try MonitorDesk(beginning, files: files, sockets: sockets, book: book, roster: roster)
        try ChildProcess.adoptOrphans()
        // It holds all listeners, and the channel of each handler.
        try? ResourceLimits.setOpenFiles(ResourceLimits.Pair(soft: openFiles.hard, hard: openFiles.hard))
        signals.target = self
        desk.monitor = self
        notifier?.failed = { StandardError.tell("batond: NOTIFY_SOCKET: \($0)") }
        beginning.store.report = { StandardError.tell("batond: \(Event(time: .now, .supervisor($0)).text)") }
    }

    func run() throws(Errno) -> Int32 {
        ProgramChange.setName("baton-monitor")
        CurrentProcess.letMemoryGo()
        CurrentProcess.letCodeGo()
        try loop.run()
        return exitStatus ?? 1
    }

    // MARK: The worker

    private func startWorker() throws {
        var start = WorkerStart()
        start.options = SavedOptions(options)
        start.began = began
        start.started = started
        (start.softOpenFiles, start.hardOpenFiles) = (openFiles.soft, openFiles.hard)
        start.user = user
        start.table = desk.tableForWorker
        start.notifyPath = desk.sockets.notifyPath
        start.watchdog = manager.watchdog
        start.hasManager = notifier != nil
        start.pid = CurrentProcess.pid
        (start.restarts, start.lastEnd) = (restarts, lastEnd)
        let file = try OwnedDescriptor.sealedFile(MonitorMessage.encode(start), name: "baton-worker")
        let sockets = desk.sockets
        worker = try WorkerProcess(
            workerPlan,
            passing: [
                file.borrowed, desk.permitDescriptor, desk.roster.borrowed, desk.formerRoster?.borrowed,
                sockets.control.borrowed, sockets.register.borrowed, sockets.registerStream.borrowed,
                sockets.notify.borrowed, relay?.theirs,
            ], loop: loop, instances: instances, listener: desk)
        desk.worker = worker
    }

    private var workerPlan: SpawnPlan {
        var plan = SpawnPlan(path: "/proc/self/exe", arguments: ["batond", "worker"], descriptors: [])
        plan.environment = EnvironmentBlock(desk.environment.map { "\($0.key)=\($0.value)" })
        plan.directory = CurrentProcess.workingDirectory ?? "/"
        return plan
    }

    /// It listens to signals from its first request on.
    func workerSpoke() {
        guard !signalsToPass.isEmpty, let worker else { return }
        for signal in signalsToPass { ChildProcess.signal(worker.pid, signal) }
        signalsToPass = []
    }

    func workerIsReady() {
        failedStarts = 0
        Readiness.announce(descriptor: desk.takeReadyDescriptor())
    }

    func workerIsStopping() { isStopping = true }

    func workerEnded(_ gone: WorkerProcess, _ status: ExitStatus) {
        worker = nil
        if gone.hasEnded, case .exited(let number) = status { return finish(number) }
        restarts += 1
        failedStarts += 1
        lastEnd = "\(status)"
        shortLives = loop.now - gone.started >= Self.firm ? 0 : shortLives + 1
        let isHopeless = !desk.hasServed && failedStarts >= Self.mostFailedStarts
        let next = isStopping ? "it was stopping" : isHopeless ? "as those before it" : "another is started"
        StandardError.tell("batond: the worker (pid \(gone.pid)) ended with \(status); \(next)")
        if isStopping || isHopeless { finish(1) } else { startAgain() }
    }

    /// At once, but for workers that die one after the other.
    private func startAgain() {
        let delay = shortLives <= 1 ? .zero : Self.backoff.delay(afterFailures: shortLives - 1)
        _ = loop.schedule(after: delay) { [self] in
            guard worker == nil, exitStatus == nil else { return }
            do {
                // What several workers have died of before they served may be what they were left.
                try desk.prepareRoster(goesOn: failedStarts <= Self.mostFailedStarts)
                try startWorker()
            } catch {
                StandardError.tell("batond: the worker cannot be started: \(error)")
                // What there is to go on with is not to blame.
                shortLives += 1
                startAgain()
            }
        }
    }

    private func finish(_ status: Int32) {
        exitStatus = status
        desk.finish()
        loop.stop()
    }
}

// MARK: Carried over

extension Monitor {
    /// Nil while something is under way that cannot be carried over.
    func state() -> MonitorState? {
        guard desk.isAtRest, notifier?.isAtRest ?? true, let worker else { return nil }
        var state = MonitorState()
        state.began = began
        state.started = started
        state.options = SavedOptions(options)
        (state.softOpenFiles, state.hardOpenFiles) = (openFiles.soft, openFiles.hard)
        state.manager = SavedManager(
            address: manager.notifySocket, watchdog: manager.watchdog, storeLimit: manager.storeLimit)
        state.relay = relay?.saved ?? []
        state.worker = worker.saved
        (state.restarts, state.lastEnd) = (restarts, lastEnd)
        desk.save(to: &state)
        return state
    }

    /// Becomes the program on disk, and answers the worker then.
    ///
    /// - Returns: Why it did not.
    func becomeNext() -> Errno {
        guard let state = state(), let path = ProgramChange.path else { return .resourceBusy }
        do throws(Errno) {
            let former = try ProgramChange.currentProgram()
            let file = StateFile(state, formerProgram: former.borrowed)
            let bytes = try OwnedDescriptor.sealedFile(file.bytes, name: "baton-monitor")
            let kept = file.descriptors + [former.rawValue, bytes.rawValue]
            try ProgramChange.keepOpen(kept, true)
            let error = ProgramChange.become(path, arguments: Takeover.arguments(bytes.rawValue, .monitor))
            try ProgramChange.keepOpen(kept, false)
            return error
        } catch {
            return error
        }
    }

    /// Goes on where the program before left off.
    ///
    /// - Parameter why: What has brought this program back, when it was the one before itself.
    convenience init(_ state: MonitorState, backBecause why: String?) throws {
        guard let table = try LoadedTable(decoding: state.table).table, let user = table.supervisorUser else {
            throw StateFile.Unreadable(why: "the state has no table")
        }
        let loop = try EventLoop()
        var manager = ManagerEnvironment()
        manager.notifySocket = state.manager.address
        (manager.watchdog, manager.storeLimit) = (state.manager.watchdog, state.manager.storeLimit)
        let notifier = Notifier(manager, loop: loop)
        var options = SupervisorOptions(state.options)
        options.readyDescriptor = state.readyDescriptor
        let beginning = Beginning(
            options: options, table: table, user: user,
            openFiles: ResourceLimits.Pair(soft: state.softOpenFiles, hard: state.hardOpenFiles), began: state.began,
            started: state.started, loop: loop, instances: InstanceTable(loop: loop),
            signals: try SignalSource(loop: loop), manager: manager, notifier: notifier,
            store: ListenerStore([], keeper: notifier, limit: manager.storeLimit))
        let sockets = RuntimeSockets(
            control: state.control.adoptBox(), register: state.register.adoptBox(),
            registerStream: state.registerStream.adoptBox(), notify: state.notify.adoptBox(),
            notifyPath: state.notifyPath)
        let relay = try notifier.flatMap { notifier throws(Errno) in
            state.relay.count == 2 ? try ManagerRelay(notifier, state.relay, loop: loop) : nil
        }
        try self.init(
            beginning, files: RuntimeFilesBox(RuntimeFiles(state.files)), sockets: sockets, relay: relay,
            book: try PermitBook(adopting: state.permits.adopt()), roster: state.roster.adoptBox())
        (restarts, lastEnd) = (state.restarts, state.lastEnd)
        let worker = try WorkerProcess(state.worker, loop: loop, instances: instances, listener: desk)
        self.worker = worker
        try desk.resume(state, worker)
        loop.afterThisRound { [self] in
            instances.reapAll()
            worker.answer(MonitorReply(step: why ?? ""))
        }
    }
}

extension Monitor: SignalTarget {
    func received(_ signal: SignalDescriptor.Signal) {
        switch signal.number {
        case SIGCHLD: instances.reapAll()
        case let number:
            let stops = number == SIGTERM || number == SIGINT
            if let worker, desk.hasSpoken {
                isStopping = isStopping || stops
                ChildProcess.signal(worker.pid, number)
            } else if stops {
                stopWithoutWorker(number)
            } else if !signalsToPass.contains(number) {
                signalsToPass.append(number)
            }
        }
    }

    /// The one that is starting is told when it listens; where there is none, or at the second time, there is nothing to wait
    /// for.
    private func stopWithoutWorker(_ number: Int32) {
        defer { isStopping = true }
        guard let worker else { return finish(1) }
        if isStopping { ChildProcess.signal(worker.pid, SIGKILL) } else { signalsToPass.append(number) }
    }
}
