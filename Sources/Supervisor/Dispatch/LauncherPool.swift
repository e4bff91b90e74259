internal import DequeModule
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The launchers: gives them jobs, follows up the one that does not answer, replaces the one that dies.
///
/// Jobs start in the order in which they come. A launcher has a few of them on their way, and a few more wait in its
/// channel, so that it need not wait for us. What it has not begun when it goes is given to the others.
final class LauncherPool {
    private let loop: EventLoop
    private let instances: InstanceTable
    private let plan: SpawnPlan
    private let settings: Settings
    private var launchers: [LauncherProcess] = []
    private var waiting: Deque<LaunchRequest> = []
    private var lastNumber: UInt64 = 0
    private var replacement: TimerID?
    private var retry: TimerID?
    private var backoff: Duration
    private var stopped = false
    /// Jobs that close sockets, and the sockets for which there is none yet.
    private var closes = 0
    private var sockets: Deque<DescriptorBox> = []
    /// Children that close files for us, and the files for which there is none yet.
    private var closers = 0
    private var files: Deque<DescriptorBox> = []

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
        /// Children that wait in close for a file system at a time. Nothing but its answer frees them.
        var mostClosers = 32
        /// Files that one of them closes.
        var filesOfCloser = 64
        /// Descriptors that may wait to be closed before those who bring them are kept waiting.
        var burden = 512
    }

    /// Starts the launchers.
    ///
    /// - Parameter plan: The program that runs `Launcher.run`. The channel is passed as its descriptor 3, and the
    ///   page of the report as 4; arguments must say so.
    init(
        loop: EventLoop, instances: InstanceTable, plan: SpawnPlan, settings: Settings = Settings()
    ) throws(Errno) {
        self.loop = loop
        self.instances = instances
        self.plan = plan
        self.settings = settings
        backoff = settings.firstBackoff
        instances.oldestSpawn = { [weak self] in self?.oldestMark }
        while launchers.count < settings.launchers { launchers.append(try startLauncher()) }
    }

    /// Jobs are under way, so that a child may exist whose pid is not known yet.
    var isBusy: Bool { oldestMark != nil }

    /// How many exits had been collected when the oldest of them was asked for.
    private var oldestMark: UInt64? {
        var oldest = waiting.first?.mark
        for launcher in launchers {
            if let mark = launcher.oldest?.mark { oldest = min(mark, oldest ?? mark) }
        }
        return oldest
    }

    /// Starts a process. `done` is called once, in a later round of the loop.
    ///
    /// - Parameter passing: What `.passed` stands for in the plan. Kept until `done` was called.
    func spawn(_ plan: SpawnPlan, passing: [DescriptorBox], done: @escaping (SpawnOutcome) -> Void) {
        let mark = instances.collected
        submit(
            LaunchRequest(.spawn(plan), passing: passing, mark: mark) { [instances] outcome in
                if case .running(let pid) = outcome { instances.forget(pid, collectedUpTo: mark) }
                done(outcome)
            })
    }

    /// Closes a descriptor whose close may wait, and does not wait for it.
    func close(_ descriptor: consuming OwnedDescriptor) {
        let isSocket = Socket.isSocket(descriptor.borrowed)
        let box = DescriptorBox(descriptor)
        if isSocket {
            sockets.append(box)
            closeSockets()
        } else {
            files.append(box)
            closeFiles()
        }
    }

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

    /// The launchers cannot help here: our own close would ask the file system, too, though it is not the last.
    private func closeFiles() {
        while closers < settings.mostClosers, !files.isEmpty {
            let group = Array(files.prefix(settings.filesOfCloser))
            files.removeFirst(group.count)
            guard let pid = Spawn.closeInChild(group) else { continue }
            closers += 1
            instances.trackOwn(pid) { [self] _ in
                closers -= 1
                closeFiles()
            }
        }
    }

    /// Ends the launchers and what they are starting, which is answered as failed. What waits is neither started
    /// nor answered any more.
    func stop() {
        stopped = true
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
    private func startLauncher() throws(Errno) -> LauncherProcess {
        let launcher = try LauncherProcess(
            plan: plan, loop: loop, answerTimeout: settings.answerTimeout, delegate: self)
        instances.trackOwn(launcher.pid) { [weak self, weak launcher] _ in
            guard let self, let launcher else { return }
            launcher.wasCollected()
            launcherLost(launcher)
        }
        return launcher
    }

    func launcherAnswered(_ launcher: LauncherProcess) {
        backoff = settings.firstBackoff
        distribute()
    }

    /// What it was doing is settled; what it had not begun goes to the others, before all that came later.
    func launcherLost(_ launcher: LauncherProcess) {
        guard launchers.contains(where: { $0 === launcher }) else { return }
        launchers.removeAll { $0 === launcher }
        for request in launcher.takeUnbegun().reversed() { waiting.prepend(request) }
        distribute()
        replaceLater()
    }

    func launcherLeft(child pid: Int32) {
        // Nobody else wants to know how it ended.
        instances.trackOwn(pid) { _ in }
    }

    private func replaceLater() {
        guard !stopped, replacement == nil else { return }
        let delay = backoff
        backoff = min(backoff * 2, settings.longestBackoff)
        replacement = loop.schedule(after: delay) { [self] in
            replacement = nil
            guard !stopped else { return }
            if let launcher = try? startLauncher() { launchers.append(launcher) }
            distribute()
            if launchers.count < settings.launchers { replaceLater() }
        }
    }
}
