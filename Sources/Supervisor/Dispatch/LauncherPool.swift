internal import DequeModule
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The launchers: gives them jobs, follows up the one that does not answer, replaces the one that dies.
///
/// What the loop can start itself does not come to them, as long as there is room for it there.
///
/// Jobs start in the order in which they come. A launcher has a few of them on their way, and a few more wait in its
/// channel, so that it need not wait for us. What it has not begun when it goes is given to the others.
///
/// Guarded launchers do what this process may not do any more, to start a launcher included: one that is lost is
/// replaced by another, and when all are lost, there is no way to start anything.
final class LauncherPool {
    private let loop: EventLoop
    private let instances: InstanceTable
    /// What this process starts itself.
    let own: LoopSpawns?
    /// What a launcher is started with; nil: launchers are started by launchers.
    private let plan: SpawnPlan?
    private let settings: Settings
    private let signal: Signal
    /// Told once, when the last of guarded launchers is lost.
    var lostAll: () -> Void = {}
    private(set) var launchers: [LauncherProcess] = []
    /// Those of another program, until one of this program has taken their place.
    private var former: [LauncherProcess] = []
    private var waiting: Deque<LaunchRequest> = []
    private var lastNumber: UInt64 = 0
    private var replacement: TimerID?
    /// A launcher was asked to start another.
    private var awaitsLauncher = false
    private var retry: TimerID?
    private var backoff: Duration
    private var stopped = false
    /// Jobs that close sockets, and the sockets for which there is none yet.
    private var closes = 0
    private var sockets: Deque<DescriptorBox> = []
    private let files: FileClosers

    /// Sends a signal to a launcher, or to what it has begun.
    typealias Signal = (_ pid: Int32, _ signal: Int32) -> Void

    struct Settings {
        /// Two pay on two cores.
        var launchers = 2
        /// Jobs that a launcher begins at once.
        var little = LaunchJob.mostUnderWay / 2
        /// What one job may take.
        var answerTimeout = Duration.seconds(5)
        /// Between the death of a launcher and the start of the next; doubled while none lives long enough to
        /// answer.
        var firstBackoff = Duration.milliseconds(10)
        var longestBackoff = Duration.seconds(5)
        /// Jobs that close sockets at a time, however many there are: they must not keep the launchers from spawning.
        var mostCloses = 2
        /// Descriptors that may wait to be closed before those who bring them are kept waiting.
        var burden = 512
    }

    /// Starts the launchers.
    ///
    /// - Parameters:
    ///   - plan: The program that runs `Launcher.run`. The channel is passed as its descriptor 3, the page of the report as
    ///     4, and `permits` as 5; arguments must say so.
    ///   - permits: What they may start (`PermitBook.readOnly`), if they are to be guarded; not kept.
    ///   - own: What this process may start itself; nil: nothing.
    ///   - signal: For who may not signal launchers itself.
    init(
        loop: EventLoop, instances: InstanceTable, plan: SpawnPlan, permits: DescriptorBox? = nil,
        own: LoopSpawns? = nil, settings: Settings = Settings(),
        signal: @escaping Signal = { ChildProcess.signal($0, $1) }
    ) throws(Errno) {
        self.loop = loop
        self.instances = instances
        self.own = own
        self.plan = permits == nil ? plan : nil
        self.settings = settings
        self.signal = signal
        backoff = settings.firstBackoff
        files = FileClosers(instances, loop: loop)
        instances.oldestSpawn = { [weak self] in self?.oldestMark }
        while launchers.count < settings.launchers { try startLauncher(plan, permits: permits?.borrowed) }
    }

    /// Goes on with the guarded launchers of the program before: each starts one of the program on disk, and makes room for
    /// it. One that cannot goes on itself.
    ///
    /// - Throws: ESRCH when there is none.
    init(
        loop: EventLoop, instances: InstanceTable, carried: [SavedLauncher], settings: Settings = Settings(),
        signal: @escaping Signal
    ) throws(Errno) {
        self.loop = loop
        self.instances = instances
        own = nil
        plan = nil
        self.settings = settings
        self.signal = signal
        backoff = settings.firstBackoff
        files = FileClosers(instances, loop: loop)
        instances.oldestSpawn = { [weak self] in self?.oldestMark }
        for launcher in carried { try? add(LauncherEnds(launcher), pid: launcher.pid) }
        guard !launchers.isEmpty else { throw .noSuchProcess }
        // What stands in their pages is about jobs of before.
        lastNumber = launchers.map(\.lastBegun).max() ?? 0
        former = launchers
        loop.afterThisRound { [self] in ask(for: .onDisk) }
    }

