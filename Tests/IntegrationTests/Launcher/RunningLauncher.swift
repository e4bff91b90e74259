import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// `batond launcher`, with the test in the supervisor's place: what it spawns are the test's children.
final class RunningLauncher {
    let pid: Int32
    let report: SpawnReportPage
    private let channel: DescriptorBox
    private var lastNumber: UInt64 = 0
    private var message: [UInt8] = []
    private var replies: [LaunchReply] = []

    /// - Parameter permits: What it may start, if it is to be guarded.
    convenience init(permits: DescriptorBox? = nil) throws {
        try self.init { ends in
            let passing = ends + (permits?.borrowed.map { [$0] } ?? [])
            let plan = SpawnPlan(
                path: Repository.product("batond"),
                arguments: ["batond", "launcher"] + passing.indices.map { "\(3 + $0)" },
                descriptors: [.null, .null, .null] + passing.indices.map { .passed($0) })
            let outcome = Spawn.start(plan, passing: passing, report: try SpawnReportPage())
            guard case .running(let pid) = outcome else { throw TestFailure("\(outcome)") }
            return pid
        }
    }

    /// One that is started by another.
    convenience init(by other: RunningLauncher, _ program: LaunchJob.LauncherProgram = .same) throws {
        try self.init { ends in
            other.lastNumber += 1
            LaunchJob.encode(launcher: program, number: other.lastNumber, into: &other.message)
            try other.sendBytes(other.message, passing: ends.map { DescriptorBox(try $0.duplicate()) })
            let reply = try other.reply()
            guard case .running(let pid)? = reply?.outcome else { throw TestFailure("\(String(describing: reply))") }
            return pid
        }
    }

    /// - Parameter start: Starts it with the ends of its channel and its page, and answers its pid.
    private init(_ start: ([FileDescriptor]) throws -> Int32) throws {
        let pair = try Socket.pair(.sequencedPacket)
        for end in [pair.ours.borrowed, pair.theirs.borrowed] {
            try Socket.set(.sendBuffer, LaunchJob.sendBuffer, on: end)
        }
        report = try SpawnReportPage.shareable(places: LaunchJob.mostUnderWay)
        pid = try start([pair.theirs.borrowed, report.borrowed])
        channel = DescriptorBox(try pair.ours.duplicate())
    }

    deinit {
        guard channel.borrowed != nil else { return }
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    var view: ProcessView { ProcessView(pid: pid) }

    /// Sends a job and answers its number.
    @discardableResult
    func send(_ plan: SpawnPlan, passing boxes: [DescriptorBox] = []) throws -> UInt64 {
        lastNumber += 1
        try LaunchJob.encode(spawn: plan, number: lastNumber, into: &message)
        try sendBytes(message, passing: boxes)
        return lastNumber
    }

    func sendClose(_ box: DescriptorBox, gate: DescriptorBox? = nil) throws {
        lastNumber += 1
        LaunchJob.encode(closeNumber: lastNumber, hasGate: gate != nil, into: &message)
        try sendBytes(message, passing: [box] + (gate.map { [$0] } ?? []))
    }

    func sendBytes(_ bytes: [UInt8], passing boxes: [DescriptorBox] = []) throws {
        guard let channel = channel.borrowed else { throw TestFailure("the channel is closed") }
        try DescriptorPassing.send(bytes, passing: boxes.compactMap(\.borrowed), on: channel, blocking: true)
    }

    /// The next reply; nil at the end of the channel.
    func reply() throws -> LaunchReply? {
        if !replies.isEmpty { return replies.removeFirst() }
        guard let channel = channel.borrowed else { throw TestFailure("the channel is closed") }
        guard waitFor(POLLIN, on: channel.rawValue, until: Deadline()) else { throw TestFailure("no reply") }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let received = try DescriptorPassing.receive(into: &bytes, room: 0, on: channel)
        if received.count == 0 { return nil }
        guard let several = LaunchReply.decode(bytes, count: received.count) else { throw TestFailure("no reply") }
        replies = several
        return replies.removeFirst()
    }

    func outcome(_ plan: SpawnPlan, passing boxes: [DescriptorBox] = []) throws -> SpawnOutcome? {
        let number = try send(plan, passing: boxes)
        let reply = try reply()
        guard reply?.number == number else { throw TestFailure("the reply is to another job") }
        return reply?.outcome
    }

    /// Ends the channel and answers with the launcher's exit status.
    func end() throws -> Int32 {
        _ = channel.take()
        return try collect(pid)
    }
}

/// The wait status of a child that has ended or is about to.
func collect(_ pid: Int32) throws -> Int32 {
    var status: Int32 = 0
    guard eventually({ waitpid(pid, &status, WNOHANG) == pid }) else { throw TestFailure("\(pid) does not end") }
    return status
}
