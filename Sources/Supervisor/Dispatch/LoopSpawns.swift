internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// What the loop starts itself, without a launcher's help: children go their way to their programs beside it.
///
/// It is for programs that run as who we are, and ask for nothing that may wait in here or that the kernel gives to all who
/// share memory: see `takes`. Why, and what else was tried: docs/decisions/spawning-beside.md.
final class LoopSpawns: SilentSource {
    private let loop: EventLoop
    private let instances: InstanceTable
    /// RLIMIT_NOFILE of what has no other: ours may be higher.
    private let openFiles: ResourceLimits.Pair
    /// What one may take; as long it has to die when it has taken longer.
    private let timeout: Duration
    private let reserved: ReservedDescriptors?
    private var isRetired = false
    private var slots: SpawnSlots
    /// The oldest first.
    private var jobs: [Job] = []
    /// Those that have been found to be done, and are to be told of.
    private var finished: [LaunchReply] = []
    private var lastNumber: UInt64 = 0
    private var overdue: TimerID?
    /// Of the last that was begun: then this one is likely to be, too, and it is waited for at once.
    private var wasAlone = false
    /// The round in which the last was begun.
    private var lastRound: UInt64 = 0
    /// The last round in which one was waited for as soon as it was begun.
    private var awaited: UInt64?
    /// One was waited for in vain: until then the loop does not wait for any.
    private var waitsFrom = Duration.zero

    /// On their way to their programs at a time.
    static let most = 16

    /// Of fewer descriptors none is kept for what the loop starts itself.
    static let leastOpenFiles: UInt64 = 256
    /// Of fewer all may be needed at the start.
    private static let plentyOfFiles: UInt64 = 1024
    /// For so long the loop waits for none after it has done so in vain, which took 5 ms.
    private static let rest = Duration.seconds(1)

    private struct Job {
        let number: UInt64
        /// How many exits had been collected when it was asked for (`InstanceTable.collected`).
        let mark: UInt64
        let passing: [DescriptorBox]
        /// In running time, as below: a process that was stopped blames nobody for it.
        let begun: Duration
        var killed: Duration?
        let done: (SpawnOutcome) -> Void
    }

    /// The numbers that this takes of the descriptor table, to be asked for before anything else is opened.
    ///
    /// - Parameter openFiles: RLIMIT_NOFILE.
    /// - Returns: Nil where launchers are to start everything: they are few, or taken, or the kernel cannot.
    static func reserve(_ openFiles: ResourceLimits.Pair) -> ReservedDescriptors? {
        guard openFiles.soft >= leastOpenFiles, Spawn.runsBeside else { return nil }
        for _ in 0..<3 {
            if let can = Spawn.canLeaveSharedTable() {
                let reserved = can ? try? ReservedDescriptors(children: most) : nil
                if openFiles.soft >= plentyOfFiles { reserved?.takeRest() }
                return reserved
            }
            // Short of processes or memory, perhaps for a moment.
            Clock.pause(.milliseconds(10))
        }
        return nil
    }

    /// - Parameters:
    ///   - reserved: For `most` children; nil: they begin with a copy of our table.
    ///   - openFiles: RLIMIT_NOFILE of what has no other.
    init(
        loop: EventLoop, instances: InstanceTable, reserved: ReservedDescriptors?, openFiles: ResourceLimits.Pair,
        timeout: Duration = .seconds(5)
    ) throws(Errno) {
        self.loop = loop
        self.instances = instances
        self.openFiles = openFiles
        self.timeout = timeout
        self.reserved = reserved
        let page = try SpawnReportPage(places: Self.most)
        slots = try SpawnSlots(
            page, shownOn: page, dispositions: .ofThisProcess(), reserved: reserved, asSiblings: false)
    }

    /// Of the oldest that is on its way.
    var oldestMark: UInt64? { jobs.first?.mark }

    /// Begins a spawn, if it is one of these and there is room.
    ///
    /// - Parameter done: Called once if it was begun, and not from in here. `passing` is kept until then.
    func begin(_ start: SpawnStart, passing: [DescriptorBox], done: @escaping (SpawnOutcome) -> Void) -> Bool {
        if slots.isFull { while let reply = slots.nextFinished() { finished.append(reply) } }
        guard !slots.isFull, !isRetired, Self.takes(start) else { return false }
        // Another child, on its way, may hold a copy of the connection for a moment, and its close would wait.
        if let connection = passing.first?.borrowed, Socket.mayBlockInClose(connection) { return false }
        // Not before: while a program takes over, it still handles signals.
        if lastNumber == 0 { slots.dispositions = .ofThisProcess() }
        lastNumber += 1
        guard slots.begin(start, openFiles: openFiles, passing: passing, job: lastNumber) else { return false }
        jobs.append(
            Job(number: lastNumber, mark: instances.collected, passing: passing, begun: loop.runningTime, done: done))
        loop.silent = self
        if overdue == nil { lookForOverdue() }
        // Whoever comes in the next round has waited for us to look.
        if jobs.count == 1, isExpecting, wasAlone, loop.round > lastRound + 1 {
            awaited = loop.round
            wait()
        }
        lastRound = loop.round
        wasAlone = jobs.count == 1
        return true
    }

