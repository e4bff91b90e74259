import Glibc
import LinuxSystem
import TestSupport
import Testing

/// The launcher by itself, over its channel.
@Suite struct LauncherChannelTests {
    private static let sleep = SpawnPlan(
        path: "/bin/sleep", arguments: ["sleep", "1000"], descriptors: [.null, .null, .null])
    private static let trueProgram = SpawnPlan(
        path: "/bin/true", arguments: ["true"], descriptors: [.null, .null, .null])

    /// Waits for a reader of its standard error before its exec.
    private static func hanging(in directory: TemporaryDirectory) throws -> SpawnPlan {
        let fifo = directory.path("fifo")
        try check("mkfifo") { mkfifo(fifo, 0o600) }
        var plan = trueProgram
        plan.descriptors[2] = .file(fifo)
        return plan
    }

    private func running(_ outcome: SpawnOutcome?) throws -> Int32 {
        guard case .running(let pid)? = outcome else { throw TestFailure("\(String(describing: outcome))") }
        return pid
    }

    @Test("what it spawns is a child of its parent, in a session of its own, with the plan's descriptors alone")
    func sibling() throws {
        let launcher = try RunningLauncher()
        let pid = try running(launcher.outcome(Self.sleep))
        defer {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        let view = ProcessView(pid: pid)
        #expect(view.parent == getpid())
        #expect(view.session == pid)
        #expect(eventually { view.arguments == ["sleep", "1000"] })
        // The dynamic loader has another for a moment.
        #expect(eventually { Set(view.descriptors.keys) == [0, 1, 2] })
        #expect(view.status("SigBlk") == "0000000000000000")
        let report = try #require(launcher.report.snapshot(ofJob: 1))
        #expect(report.pid == pid && report.stage == .exec && report.error == nil && !report.isUnderWay)
        #expect(launcher.report.snapshot(ofJob: 2) == nil)
    }

    @Test("a failed step is answered with its stage, its errno, and the pid that its parent is to collect")
    func failure() throws {
        let launcher = try RunningLauncher()
        var plan = Self.sleep
        plan.directory = "/nonexistent"
        guard case .failed(let pid?, .directory, .noSuchFileOrDirectory)? = try launcher.outcome(plan) else {
            throw TestFailure("another outcome")
        }
        #expect(try collect(pid) == 127 << 8)
    }

    @Test("100 jobs are answered, each once, and leave no descriptor and no child behind")
    func manyJobs() throws {
        let launcher = try RunningLauncher()
        _ = try collect(running(launcher.outcome(Self.trueProgram)))
        let before = launcher.view.descriptorKinds
        let pair = try Socket.pair(.stream)
        let box = DescriptorBox(try pair.theirs.duplicate())
        for round in 0..<10 {
            var sent: [UInt64] = []
            for job in 0..<10 {
                var plan = Self.trueProgram
                plan.descriptors[0] = .passed(0)
                if job == 5 { plan.path = "/nonexistent" }
                if job == 6 { plan.descriptors[0] = .passed(9) }
                sent.append(try launcher.send(plan, passing: [box]))
            }
            var answered: Set<UInt64> = []
            for _ in sent {
                let reply = try #require(try launcher.reply())
                #expect(answered.insert(reply.number).inserted, "round \(round)")
                if let pid = reply.outcome.pid { _ = try collect(pid) } else { #expect(reply.number == sent[6]) }
            }
            #expect(answered == Set(sent))
        }
        #expect(launcher.view.descriptorKinds == before)
    }

    @Test("it ends with its channel, with status 0, also when replies were not read")
    func end() throws {
        let idle = try RunningLauncher()
        #expect(try idle.end() == 0)
        let busy = try RunningLauncher()
        let pid = try running(busy.outcome(Self.trueProgram))
        try busy.send(Self.trueProgram)
        #expect(eventually { busy.report.snapshot(ofJob: 2)?.isUnderWay == false })
        let unread = try #require(busy.report.snapshot(ofJob: 2)?.pid)
        #expect(try busy.end() == 0)
        for child in [pid, unread] { _ = try collect(child) }
    }

    @Test("regression: a child on its way when the channel ends goes on to its program")
    func endBesideChild() throws {
        let directory = try TemporaryDirectory()
        let launcher = try RunningLauncher()
        let number = try launcher.send(Self.hanging(in: directory))
        #expect(eventually { launcher.report.snapshot(ofJob: number)?.stage == .stderr })
        let child = try #require(launcher.report.snapshot(ofJob: number)?.pid)
        #expect(try launcher.end() == 0)
        let reader = open(directory.path("fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer { close(reader) }
        #expect(try collect(child) == 0)
    }

    @Test("signals other than SIGKILL do not end it, and it is named in ps")
    func signals() throws {
        let launcher = try RunningLauncher()
        _ = try collect(running(launcher.outcome(Self.trueProgram)))
        #expect(launcher.view.status("Name") == "baton-launcher")
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1] { kill(launcher.pid, signal) }
        _ = try collect(running(launcher.outcome(Self.trueProgram)))
    }

    @Test("a message that makes no sense is refused, one without a number ends it")
    func nonsense() throws {
        let launcher = try RunningLauncher()
        try launcher.sendBytes([1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 99])
        let refusal = SpawnOutcome.failed(pid: nil, stage: .prepare, error: .invalidArgument)
        #expect(try launcher.reply() == LaunchReply(number: 7, outcome: refusal))
        try launcher.sendBytes([2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0])
        #expect(try launcher.reply() == LaunchReply(number: 8, outcome: refusal), "a close without a descriptor")
        try launcher.sendBytes([1, 2, 3])
        #expect(try launcher.reply() == nil)
        #expect(try launcher.end() != 0)
    }

    @Test("a child that hangs before its exec holds up no other, and can be killed by what the report says")
    func hung() throws {
        let directory = try TemporaryDirectory()
        let launcher = try RunningLauncher()
        let number = try launcher.send(Self.hanging(in: directory))
        // More than have a place beside it.
        for _ in 0..<20 {
            let other = try launcher.send(Self.trueProgram)
            let reply = try #require(try launcher.reply())
            #expect(reply.number == other)
            _ = try collect(running(reply.outcome))
        }
        let report = try #require(launcher.report.snapshot(ofJob: number))
        #expect(report.stage == .stderr && report.isUnderWay)
        let pid = try #require(report.pid)
        kill(pid, SIGKILL)
        let failed = SpawnOutcome.failed(pid: pid, stage: .stderr, error: .canceled)
        #expect(try launcher.reply() == LaunchReply(number: number, outcome: failed))
        #expect(try collect(pid) == SIGKILL)
    }

    @Test("when every place is taken by one that hangs, jobs wait until one of them goes")
    func full() throws {
        let directory = try TemporaryDirectory()
        let launcher = try RunningLauncher()
        let plan = try Self.hanging(in: directory)
        let hanging = try (0..<LaunchJob.mostUnderWay).map { _ in try launcher.send(plan) }
        let next = try launcher.send(Self.trueProgram)
        #expect(eventually { hanging.allSatisfy { launcher.report.snapshot(ofJob: $0)?.stage == .stderr } })
        #expect(launcher.report.snapshot(ofJob: next) == nil)
        let pids = try hanging.map { try #require(launcher.report.snapshot(ofJob: $0)?.pid) }
        #expect(Set(pids).count == hanging.count)
        kill(pids[3], SIGKILL)
        var answered: Set<UInt64> = []
        for _ in 0..<2 {
            let reply = try #require(try launcher.reply())
            answered.insert(reply.number)
            _ = try collect(try #require(reply.outcome.pid))
        }
        #expect(answered == [hanging[3], next])
        for (index, pid) in pids.enumerated() where index != 3 {
            kill(pid, SIGKILL)
            _ = try collect(pid)
        }
    }

    @Test("regression: a socket is closed by the launcher's child last, however late the sender closes its own copy")
    func closedLast() throws {
        let launcher = try RunningLauncher()
        let (socket, gate) = (try TestSocket.pair(TestSocket.stream), try TestSocket.pair(TestSocket.stream))
        let copies = try [socket.0, gate.1].map { socket in
            DescriptorBox(OwnedDescriptor(adopting: try check("dup") { fcntl(socket.descriptor, F_DUPFD_CLOEXEC, 3) }))
        }
        try launcher.sendClose(copies[0], gate: copies[1])
        let closer = try running(launcher.reply()?.outcome)
        for copy in copies { _ = copy.take() }
        gate.1.close()
        let isGone = eventually(within: Deadline(seconds: 0.3)) { waitpid(closer, nil, WNOHANG) != 0 }
        #expect(!isGone, "it has gone before us")
        socket.0.close()
        gate.0.close()
        #expect(try collect(closer) == 0)
    }

    @Test("the most descriptors that a message can carry arrive")
    func mostDescriptors() throws {
        let launcher = try RunningLauncher()
        let pair = try Socket.pair(.stream)
        let count = LaunchJob.mostDescriptors
        var plan = Self.sleep
        plan.descriptors = (0..<count).map { .passed($0) }
        let boxes = try (0..<count).map { _ in DescriptorBox(try pair.theirs.duplicate()) }
        let pid = try running(launcher.outcome(plan, passing: boxes))
        defer {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        #expect(eventually { !ProcessView(pid: pid).arguments.isEmpty })
        #expect(eventually { ProcessView(pid: pid).descriptors.count == count })
    }

    @Test("a close that would linger on a stalled client holds up nobody, and the client gets what was sent")
    func lingeringClose() throws {
        let launcher = try RunningLauncher()
        let listener = try Socket.make(family: AF_INET, .stream)
        try Socket.bind(listener.borrowed, to: .ipv4(.loopback, port: 0))
        try Socket.listen(listener.borrowed, backlog: 1)
        // A client that does not read yet.
        let client = try Socket.connected(to: Socket.localAddress(of: listener.borrowed))
        let connection = DescriptorBox(try Socket.accept(listener.borrowed).descriptor.duplicate())
        let socket = try #require(connection.borrowed)
        try Socket.setNonblocking(socket, true)
        let zeros = [UInt8](repeating: 0, count: 65536)
        var sent = 0
        while case let count = write(socket.rawValue, zeros, zeros.count), count > 0 { sent += count }
        var linger = linger(l_onoff: 1, l_linger: 1000)
        try check("setsockopt") {
            setsockopt(socket.rawValue, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        }
        #expect(Socket.mayBlockInClose(socket))
        try launcher.sendClose(connection)
        _ = connection.take()
        // Regression: a spawn right behind the close inherited the socket, and its child was the one to linger.
        try launcher.send(Self.trueProgram)
        let closer = try running(launcher.reply()?.outcome)
        let next = try running(launcher.reply()?.outcome)
        #expect(try collect(next) == 0)
        #expect(try collect(closer) == 0)
        var received = 0
        var buffer = zeros
        while case let count = read(client.rawValue, &buffer, buffer.count), count > 0 { received += count }
        #expect(received == sent)
    }
}
