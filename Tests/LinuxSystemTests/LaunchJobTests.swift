import LinuxSystem
import TestSupport
import Testing

/// The messages between supervisor and launcher.
@Suite struct LaunchJobTests {
    private static let plan: SpawnPlan = {
        var plan = SpawnPlan(
            path: "/bin/cat", arguments: ["cat", ""],
            descriptors: [.passed(0), .null, .file("/tmp/errors"), .passed(1)])
        plan.environment = ["A=b", "C="]
        plan.nice = -3
        plan.resourceLimits = [.init(resource: 7, soft: 1 << 40, hard: .max)]
        plan.chroot = "/srv"
        plan.identity = .init(uid: 1000, gid: 100, groups: [3, 1, 2])
        plan.announcesListenPID = true
        plan.cgroup = "/sys/fs/cgroup/a"
        plan.oomScoreAdjust = -5
        plan.processors = [0, 70]
        plan.capabilities = 1 << 40 | 1
        plan.noNewPrivileges = true
        return plan
    }()

    @Test("a job that was cut short anywhere is unreadable, and keeps its number if that came")
    func truncated() throws {
        var bytes: [UInt8] = []
        try LaunchJob.encode(spawn: Self.plan, number: 0x1_0000_0002, into: &bytes)
        for count in bytes.indices {
            let job = LaunchJob.decode(bytes, count: count)
            if count < 12 {
                #expect(job == nil)
            } else {
                #expect(job?.number == 0x1_0000_0002)
                guard case .unreadable? = job?.task else {
                    Issue.record("readable at \(count) of \(bytes.count)")
                    continue
                }
            }
        }
        guard case .spawn? = LaunchJob.decode(bytes, count: bytes.count)?.task else {
            Issue.record("the whole job is unreadable")
            return
        }
        // Nor does a count beyond the buffer, or a byte too much, do harm.
        guard case .spawn? = LaunchJob.decode(bytes, count: .max / 2)?.task else {
            Issue.record("the count is cut to the buffer")
            return
        }
        guard case .unreadable? = LaunchJob.decode(bytes + [0], count: bytes.count + 1)?.task else {
            Issue.record("a byte too much")
            return
        }
    }

    @Test("a spawn goes by its permit, and asking for a launcher says which program it runs")
    func permit() throws {
        var bytes: [UInt8] = []
        var plan = Self.plan
        plan.permit = .max - 1
        try LaunchJob.encode(spawn: plan, number: 1, into: &bytes)
        guard case .spawn(_, permit: .max - 1)? = LaunchJob.decode(bytes, count: bytes.count)?.task else {
            throw TestFailure("another permit")
        }
        for program in [LaunchJob.LauncherProgram.same, .onDisk] {
            LaunchJob.encode(launcher: program, number: 7, into: &bytes)
            let job = LaunchJob.decode(bytes, count: bytes.count)
            #expect(job?.number == 7)
            guard case .launcher(program)? = job?.task else { throw TestFailure("another program") }
        }
    }

    @Test("no change of a byte makes the reader trap")
    func damaged() throws {
        var bytes: [UInt8] = []
        try LaunchJob.encode(spawn: Self.plan, number: 1, into: &bytes)
        for index in bytes.indices {
            for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
                var damaged = bytes
                damaged[index] = value
                _ = LaunchJob.decode(damaged, count: damaged.count)
            }
        }
    }

    @Test("a plan over the limit is an error, and the buffer can be used again")
    func tooLong() throws {
        var bytes: [UInt8] = []
        var long = Self.plan
        long.environment = EnvironmentBlock(Array(repeating: String(repeating: "x", count: 1000), count: 200))
        #expect(throws: (any Error).self) { try LaunchJob.encode(spawn: long, number: 1, into: &bytes) }
        try LaunchJob.encode(spawn: Self.plan, number: 2, into: &bytes)
        #expect(LaunchJob.decode(bytes, count: bytes.count)?.number == 2)
        for hasGate in [true, false] {
            LaunchJob.encode(closeNumber: 3, hasGate: hasGate, into: &bytes)
            guard case .close(hasGate)? = LaunchJob.decode(bytes, count: bytes.count)?.task else {
                Issue.record("no close")
                continue
            }
        }
    }

    @Test(
        "replies say the same at the other end, one or several in a message",
        arguments: [
            SpawnOutcome.running(pid: 4_194_303),
            .failed(pid: 12, stage: .exec, error: .noSuchFileOrDirectory),
            .failed(pid: nil, stage: .prepare, error: .argListTooLong),
        ])
    func reply(outcome: SpawnOutcome) {
        let reply = LaunchReply(number: .max - 1, outcome: outcome)
        for replies in [[reply], [reply, LaunchReply(number: 2, outcome: .running(pid: 7)), reply]] {
            let bytes = LaunchReply.encode(replies)
            #expect(bytes.count == replies.count * LaunchReply.bytes)
            #expect(LaunchReply.decode(bytes, count: bytes.count) == replies)
            for count in bytes.indices where !count.isMultiple(of: LaunchReply.bytes) || count == 0 {
                #expect(LaunchReply.decode(bytes, count: count) == nil)
            }
            #expect(LaunchReply.decode(bytes, count: bytes.count + LaunchReply.bytes) == nil)
        }
    }

    @Test("a reply with a pid that is none, or a stage that is none, is refused")
    func badReply() {
        let good = LaunchReply(number: 1, outcome: .running(pid: 1))
        for pid: Int32 in [0, -1] {
            let bytes = LaunchReply.encode([good, LaunchReply(number: 1, outcome: .running(pid: pid))])
            #expect(LaunchReply.decode(bytes, count: bytes.count) == nil)
        }
        var bytes = LaunchReply.encode([good])
        bytes[8] = 200
        #expect(LaunchReply.decode(bytes, count: bytes.count) == nil)
    }

    @Test("the stages are those of the C side, in their order")
    func stages() {
        #expect(SpawnStage.allCases.map(\.rawValue) == Array(0...17))
        #expect(SpawnStage.exec.description == "exec")
    }
}
