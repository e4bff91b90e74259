internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Where the monitor answers its worker: everything that it does with its rights, and for each the reason why it may.
final class MonitorDesk {
    let environment: [String: String]
    let sockets: RuntimeSockets
    private let files: RuntimeFilesBox
    private let listeners: HeldListeners
    private let loop: EventLoop
    private let instances: InstanceTable
    private let source: TableSource
    /// In force, and the one that was read last: what the worker may ask for is what one of them says.
    private var table: ServiceTable
    private var read: ServiceTable?
    private var readPermits: [ProgramKey: UInt32] = [:]
    private var endpoints = BoundEndpoints()
    private var reading: TableLoader?
    private var readyDescriptor: Int32?
    /// What the launchers may start.
    private var book: PermitBook
    private let permitFile: DescriptorBox
    private var permits: [ProgramKey: UInt32] = [:]
    private let openFiles: ResourceLimits.Pair
    private let logFormat: LogFormat?
    private let user: Credentials
    private let kept = KeptDescriptors()
    private let left: LeftProcesses
    /// What the worker writes down, and what one before has written that lives on.
    private(set) var roster: DescriptorBox
    private(set) var formerRoster: DescriptorBox?
    weak var monitor: Monitor?
    var worker: WorkerProcess?
    private(set) var hasSpoken = false
    private(set) var hasServed = false

    init(
        _ beginning: Monitor.Beginning, files: RuntimeFilesBox, sockets: RuntimeSockets,
        book: consuming PermitBook? = nil, roster: DescriptorBox? = nil
    ) throws(Errno) {
        loop = beginning.loop
        instances = beginning.instances
        left = LeftProcesses(beginning.instances)
        source = beginning.options.table
        table = beginning.table
        readyDescriptor = beginning.options.readyDescriptor
        environment = CurrentProcess.environment.filter { !ManagerEnvironment.names.contains($0.key) }
        self.sockets = sockets
        self.files = files
        listeners = HeldListeners(beginning.store)
        endpoints = BoundEndpoints([table])
        beginning.store.expect(table.services.flatMap(\.boundEndpoints))
        openFiles = beginning.openFiles
        logFormat = beginning.options.logFormat
        user = beginning.user
        let permitted = if let book { consume book } else { try PermitBook() }
        permitFile = DescriptorBox(try permitted.readOnly())
        self.book = consume permitted
        self.roster = if let roster { roster } else { DescriptorBox(try Roster.memory()) }
        permits = try permits(for: table)
        left.ended = { [weak self] in self?.worker?.tell(.ended($0, $1)) }
    }

    /// Numbers for all that is started by `table`.
    private func permits(for table: ServiceTable) throws(Errno) -> [ProgramKey: UInt32] {
        var permits: [ProgramKey: UInt32] = [:]
        let programs =
            HandlerTemplates.list(of: table, inherited: environment, openFiles: openFiles)
            + HandlerTemplates.own(inherited: environment, upgrade: ProgramChange.path, identity: user.identity)
        for (key, plan) in programs { permits[key] = try book.add(plan) }
        return permits
    }

    /// For a launcher.
    var permitDescriptor: FileDescriptor? { permitFile.borrowed }

    var tableForWorker: WorkerTable { WorkerTable(LoadedTable(table: table, faults: []), permits) }

    func takeReadyDescriptor() -> Int32? { readyDescriptor.take() }

    /// For the next worker.
    ///
    /// - Parameter goesOn: It is told what one before has left. Otherwise it begins anew.
    func prepareRoster(goesOn: Bool) throws(Errno) {
        // What one has written that never served is less than what the one before it has.
        if formerRoster == nil { formerRoster = roster }
        if !goesOn {
            formerRoster = nil
            // First of all: it may be what takes up all descriptors.
            kept.giveUpAll()
        }
        roster = DescriptorBox(try Roster.memory())
    }

    /// The worker has ended for good.
    func finish() {
        files.remove()
    }

    // MARK: Tables