    /// The launchers, for the program that takes over; none is busy then.
    var saved: [SavedLauncher] { launchers.map(\.saved) }

    /// Jobs are under way, so that a child may exist whose pid is not known yet; or files are being closed, for which an exec,
    /// which closes them too, would have to wait.
    var isBusy: Bool { oldestMark != nil || files.isBusy }

    /// How many exits had been collected when the oldest of them was asked for.
    private var oldestMark: UInt64? {
        var oldest = waiting.first?.mark
        if let mark = own?.oldestMark { oldest = min(mark, oldest ?? mark) }
        for launcher in launchers {
            if let mark = launcher.oldest?.mark { oldest = min(mark, oldest ?? mark) }
        }
        return oldest
    }

    /// Starts a process. `done` is called once, and not from in here.
    ///
    /// - Parameter passing: What `.passed` stands for in the plan. Kept until `done` was called.
    func spawn(_ plan: SpawnPlan, passing: [DescriptorBox], done: @escaping (SpawnOutcome) -> Void) {
        spawn(SpawnStart(plan), passing: passing, done: done)
    }

    /// The same of a program that is started often.
    func spawn(_ start: SpawnStart, passing: [DescriptorBox], done: @escaping (SpawnOutcome) -> Void) {
        if !stopped, waiting.isEmpty, !isClosing, let own, own.begin(start, passing: passing, done: done) { return }
        let mark = instances.collected
        submit(
            LaunchRequest(.spawn(start.plan), passing: passing, mark: mark) { [instances] outcome in
                if case .running(let pid) = outcome { instances.forget(pid, collectedUpTo: mark) }
                done(outcome)
            })
    }

    /// Closes a descriptor whose close may wait, and does not wait for it.
    func close(_ descriptor: consuming OwnedDescriptor) {
        let isSocket = Socket.isSocket(descriptor.borrowed)
        let box = DescriptorBox(descriptor)
        // The launchers cannot help with a file: our own close would ask the file system, too, though it is not the last.
        guard isSocket else { return files.close(box) }
        sockets.append(box)
        closeSockets()
    }

    /// Something is open whose close may wait: who leaves our table closes a copy of it, perhaps, and would wait as well.
    var isClosing: Bool { closes > 0 || !sockets.isEmpty || files.isBusy }

    /// So many wait to be closed that no more should be taken from those who bring them.
    var isBurdened: Bool { sockets.count + files.count >= settings.burden }

    private func closeSockets() {
        while closes < settings.mostCloses, !sockets.isEmpty {
            var passing = Array(sockets.prefix(LaunchJob.mostDescriptors - 1))
            sockets.removeFirst(passing.count)
            var gate: DescriptorBox?
            // Without descriptors for a gate it is left to luck whose close is the last.
            if let pair = try? Socket.pair(.stream) {
                passing.append(DescriptorBox(pair.theirs))
                gate = DescriptorBox(pair.ours)
            }
            closes += 1
            submit(
                LaunchRequest(.close(gate: gate), passing: passing, mark: instances.collected) { [self] outcome in
                    // Nobody wants to know how it ended, but its number must not be kept for a spawn's answer.
                    if case .running(let pid) = outcome { instances.trackOwn(pid) { _ in } }
                    closes -= 1
                    closeSockets()
                })
        }
    }

    /// Ends the launchers and what is being started, which is answered as failed. What waits is neither started
    /// nor answered any more.
    func stop() {
        stopped = true
        own?.stop()
        for timer in [replacement, retry] { timer.map(loop.cancel) }
        for request in waiting { request.abandon() }
        waiting.removeAll()
        for launcher in launchers { launcher.kill() }
        launchers.removeAll()
    }

    private func submit(_ request: LaunchRequest) {
        guard !stopped else { return request.abandon() }
        waiting.append(request)
        distribute()
    }

    /// Gives waiting jobs to launchers, as far as they have room.
    private func distribute() {
        while !waiting.isEmpty, let launcher = nextLauncher {
            let request = waiting.removeFirst()
            lastNumber += 1
            switch launcher.send(request, number: lastNumber) {
            case .sent: continue
            case .full:
                waiting.prepend(request)
                // A busy launcher's next answer brings us back here.
                if !launcher.isBusy { retryLater() }
                return
            case .impossible(let error):
                loop.afterThisRound { request.done(.failed(pid: nil, stage: .prepare, error: error)) }
            }
        }
    }