    /// Nothing of it may wait in this process, as making a cgroup or a slow file system's open may, nor need other rights than
    /// those that we run with: what has become another user must not have our memory, not even until its exec. And nothing
    /// may change what the kernel has once for all who share memory (oom_score_adj).
    private static func takes(_ start: SpawnStart) -> Bool {
        let plan = start.template.plan
        return plan.identity == nil && plan.chroot == nil && plan.capabilities == nil && plan.cgroup == nil
            && plan.oomScoreAdjust == nil
            && !start.descriptors.contains { if case .file = $0 { true } else { false } }
    }

    /// Until `settle` what is opened gets no descriptor that a child would have to leave.
    func takeLowDescriptors() {
        let most = (try? ResourceLimits.openFiles())?.soft ?? 0
        if !isRetired, most >= Self.plentyOfFiles { reserved?.takeRest() }
    }

    /// From now on it is for connections.
    func settle() {
        reserved?.settle()
    }

    /// Begins no more, and gives the reserved descriptors back when those are done that are on their way.
    func retire() {
        isRetired = true
        if jobs.isEmpty { rest() }
    }

    /// Kills those that are on their way. They are answered as failed.
    func stop() {
        if let overdue { loop.cancel(overdue) }
        overdue = nil
        look()
        isRetired = true
        let left = jobs.map { ($0, kill($0)) }
        jobs.removeAll()
        // Those are dead that were to find something there.
        rest()
        for (job, report) in left {
            // It may have come to run while others were told.
            let outcome = report.flatMap { $0.isUnderWay ? nil : $0.outcome }
            settle(
                job, outcome ?? .failed(pid: report?.pid, stage: report?.stage ?? .clone, error: .canceled))
        }
    }

    // MARK: SilentSource

    var isExpecting: Bool {
        !finished.isEmpty || jobs.count > slots.slowCount && loop.now >= waitsFrom
    }

    var isAlone: Bool { jobs.count == 1 && jobs[0].begun == loop.runningTime && isExpecting }

    var wasAwaited: Bool { awaited == loop.round }

    func wait() {
        guard finished.isEmpty else { return }
        let slow = slots.slowCount
        _ = slots.wait()
        guard slots.slowCount > slow else { return }
        waitsFrom = Clock.now() + Self.rest
        // Meanwhile it looks more often.
        if let overdue { loop.cancel(overdue) }
        lookForOverdue()
    }

    func look() {
        guard !jobs.isEmpty else { return }
        // One at a time: who is told may stop us.
        while let reply = nextFinished() {
            guard let place = jobs.firstIndex(where: { $0.number == reply.number }) else { continue }
            let job = jobs.remove(at: place)
            settle(job, reply.outcome)
        }
        if jobs.isEmpty { rest() }
    }

    private func nextFinished() -> LaunchReply? {
        finished.isEmpty ? slots.nextFinished() : finished.removeFirst()
    }

    /// Nothing is on its way.
    private func rest() {
        loop.silent = nil
        if isRetired { reserved?.release() }
    }

    private func settle(_ job: Job, _ outcome: SpawnOutcome) {
        let outcome = job.killed == nil ? outcome : outcome.timedOut
        switch outcome {
        case .running(let pid): instances.forget(pid, collectedUpTo: job.mark)
        // Nobody else wants to know how it ended.
        case .failed(let pid?, _, _): instances.trackOwn(pid) { _ in }
        case .failed: break
        }
        job.done(outcome)
    }

    // MARK: Those that take too long

    private func lookForOverdue() {
        let pause = Duration.milliseconds(loop.now < waitsFrom ? 5 : 100)
        overdue = loop.schedule(after: pause) { [weak self] in
            guard let self else { return }
            overdue = nil
            endOverdue()
            if overdue == nil, !jobs.isEmpty { lookForOverdue() }
        }
    }

    /// One that does not die of being killed is answered all the same; its place is lost until it does.
    private func endOverdue() {
        for number in jobs.map(\.number) {
            // Who is told of one may end others.
            guard let index = jobs.firstIndex(where: { $0.number == number }) else { continue }
            let job = jobs[index]
            guard loop.runningTime - (job.killed ?? job.begun) >= timeout,
                let report = slots.snapshot(ofJob: number), report.isUnderWay
            else { continue }
            if job.killed == nil {
                if kill(job)?.isUnderWay == true { jobs[index].killed = loop.runningTime }
            } else {
                jobs.remove(at: index)
                slots.giveUp(job: number)
                settle(job, .failed(pid: report.pid, stage: report.stage, error: .timedOut))
            }
        }
        if jobs.isEmpty { rest() }
    }

    /// If it is on its way still.
    ///
    /// - Returns: How far it had come; nil when nothing is known of it.
    private func kill(_ job: Job) -> SpawnReportPage.Snapshot? {
        guard let report = slots.snapshot(ofJob: job.number) else { return nil }
        if report.isUnderWay, let pid = report.pid { ChildProcess.signal(pid, SIGKILL) }
        slots.letGo(ofJob: job.number)
        return report
    }
}