    private func readTable() {
        do throws(Errno) {
            let starter = ProcessStarter(loop: loop, instances: instances, environment: environment) { [loop] in
                let (plan, passing, done) = ($0, $1, $2)
                let outcome: SpawnOutcome
                do throws(Errno) {
                    outcome = Spawn.start(
                        plan, passing: passing.compactMap(\.borrowed), report: try SpawnReportPage())
                } catch {
                    outcome = .failed(pid: nil, stage: .prepare, error: error)
                }
                loop.afterThisRound { done(outcome) }
            }
            reading = try TableLoader.load(source, starter: starter) { [weak self] in self?.tableCame($0) }
        } catch {
            let fault = ConfigurationFault(file: source.name, message: "the loader cannot be started: \(error)")
            tableCame(LoadedTable(table: nil, faults: [fault]))
        }
    }

    private func tableCame(_ loaded: LoadedTable) {
        reading = nil
        var loaded = loaded
        do throws(Errno) {
            readPermits = try loaded.table.map { table throws(Errno) in try permits(for: table) } ?? [:]
        } catch {
            let fault = ConfigurationFault(file: source.name, message: "permits for its programs: \(error)")
            loaded = LoadedTable(table: nil, faults: loaded.faults + [fault])
        }
        read = loaded.table
        endpoints = BoundEndpoints([table, read])
        let bytes = MonitorMessage.encode(WorkerTable(loaded, readPermits))
        // Without memory or a descriptor for it the worker is told all the same: it waits.
        let file = try? DescriptorBox(OwnedDescriptor.sealedFile(bytes, name: "baton-table"))
        worker?.tell(.table, passing: file)
    }

    private func took() {
        guard let read = read.take() else { return }
        (table, permits) = (read, readPermits)
        endpoints = BoundEndpoints([table])
        listeners.forgetPorts(but: endpoints)
    }

    // MARK: Processes

    private var lineage: Lineage {
        Lineage(parents: [CurrentProcess.pid, worker?.pid ?? CurrentProcess.pid])
    }

    private func signal(_ pid: Int32, _ number: Int32) -> Errno? {
        // Held before it is looked at: its worker may collect it, and the number come to mean another.
        guard pid > 1, pid != worker?.pid, let process = try? ProcessDescriptor(child: pid), lineage.isChild(pid) else {
            return .notPermitted
        }
        try? process.signal(number)
        return nil
    }

    private func signalGroup(_ group: Int32, _ number: Int32) -> Errno? {
        guard group > 1, lineage.isGroup(group) else { return .notPermitted }
        ChildProcess.signalGroup(group, number)
        return nil
    }

    /// It is who connected to a socket for registration, by the kernel's word: a worker cannot have another killed.
    private func killRegistered(_ number: UInt64) -> Errno? {
        let registration = [sockets.register, sockets.registerStream]
        guard let process = kept.registrant(number, at: registration) else { return .notPermitted }
        try? process.signal(SIGKILL)
        return nil
    }

    // MARK: Files

    private func openLog(_ place: LogPlan.Place) throws(Errno) -> OwnedDescriptor {
        let isJournal = LogPlan.standardErrorIsJournal(environment)
        let isWritten = [table, read].compactMap { $0 }.contains { table in
            LogPlan(table.log, override: logFormat, standardErrorIsJournal: isJournal).place == place
        }
        guard isWritten else { throw .notPermitted }
        return try place.open()
    }

    private func showControl(to group: UInt32?) throws(Errno) {
        guard [nil, table.controlGroup, read?.controlGroup].contains(group) else { throw .notPermitted }
        try files.showControl(to: group)
    }
}

// MARK: Carried over

extension MonitorDesk {
    /// No table is being read, and the worker knows what there is to know.
    var isAtRest: Bool { reading == nil && hasServed && worker?.isAtRest ?? false }

    func save(to state: inout MonitorState) {
        state.readyDescriptor = readyDescriptor
        state.table = LoadedTable(table: table, faults: []).encoded()
        if let saved = files.saved { state.files = saved }
        if let control = sockets.control.saved { state.control = control }
        if let register = sockets.register.saved { state.register = register }
        if let stream = sockets.registerStream.saved { state.registerStream = stream }
        if let notify = sockets.notify.saved { state.notify = notify }
        state.notifyPath = sockets.notifyPath
        state.listeners = listeners.saved
        state.kept = kept.saved
        state.permits = SavedDescriptor(book.borrowed)
        if let roster = roster.saved { state.roster = roster }
        state.followed = left.saved
    }