    /// The first one that has little to do, so that where one is enough the others sleep; else the one with the fewest.
    private var nextLauncher: LauncherProcess? {
        var next: LauncherProcess?
        for launcher in launchers where launcher.hasRoom {
            if launcher.load < settings.little { return launcher }
            if launcher.load < next?.load ?? .max { next = launcher }
        }
        return next
    }

    /// The kernel is short of memory, or an unprivileged supervisor of descriptors in flight.
    private func retryLater() {
        guard retry == nil else { return }
        retry = loop.schedule(after: .milliseconds(100)) { [self] in
            retry = nil
            distribute()
        }
    }
}

// Launchers that come and go.
extension LauncherPool: LauncherProcessDelegate {
    /// Starts one as a child of our own.
    private func startLauncher(_ plan: SpawnPlan, permits: FileDescriptor? = nil) throws(Errno) {
        let ends = try LauncherEnds()
        try add(ends, pid: try ends.start(plan, permits: permits))
    }

    private func add(_ ends: LauncherEnds, pid: Int32) throws(Errno) {
        let launcher = try LauncherProcess(
            pid: pid, ends, loop: loop, answerTimeout: settings.answerTimeout, delegate: self, signal: signal)
        launchers.append(launcher)
        instances.trackOwn(pid) { [weak self, weak launcher] _ in
            guard let self, let launcher else { return }
            launcher.wasCollected()
            launcherLost(launcher)
        }
    }

    func launcherAnswered(_ launcher: LauncherProcess) {
        backoff = settings.firstBackoff
        dismiss(launcher)
        distribute()
    }

    /// Lets go of one whose place was taken, once it has nothing to do.
    private func dismiss(_ launcher: LauncherProcess) {
        guard launcher.isLeaving, !launcher.isBusy else { return }
        launcher.leave()
        launchers.removeAll { $0 === launcher }
    }

    /// What it was doing is settled; what it had not begun goes to the others, before all that came later.
    func launcherLost(_ launcher: LauncherProcess) {
        guard launchers.contains(where: { $0 === launcher }) else { return }
        launchers.removeAll { $0 === launcher }
        for request in launcher.takeUnbegun().reversed() { waiting.prepend(request) }
        former.removeAll { $0 === launcher }
        if plan == nil, launchers.isEmpty, !stopped { return loseAll() }
        distribute()
        replaceMissing()
    }

    private func loseAll() {
        let told = lostAll
        lostAll = {}
        told()
    }

    func launcherLeft(child pid: Int32) {
        // Nobody else wants to know how it ended.
        instances.trackOwn(pid) { _ in }
    }

    private func replaceLater() {
        guard !stopped, replacement == nil, !awaitsLauncher else { return }
        let delay = backoff
        backoff = min(backoff * 2, settings.longestBackoff)
        replacement = loop.schedule(after: delay) { [self] in
            replacement = nil
            guard !stopped else { return }
            guard let plan else { return ask(for: .same) }
            try? startLauncher(plan)
            distribute()
            replaceMissing()
        }
    }

    private func replaceMissing() {
        if launchers.count(where: { !$0.isLeaving }) < settings.launchers { replaceLater() }
    }

    /// Has a launcher start another one.
    private func ask(for program: LaunchJob.LauncherProgram) {
        let mark = instances.collected
        guard let ends = try? LauncherEnds(), let passing = try? ends.passing() else {
            return replaceMissing()
        }
        awaitsLauncher = true
        submit(
            LaunchRequest(.launcher(program), passing: passing, mark: mark) { [self] outcome in
                awaitsLauncher = false
                _ = ends.theirs.take()
                if case .running(let pid) = outcome {
                    instances.forget(pid, collectedUpTo: mark)
                    // Without memory for the registration it meets the end of its channel.
                    if (try? add(ends, pid: pid)) != nil { replaceFormer() }
                }
                distribute()
                replaceMissing()
            })
    }

    /// There is one more of this program.
    private func replaceFormer() {
        guard let launcher = former.popLast() else { return }
        launcher.isLeaving = true
        dismiss(launcher)
        if !former.isEmpty { ask(for: .onDisk) }
    }
}
