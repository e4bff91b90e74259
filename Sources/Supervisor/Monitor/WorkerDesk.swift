internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// What a worker has of its monitor: the descriptors that it was started with.
struct WorkerDesk {
    let start: WorkerStart
    private var descriptors: [WorkerStart.Descriptor: DescriptorBox]

    /// Takes over what this process was started with.
    init() throws {
        var descriptors: [WorkerStart.Descriptor: DescriptorBox] = [:]
        for place in WorkerStart.Descriptor.allCases {
            try ProgramChange.keepOpen([place.rawValue], false)
            descriptors[place] = DescriptorBox(OwnedDescriptor(adopting: place.rawValue))
        }
        guard let file = descriptors[.start]?.take() else { throw Errno.badFileDescriptor }
        let bytes = try file.borrowed.contents(most: 2 * WorkerTable.most)
        let message: (value: WorkerStart, version: Int)? = MonitorMessage.decode(bytes[...])
        guard let message else { throw StateFile.Unreadable(why: "what the monitor says cannot be read") }
        start = message.value
        self.descriptors = descriptors
    }

    /// Of the program before.
    init(_ saved: SavedDesk) {
        start = saved.start
        descriptors = [.requests: saved.requests.adoptBox(), .news: saved.news.adoptBox()]
        descriptors[.manager] = saved.manager?.adoptBox()
        descriptors[.roster] = saved.roster?.adoptBox()
        for place in WorkerStart.Descriptor.sockets { descriptors[place] = DescriptorBox() }
        former = saved
    }

    /// The memory of the roster.
    var roster: DescriptorBox? {
        get { descriptors[.roster] }
        set { descriptors[.roster] = newValue }
    }
    /// Nil in the first program of this process.
    private(set) var former: SavedDesk?

    /// Of a guarded launcher; while this process has rights of its own.
    var permits: DescriptorBox? { descriptors[.permits] }

    /// Where it writes down what lives on.
    func makeRoster() throws(Errno) -> Roster? {
        guard let memory = roster?.borrowed else { return nil }
        return try Roster(writing: memory)
    }

    /// What the worker before has written down; nil where there was none, or what it left is not to be gone on with.
    func takeFormerRoster() -> RosterContent? {
        guard start.lastEnd != nil, let memory = descriptors[.formerRoster]?.take() else { return nil }
        return try? RosterContent(of: memory.borrowed)
    }

    /// What is not needed any more.
    func letGo() {
        for place in [WorkerStart.Descriptor.permits, .formerRoster, .manager] { _ = descriptors[place]?.take() }
    }

    /// Nil where there is no service manager.
    func makeNotifier(_ loop: EventLoop) -> Notifier? {
        guard start.hasManager, let socket = descriptors[.manager]?.take() else { return nil }
        return Notifier(toMonitor: socket, watchdog: start.watchdog, loop: loop)
    }

    func makeClient(_ loop: EventLoop) throws(Errno) -> MonitorClient {
        guard let requests = descriptors[.requests]?.take(), let news = descriptors[.news]?.take(),
            let control = descriptors[.control], let register = descriptors[.register],
            let registerStream = descriptors[.registerStream], let notify = descriptors[.notify]
        else { throw .badFileDescriptor }
        return try MonitorClient(
            requests: requests, news: news,
            sockets: RuntimeSockets(
                control: control, register: register, registerStream: registerStream, notify: notify,
                notifyPath: start.notifyPath), permits: (former?.permits ?? start.table).permits, loop: loop)
    }
}

extension Supervisor {
    /// The number by which others know the supervisor: that of the process that was started first.
    var pid: Int { Int(desk?.start.pid ?? CurrentProcess.pid) }

    /// What this process is, where another one has the rights.
    var worker: WorkerStatus? {
        guard let start = desk?.start else { return nil }
        return WorkerStatus(
            pid: Int(CurrentProcess.pid), user: start.user.user?.name ?? "", restarts: start.restarts,
            lastEnd: start.lastEnd,
            confinement: confinement)
    }