    func resume(_ state: MonitorState, _ worker: WorkerProcess) throws(Errno) {
        self.worker = worker
        (hasSpoken, hasServed) = (true, true)
        try listeners.resume(state.listeners)
        kept.resume(state.kept)
        left.resume(state.followed)
    }
}

extension MonitorDesk: WorkerListener {
    func asked(_ request: MonitorRequest, _ descriptors: [DescriptorBox]) {
        if !hasSpoken {
            hasSpoken = true
            monitor?.workerSpoke()
        }
        guard descriptors.isEmpty || request.takes(descriptors) else {
            worker?.end()
            return Disposal.close(descriptors)
        }
        switch request {
        case .open(let endpoint): answerOpen(endpoint)
        case .close(let cookie):
            listeners.close(cookie)
            worker?.answer()
        case .change(let cookie, let endpoint): answerChange(cookie, endpoint)
        case .openLog(let path, let isSocket): answerOpenLog(isSocket ? .socket(path) : .file(path))
        case .killRegistered(let number): answer(killRegistered(number))
        case .nextKept:
            let next = kept.next()
            worker?.answer(MonitorReply(number: next?.number ?? 0), passing: next?.descriptors ?? [])
        case .follow(let pid, let moment):
            answer(pid == worker?.pid ? .noSuchProcess : left.follow(pid, since: moment))
        case .showControl(let group):
            do throws(Errno) {
                try showControl(to: group)
                worker?.answer()
            } catch {
                answer(error)
            }
        case .signal(let pid, let number): answer(signal(pid, number))
        case .signalGroup(let group, let number): answer(signalGroup(group, number))
        case .keep(let number): answer(kept.keep(descriptors, number))
        case .giveUp(let number):
            kept.giveUp(number)
            worker?.answer()
        case .becomeNext:
            // Answered by the other program, where there is one.
            answer(monitor?.becomeNext() ?? .notSupported)
        case .newRoster: answerNewRoster()
        case .finishAdopting, .ready, .ending, .ended, .read, .giveUpReading, .took:
            carryOut(request)
            worker?.answer()
        }
    }

    /// What cannot fail.
    private func carryOut(_ request: MonitorRequest) {
        switch request {
        case .finishAdopting: listeners.finishAdopting()
        case .ready:
            hasServed = true
            formerRoster = nil
            monitor?.workerIsReady()
            left.workerIsReady()
        case .ending:
            listeners.ending()
            monitor?.workerIsStopping()
        case .ended: worker?.hasEnded = true
        case .read: if reading == nil { readTable() }
        case .giveUpReading(let why): reading?.giveUp(why: why)
        case .took: took()
        default: break
        }
    }

    private func answer(_ error: Errno?) {
        worker?.answer(MonitorReply(error: error?.rawValue ?? 0))
    }

    private func answerOpen(_ endpoint: Endpoint) {
        do throws(SocketBinding.Failure) {
            guard endpoints.contains(endpoint) else {
                throw SocketBinding.Failure(step: "monitor", error: .notPermitted)
            }
            worker?.answer(passing: [try listeners.open(endpoint, most: endpoints.count(at: endpoint.place))])
        } catch {
            worker?.answer(MonitorReply(step: error.step, error: error.error.rawValue))
        }
    }

    private func answerChange(_ cookie: UInt64, _ endpoint: Endpoint) {
        guard endpoints.contains(endpoint) else { return answer(.notPermitted) }
        do throws(Errno) {
            worker?.answer(MonitorReply(words: try listeners.change(cookie, to: endpoint)))
        } catch {
            answer(error)
        }
    }

    private func answerNewRoster() {
        do throws(Errno) {
            try prepareRoster(goesOn: true)
            worker?.answer(passing: [roster.borrowed].compactMap { $0 })
        } catch {
            answer(error)
        }
    }

    private func answerOpenLog(_ place: LogPlan.Place) {
        do throws(Errno) {
            let file = try openLog(place)
            worker?.answer(passing: [file.borrowed])
        } catch {
            answer(error)
        }
    }

    func workerEnded(_ gone: WorkerProcess, _ status: ExitStatus) {
        worker = nil
        hasSpoken = false
        left.workerEnded()
        reading?.giveUp(why: "the worker is gone")
        read = nil
        listeners.workerEnded()
        kept.workerEnded()
        monitor?.workerEnded(gone, status)
    }
}
