internal import DequeModule
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// What a launcher tells the pool.
protocol LauncherProcessDelegate: AnyObject {
    func launcherAnswered(_ launcher: LauncherProcess)
    /// It is dead or was killed, and what it was doing has been answered.
    func launcherLost(_ launcher: LauncherProcess)
    /// A child that failed before its exec, to be collected.
    func launcherLeft(child pid: Int32)
}

/// One launcher as the supervisor sees it: its channel, the jobs in it, and the time for the first of them.
final class LauncherProcess: EventSource {
    let pid: Int32
    private let loop: EventLoop
    private let channel: OwnedDescriptor
    private let report: SpawnReportPage
    private let answerTimeout: Duration
    private let signal: LauncherPool.Signal
    private weak var delegate: (any LauncherProcessDelegate)?
    private var registration: RegistrationID?
    /// Sent and not answered, the oldest first.
    private var jobs: Deque<Job> = []
    /// When it last answered, or was sent the first of them.
    private var lastProgress = Duration.zero
    private var overdue: TimerID?
    private var message: [UInt8] = []
    private var replies = [UInt8](repeating: 0, count: 4 * LaunchJob.mostUnderWay * LaunchReply.bytes)
    private var ended = false
    /// Nothing can be sent to it any more; its answers may still be there.
    private var isBroken = false
    /// Jobs whose child hung, with when it was killed for that.
    private var hung: [UInt64: Duration] = [:]
    /// Answered in its place, because even that did not help.
    private var givenUp: Set<UInt64> = []
    /// It was killed for not answering.
    private var isCondemned = false
    /// Another has taken its place: it gets nothing more, and ends with its channel.
    var isLeaving = false

    private struct Job {
        let number: UInt64
        let request: LaunchRequest
        let sent: Duration
    }

    /// Jobs in the channel: enough to bridge a round of the loop, few enough that the other launcher gets its
    /// share. The longest messages fill the channel sooner.
    private static let window = 16
    /// A launcher that has not answered the first of its jobs for so long gets no more than it can begin at once: the others
    /// would wait behind what hangs.
    private static let slow = Duration.milliseconds(100)
    /// What a killed process needs to be gone, unless it hangs in the kernel.
    private static let dying = Duration.seconds(1)
    /// Messages of replies read in one round of the loop.
    private static let budget = 32

    /// - Parameters:
    ///   - pid: The process at the other end.
    ///   - signal: Sends a signal to it, or to a child of ours that it has begun.
    init(
        pid: Int32, _ ends: LauncherEnds, loop: EventLoop, answerTimeout: Duration,
        delegate: any LauncherProcessDelegate, signal: @escaping LauncherPool.Signal
    ) throws(Errno) {
        guard let channel = ends.channel.take() else { throw .invalidArgument }
        self.pid = pid
        self.channel = channel
        report = ends.report
        self.loop = loop
        self.answerTimeout = answerTimeout
        self.delegate = delegate
        self.signal = signal
        registration = try loop.watch(self.channel.borrowed, for: .readable, self)
    }

    var isBusy: Bool { !jobs.isEmpty }
    /// What it has had for the longest time.
    var oldest: LaunchRequest? { jobs.first?.request }
    var load: Int { jobs.count }
    var hasRoom: Bool {
        !ended && !isBroken && !isLeaving && jobs.count < (isSlow ? LaunchJob.mostUnderWay : Self.window)
    }
    private var isSlow: Bool { jobs.first.map { loop.now - $0.sent > Self.slow } ?? false }

    var saved: SavedLauncher {
        SavedLauncher(
            pid: pid, channel: SavedDescriptor(channel.borrowed), report: SavedDescriptor(report.borrowed))
    }

    /// The number of the last job that it has begun.
    var lastBegun: UInt64 { report.lastJob }

    enum Sent {
        case sent
        /// The channel takes it when a job in it has been answered.
        case full
        case impossible(Errno)
    }

    func send(_ request: LaunchRequest, number: UInt64) -> Sent {
        do {
            switch request.task {
            case .spawn(let plan): try LaunchJob.encode(spawn: plan, number: number, into: &message)
            case .close(let gate): LaunchJob.encode(closeNumber: number, hasGate: gate != nil, into: &message)
            case .launcher(let program): LaunchJob.encode(launcher: program, number: number, into: &message)
            }
            let passing = request.passing.compactMap(\.borrowed)
            guard passing.count == request.passing.count, passing.count <= LaunchJob.mostDescriptors else {
                return .impossible(.invalidArgument)
            }
            try DescriptorPassing.send(message, passing: passing, on: channel.borrowed)
        } catch .resourceTemporarilyUnavailable, .tooManyReferences, .noBufferSpace, .noMemory {
            return .full
        } catch .brokenPipe, .connectionReset {
            // The loop is about to hear of it, behind what it has answered.
            isBroken = true
            return .full
        } catch {
            return .impossible(error)
        }
        request.wasSent()
        if jobs.isEmpty { lastProgress = loop.now }
        jobs.append(Job(number: number, request: request, sent: loop.now))
        if overdue == nil { lookAgain(at: loop.now + answerTimeout) }
        return .sent
    }

    func ready(_ interest: Epoll.Interest) {
        readAnswers(budget: Self.budget)
        if ended { lose() }
    }

    /// The process has been collected: what it answered before is still to be read.
    func wasCollected() {
        readAnswers(budget: .max)
        settleBegun()
        close()
    }