    /// Decides for a monitor that has the rights, until it is told to stop.
    ///
    /// - Returns: The exit status.
    package static func work() -> Int32 {
        ProgramChange.setName("baton-worker")
        do {
            let desk = try WorkerDesk()
            let start = desk.start
            let supervisor = try Supervisor(
                SupervisorOptions(start.options),
                original: ResourceLimits.Pair(soft: start.softOpenFiles, hard: start.hardOpenFiles),
                began: start.began, desk: desk)
            supervisor.started = start.started
            try supervisor.equip(desk)
            let loaded = try LoadedTable(decoding: start.table.table)
            if let left = desk.takeFormerRoster(), let table = loaded.table, let client = supervisor.client {
                try supervisor.goOn(table, after: start, with: left, client)
            } else {
                supervisor.begin(loaded)
            }
            desk.letGo()
            return try supervisor.run()
        } catch {
            StandardError.write("baton-worker: cannot start: \(error)")
            return 1
        }
    }

    /// Gives up all rights for good, and takes what the monitor gave instead. The launchers have begun, and have theirs.
    private func equip(_ desk: WorkerDesk) throws(Errno) {
        try take(desk, roster: desk.makeRoster())
        let measures = try Confinement.enter(desk.start.user.identity)
        confinement = "\(measures)"
        guard !measures.missing.isEmpty else { return }
        // When the log is where it is to be.
        loop.afterThisRound { [self] in
            report(.impaired(what: "supervisor_user", error: "the worker is confined \(confinement)"))
        }
    }

    private func take(_ desk: WorkerDesk, roster: Roster?) {
        runtime.ownIdentity = desk.start.user.identity
        runtime.roster = roster
        runtime.keeper = client?.keeper
        client?.processEnded = { [instances = runtime.instances] in instances.collectInherited($0, $1) }
    }

    /// Goes on as the program before, which gave up all rights already.
    func resume(_ desk: WorkerDesk) throws(Errno) {
        Confinement.resume()
        ProgramChange.setName("baton-worker")
        var desk = desk
        // Whoever is killed while it enters everything anew must not have forgotten it.
        if let memory = client?.newRoster() { desk.roster = memory }
        self.desk = desk
        try take(desk, roster: desk.makeRoster())
        confinement = desk.start.confinement
    }

    /// Goes on where a worker that died left off: with the processes and the handlers that live on.
    private func goOn(
        _ table: ServiceTable, after start: WorkerStart, with left: RosterContent, _ client: MonitorClient
    ) throws {
        self.table = table
        do {
            try settleLimits()
            try openSockets()
        } catch {
            throw StateFile.Unreadable(why: error.message)
        }
        var recovery = Recovery(
            table, left, kept: client.kept(), listeners: client.openAll(of: table), now: loop.now,
            time: loop.timestamp
        ) { client.follow($0, since: $1) }
        let outcome = recovery.outcome()
        for (number, descriptors) in outcome.surplus {
            client.keeper.giveUp(number)
            descriptors.forEach { runtime.closeForeign($0) }
        }
        (runtime.lastConnection, runtime.lastHandler) = (outcome.lastConnection, outcome.lastHandler)
        try resume(outcome.services)
        client.finishAdopting()
        client.ready()
        watchHosts()
        reloader.open()
        let ways = outcome.services.map(\.ways)
        report(
            .workerReplaced(
                why: start.lastEnd ?? "", processes: ways.reduce(0) { $0 + ($1.exec?.running.count ?? 0) },
                handlers: ways.reduce(0) { $0 + ($1.handoff?.handlers.count ?? 0) }))
        runtime.notifier?.ready()
        loop.afterThisRound {
            CurrentProcess.letMemoryGo()
            CurrentProcess.letCodeGo()
        }
    }
}
