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
    private weak var delegate: (any LauncherProcessDelegate)?
    private var registration: RegistrationID?
    /// Sent and not answered, the first being what it works on.
    private var jobs: Deque<(number: UInt64, request: LaunchRequest)> = []
    private var overdue: TimerID?
    private var message: [UInt8] = []
    private var replies = [UInt8](repeating: 0, count: LaunchReply.bytes + 1)
    private var ended = false

    /// Jobs in the channel: enough to bridge a round of the loop, few enough that the other launcher gets its
    /// share. The longest messages fill the channel sooner.
    private static let window = 16
    /// Replies read in one round of the loop.
    private static let budget = 32

    /// - Parameter plan: Descriptors 3 and 4 are added: the channel, and the page of the report.
    init(
        plan: SpawnPlan, loop: EventLoop, answerTimeout: Duration, delegate: any LauncherProcessDelegate
    ) throws(Errno) {
        let pair = try Socket.pair(.sequencedPacket)
        for end in [pair.ours.borrowed, pair.theirs.borrowed] {
            try Socket.set(.sendBuffer, LaunchJob.sendBuffer, on: end)
        }
        report = try SpawnReportPage()
        var plan = plan
        plan.descriptors = [.null, .null, .null, .passed(0), .passed(1)]
        // The page as it stands before any job tells of the launcher's own start.
        let outcome = Spawn.start(plan, passing: [pair.theirs.borrowed, report.borrowed], report: report)
        switch outcome {
        case .running(let pid): self.pid = pid
        case .failed(_, _, let error): throw error
        }
        channel = pair.ours
        self.loop = loop
        self.answerTimeout = answerTimeout
        self.delegate = delegate
        registration = try loop.watch(channel.borrowed, for: .readable, self)
    }

    var isBusy: Bool { !jobs.isEmpty }
    /// What it works on.
    var oldest: LaunchRequest? { jobs.first?.request }
    var load: Int { jobs.count }
    var hasRoom: Bool { !ended && jobs.count < Self.window }

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
            case .close: LaunchJob.encode(closeNumber: number, into: &message)
            }
            let passing = request.passing.compactMap(\.borrowed)
            guard passing.count == request.passing.count, passing.count <= LaunchJob.mostDescriptors else {
                return .impossible(.invalidArgument)
            }
            try DescriptorPassing.send(message, passing: passing, on: channel.borrowed)
        } catch .resourceTemporarilyUnavailable, .tooManyReferences, .noBufferSpace, .noMemory {
            return .full
        } catch .brokenPipe, .connectionReset {
            // The loop is about to hear of it.
            ended = true
            return .full
        } catch {
            return .impossible(error)
        }
        request.wasSent()
        jobs.append((number, request))
        if jobs.count == 1 { expectAnswer() }
        return .sent
    }

    func ready(_ interest: Epoll.Interest) {
        readAnswers(budget: Self.budget)
        if ended { lose(error: .canceled) }
    }

    /// The process has been collected: what it answered before is still to be read.
    func wasCollected() {
        readAnswers(budget: .max)
        settleFirst(error: .canceled)
        close()
    }

    /// What was sent and cannot have begun, a launcher being serial; it is the caller's again. Descriptors to be
    /// closed went with the launcher's end of the channel.
    func takeUnbegun() -> [LaunchRequest] {
        defer { jobs.removeAll() }
        return jobs.map(\.request).filter(\.canBeSentAgain)
    }

    /// Ends the launcher and what it is starting.
    func kill() {
        ChildProcess.signal(pid, SIGKILL)
        readAnswers(budget: .max)
        settleFirst(error: .canceled)
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
                guard received.count > 0, let reply = LaunchReply(decoding: replies, count: received.count) else {
                    ended = true
                    return
                }
                answered(reply)
            } catch .resourceTemporarilyUnavailable {
                return
            } catch {
                ended = true
            }
        }
    }

    private func answered(_ reply: LaunchReply) {
        guard let first = jobs.first, first.number == reply.number else {
            // It does not do what it was told, or not in order: nothing it says can be trusted.
            ended = true
            return
        }
        jobs.removeFirst()
        expectAnswer()
        settle(first.request, reply.outcome)
        delegate?.launcherAnswered(self)
    }

    private func settle(_ request: LaunchRequest, _ outcome: SpawnOutcome) {
        if case .failed(let pid?, _, _) = outcome { delegate?.launcherLeft(child: pid) }
        request.done(outcome)
    }

    private func expectAnswer() {
        if let overdue { loop.cancel(overdue) }
        overdue = nil
        guard !jobs.isEmpty else { return }
        overdue = loop.schedule(after: answerTimeout) { [weak self] in self?.timedOut() }
    }

    private func timedOut() {
        overdue = nil
        // This process may have been stopped itself; then the answers are there.
        let number = jobs.first?.number
        readAnswers(budget: .max)
        guard ended || jobs.first?.number == number else { return }
        lose(error: .timedOut)
    }

    /// First the launcher, then the child, whose death would let the launcher go on. While SIGKILL is pending the
    /// kernel lets nobody clone, so what the launcher has not begun by now it never will.
    private func lose(error: Errno) {
        ChildProcess.signal(pid, SIGKILL)
        settleFirst(error: error)
        close()
        delegate?.launcherLost(self)
    }

    /// Answers for the job that the launcher is or was at, with the stage that the report shows, unless it
    /// certainly did not begin: then it stays, to be given to another launcher.
    private func settleFirst(error: Errno) {
        guard let first = jobs.first else { return }
        let report = report.snapshot()
        let begun = report.job == first.number
        if !begun, error == .canceled, first.request.canBeSentAgain { return }
        jobs.removeFirst()
        var child: Int32?
        // Whose reply got lost may have been collected already; then its pid is nobody's, or somebody else's.
        if begun, let pid = report.pid, ChildProcess.has(pid) {
            ChildProcess.signal(pid, SIGKILL)
            child = pid
        }
        settle(first.request, .failed(pid: child, stage: begun ? report.stage : .prepare, error: error))
    }

    private func close() {
        ended = true
        if let overdue { loop.cancel(overdue) }
        overdue = nil
        if let registration { loop.forget(registration) }
        registration = nil
    }
}