    /// What was sent and has not begun, once it is lost; it is the caller's again.
    func takeUnbegun() -> [LaunchRequest] {
        defer { jobs.removeAll() }
        return jobs.map(\.request)
    }

    /// It ends when this is gone.
    func leave() {
        close()
    }

    /// Ends the launcher and what it is starting.
    func kill() {
        signal(pid, SIGKILL)
        readAnswers(budget: .max)
        settleBegun()
        jobs.removeAll()
        close()
    }
}

// Answers, in time and late.
extension LauncherProcess {
    private func readAnswers(budget: Int) {
        var left = budget
        while left > 0, !ended {
            left -= 1
            do {
                let received = try DescriptorPassing.receive(into: &replies, room: 0, on: channel.borrowed)
                guard let answers = LaunchReply.decode(replies, count: received.count) else {
                    ended = true
                    return
                }
                for reply in answers where !ended { answered(reply) }
            } catch .resourceTemporarilyUnavailable {
                return
            } catch .connectionReset {
                continue  // told once, when it died with jobs unread; what it answered before is still there
            } catch {
                ended = true
            }
        }
    }

    private func answered(_ reply: LaunchReply) {
        lastProgress = loop.now
        if givenUp.remove(reply.number) != nil { return }
        guard let place = jobs.firstIndex(where: { $0.number == reply.number }) else {
            // It does not do what it was told: nothing it says can be trusted.
            ended = true
            return
        }
        let request = jobs.remove(at: place).request
        let wasKilled = hung.removeValue(forKey: reply.number) != nil
        settle(request, wasKilled ? reply.outcome.timedOut : reply.outcome)
        delegate?.launcherAnswered(self)
    }

    private func settle(_ request: LaunchRequest, _ outcome: SpawnOutcome) {
        if case .failed(let pid?, _, _) = outcome { delegate?.launcherLeft(child: pid) }
        request.done(outcome)
    }

    private func lookAgain(at time: Duration) {
        overdue = loop.schedule(at: time) { [weak self] in self?.lookForOverdue() }
    }

    private func lookForOverdue() {
        overdue = nil
        if isCondemned { return lose() }
        // This process may have been stopped itself; then the answers are there.
        readAnswers(budget: .max)
        if ended { return lose() }
        guard let first = jobs.first else { return }
        let isOverdue = loop.now - first.sent >= answerTimeout
        if isOverdue, !endOverdue(), loop.now - lastProgress >= answerTimeout { return condemn() }
        guard let first = jobs.first else { return }
        lookAgain(at: max(first.sent + answerTimeout, loop.now + Self.dying))
    }

    /// Kills the children of overdue jobs that are on their way; the launcher tells how they ended, and goes on with the
    /// others. One that does not die of it is answered in the launcher's place.
    ///
    /// - Returns: Whether there was something to be done.
    private func endOverdue() -> Bool {
        var isDone = false
        for job in jobs.prefix(while: { loop.now - $0.sent >= answerTimeout }) {
            guard let report = report.snapshot(ofJob: job.number), report.isUnderWay, let child = report.pid else {
                continue
            }
            if let killed = hung[job.number] {
                guard loop.now - killed >= answerTimeout else { continue }
                giveUp(job, .failed(pid: child, stage: report.stage, error: .timedOut))
            } else {
                hung[job.number] = loop.now
                signal(child, SIGKILL)
            }
            isDone = true
        }
        return isDone
    }

    private func giveUp(_ job: Job, _ outcome: SpawnOutcome) {
        hung[job.number] = nil
        givenUp.insert(job.number)
        jobs.removeAll { $0.number == job.number }
        settle(job.request, outcome)
    }

    /// Kills the launcher. It may be within a clone, so that what it has begun is known only when it is gone, which is at
    /// once, or in a while: where it hangs in the kernel it begins nothing.
    private func condemn() {
        (isCondemned, isBroken) = (true, true)
        signal(pid, SIGKILL)
        lookAgain(at: loop.now + Self.dying)
    }

    /// It is gone, or can do nothing more; unless it was let go meanwhile.
    private func lose() {
        guard registration != nil else { return }
        signal(pid, SIGKILL)
        settleBegun()
        close()
        delegate?.launcherLost(self)
    }

    /// Answers in the launcher's place what it has begun, and what cannot be sent to another. Where it did not answer, it
    /// is the first that it hung with; the others have done nothing.
    private func settleBegun() {
        ended = true
        var rest: Deque<Job> = []
        var error: Errno = isCondemned ? .timedOut : .canceled
        while let job = jobs.popFirst() {
            if let report = report.snapshot(ofJob: job.number) {
                settle(job.request, end(of: report, error))
            } else if error == .canceled, job.request.canBeSentAgain {
                rest.append(job)
            } else {
                settle(job.request, .failed(pid: nil, stage: .prepare, error: error))
            }
            error = .canceled
        }
        jobs = rest
    }

    /// A child that is on its way is ended. Whose reply got lost may have been collected already; then its pid is
    /// nobody's, or somebody else's.
    private func end(of report: SpawnReportPage.Snapshot, _ error: Errno) -> SpawnOutcome {
        guard report.isUnderWay else { return report.outcome }
        guard let pid = report.pid, ChildProcess.has(pid) else {
            return .failed(pid: nil, stage: report.stage, error: error)
        }
        signal(pid, SIGKILL)
        return .failed(pid: pid, stage: report.stage, error: error)
    }

    private func close() {
        ended = true
        if let overdue { loop.cancel(overdue) }
        overdue = nil
        if let registration { loop.forget(registration) }
        registration = nil
    }
}
