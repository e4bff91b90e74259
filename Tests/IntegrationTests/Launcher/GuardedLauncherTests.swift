import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// A launcher that starts only what there is a permit for, whoever holds its channel.
@Suite struct GuardedLauncherTests {
    private static let refusal = SpawnOutcome.failed(pid: nil, stage: .prepare, error: .notPermitted)
    private static let trueProgram = SpawnPlan(
        path: "/bin/true", arguments: ["true"], descriptors: [.null, .null, .null])

    private func ended(_ outcome: SpawnOutcome?) throws -> Int32 {
        guard case .running(let pid)? = outcome else { throw TestFailure("\(String(describing: outcome))") }
        return try collect(pid)
    }

    @Test("what is permitted runs, what is not is refused with EPERM, and the launcher goes on")
    func guarded() throws {
        var book = try PermitBook()
        var plan = Self.trueProgram
        plan.permit = try book.add(plan)
        let launcher = try RunningLauncher(permits: DescriptorBox(book.readOnly()))
        for _ in 0..<3 {
            #expect(try ended(launcher.outcome(plan)) == 0)
            var other = plan
            other.arguments = ["false"]
            #expect(try launcher.outcome(other) == Self.refusal)
            #expect(try launcher.outcome(Self.trueProgram) == Self.refusal, "without a permit")
            other = plan
            other.permit += 1
            #expect(try launcher.outcome(other) == Self.refusal, "of another number")
        }
        // One that came later.
        var late = Self.trueProgram
        late.environment = ["A=b"]
        late.permit = try book.add(late)
        late.environment.append("REMOTE_HOST", "192.0.2.1")
        #expect(try ended(launcher.outcome(late)) == 0)
        #expect(try launcher.end() == 0)
    }

    @Test("its answer to a failed step is as of any launcher")
    func failure() throws {
        var book = try PermitBook()
        var plan = Self.trueProgram
        plan.directory = "/nonexistent"
        plan.permit = try book.add(plan)
        let launcher = try RunningLauncher(permits: DescriptorBox(book.readOnly()))
        guard case .failed(let pid?, .directory, .noSuchFileOrDirectory)? = try launcher.outcome(plan) else {
            throw TestFailure("another outcome")
        }
        #expect(try collect(pid) == 127 << 8)
        let report = try #require(launcher.report.snapshot(ofJob: 1))
        #expect(!report.isUnderWay && report.pid == pid && report.stage == .directory)
        #expect(report.error == .noSuchFileOrDirectory)
    }

    @Test("it closes what it is given, as any launcher")
    func closes() throws {
        let launcher = try RunningLauncher(permits: DescriptorBox(PermitBook().readOnly()))
        let pair = try Socket.pair(.stream)
        let box = DescriptorBox(pair.theirs)
        try launcher.sendClose(box)
        _ = box.take()
        #expect(try ended(launcher.reply()?.outcome) == 0)
        #expect(waitFor(POLLIN, on: pair.ours.rawValue, until: Deadline()))
    }

    @Test(
        "it starts another launcher, a child of the same parent with the same permits",
        arguments: [LaunchJob.LauncherProgram.same, .onDisk])
    func launcher(program: LaunchJob.LauncherProgram) throws {
        var book = try PermitBook()
        var plan = Self.trueProgram
        plan.permit = try book.add(plan)
        let first = try RunningLauncher(permits: DescriptorBox(book.readOnly()))
        let second = try RunningLauncher(by: first, program)
        #expect(second.view.parent == getpid())
        #expect(eventually { second.view.arguments == ["batond", "launcher", "3", "4", "5"] })
        #expect(try first.end() == 0)
        #expect(try ended(second.outcome(plan)) == 0)
        #expect(try second.outcome(Self.trueProgram) == Self.refusal)
        let third = try RunningLauncher(by: second, program)
        #expect(try second.end() == 0)
        #expect(try ended(third.outcome(plan)) == 0)
        #expect(eventually { third.view.status("Name") == "baton-launcher" })
        // Three of nothing, the channel, the page, and the permits.
        #expect(third.view.descriptors.count == 6)
        #expect(try third.end() == 0)
    }

    @Test("one that is not guarded starts no other, and neither does one that is not given both ends")
    func noLauncher() throws {
        let pair = try Socket.pair(.stream)
        let box = DescriptorBox(pair.theirs)
        for launcher in [try RunningLauncher(), try RunningLauncher(permits: DescriptorBox(PermitBook().readOnly()))] {
            var message: [UInt8] = []
            LaunchJob.encode(launcher: .same, number: 3, into: &message)
            try launcher.sendBytes(message, passing: [box])
            #expect(try launcher.reply()?.outcome == .failed(pid: nil, stage: .prepare, error: .invalidArgument))
        }
    }

    @Test("regression: what is written to the page of the report gives no place to a second child")
    func hostilePage() throws {
        let directory = try TemporaryDirectory()
        let fifo = directory.path("fifo")
        try check("mkfifo") { mkfifo(fifo, 0o600) }
        var book = try PermitBook()
        var hanging = Self.trueProgram
        hanging.descriptors[2] = .file(fifo)
        hanging.permit = try book.add(hanging)
        var plan = Self.trueProgram
        plan.permit = try book.add(plan)
        let launcher = try RunningLauncher(permits: DescriptorBox(book.readOnly()))
        let number = try launcher.send(hanging)
        #expect(eventually { launcher.report.snapshot(ofJob: number)?.stage == .stderr })
        let pid = try #require(launcher.report.snapshot(ofJob: number)?.pid)
        let page = [UInt8](repeating: 0, count: 24 * LaunchJob.mostUnderWay)
        #expect(pwrite(launcher.report.borrowed.rawValue, page, page.count, 0) == page.count)
        // It answers for these alone, and none of them gets the stack that the first is on.
        for _ in 0..<20 {
            let other = try launcher.send(plan)
            let reply = try #require(try launcher.reply())
            #expect(reply.number == other)
            #expect(try ended(reply.outcome) == 0)
        }
        #expect(ProcessView(pid: pid).isAlive)
        let reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer { close(reader) }
        #expect(try launcher.reply() == LaunchReply(number: number, outcome: .running(pid: pid)))
        #expect(try collect(pid) == 0)
        #expect(try launcher.end() == 0)
    }
}
