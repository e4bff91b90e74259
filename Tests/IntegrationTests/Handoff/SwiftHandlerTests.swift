import Glibc
import LinuxSystem
import TestSupport
import Testing

/// The Swift library with a task a connection (Tests/TaskHandler), against the real supervisor.
@Suite struct SwiftHandlerTests {
    private static let table = """
        services:
          front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [app]}}
          app: {listen: "127.0.0.1:0", handoff: {heartbeat: {interval: 200ms, timeout: 20s}}}
        """

    private func handler(_ service: String, in directory: String, _ options: String...) throws -> TestProcess {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        return try TestProcess(
            Repository.product("baton-task-handler"), [service] + options,
            environment: ["BATON_RUNTIME_DIRECTORY": directory], descriptors: [null, null, null])
    }

    /// As if the machine had lost it.
    private func kill(_ supervisor: RunningSupervisor) throws {
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGKILL)
        _ = try supervisor.process.wait()
        family.forEach { _ = Glibc.kill($0.pid, SIGKILL) }
    }

    @Test("a connection moves from one handler to the other with what the first had read ahead")
    func pass() throws {
        try withSupervisor(Self.table) { supervisor in
            let front = try handler("front", in: supervisor.runtimeDirectory)
            let app = try handler("app", in: supervisor.runtimeDirectory)
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            try client.send("here\npass nowhere\npass app\nahead\n")
            #expect(try client.receiveLine() == "here")
            #expect(try client.receiveLine() == "kept")
            #expect(try client.receiveLine() == "ahead")
            try client.send("behind\n")
            try client.finishSending()
            #expect(try client.receiveText() == "behind\n")
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }
            let counts = try supervisor.service("front").connections
            #expect(counts.ended == 1 && counts.cut == 0)
            for process in [front, app] { try process.signal(SIGKILL) }
            for name in ["front", "app"] { try supervisor.waitForService(name, "idle") { $0.handlers.isEmpty } }
        }
    }

    @Test("a handler registers again when the supervisor was killed and another takes its place")
    func reconnects() throws {
        let directory = try TemporaryDirectory()
        let first = try RunningSupervisor(Self.table, in: directory)
        let app = try handler("app", in: first.runtimeDirectory, "--reconnect")
        try first.waitForService("app", "ready") { $0.state == "ready" }
        let client = try TestSocket.tcp(port: first.port("app"))
        try client.send("before\n")
        #expect(try client.receiveLine() == "before")
        try kill(first)
        // What it holds goes on without a supervisor.
        try client.send("between\n")
        #expect(try client.receiveLine() == "between")
        client.close()
        try withSupervisor(Self.table, in: directory) { second in
            try second.waitForService("app", "ready again") { $0.handlers.first?.pid == app.pid }
            let next = try TestSocket.tcp(port: second.port("app"))
            try next.send("after\n")
            #expect(try next.receiveLine() == "after")
            next.close()
            try second.waitForService("app", "ended") { $0.connections.ended == 1 }
            try app.signal(SIGKILL)
            try second.waitForService("app", "idle") { $0.handlers.isEmpty }
            // It may have been there when the descriptors were first looked at.
            second.markBaseline()
        }
    }

    @Test("a handler that comes before its supervisor waits for it, and comes back after an orderly stop")
    func comesFirst() throws {
        let directory = try TemporaryDirectory()
        let app = try handler("app", in: directory.path("run"), "--reconnect")
        for _ in 0..<2 {
            let supervisor = try RunningSupervisor(Self.table, in: directory)
            try supervisor.waitForService("app", "ready") { $0.handlers.first?.status == "tasks" }
            try supervisor.stop()
        }
        #expect(app.isRunning)
        try app.signal(SIGKILL)
        #expect(try app.wait() == .signaled(SIGKILL))
    }

    @Test("regression: a handler that waits for its supervisor waits on when it has no descriptor left")
    func waitsWithoutDescriptors() throws {
        let directory = try TemporaryDirectory()
        let app = try handler("app", in: directory.path("run"), "--reconnect")
        // It has come so far: the pair that wakes it is there, and what Dispatch cannot be without. (While it starts it
        // has other files open.)
        #expect(
            eventually {
                let kinds = ProcessView(pid: app.pid).descriptorKinds
                return kinds.filter { $0 == "socket:" }.count >= 2 && kinds.contains("anon_inode:[timerfd]")
            })
        let limit = try ResourceLimits.openFiles(of: app.pid)
        try ResourceLimits.setOpenFiles(.init(soft: 3, hard: limit.hard), of: app.pid)
        idleInterval(seconds: 1)
        #expect(ProcessView(pid: app.pid).isAlive)
        try ResourceLimits.setOpenFiles(limit, of: app.pid)
        let supervisor = try RunningSupervisor(Self.table, in: directory)
        try supervisor.waitForService("app", "ready") { $0.handlers.first?.pid == app.pid }
        try app.signal(SIGKILL)
        #expect(try app.wait() == .signaled(SIGKILL))
        try supervisor.stop()
    }

    @Test("without the wish to come back, a handler ends with its supervisor: 0 after a drain, else 1")
    func endsWithSupervisor() throws {
        let killed = try RunningSupervisor(Self.table)
        let first = try handler("app", in: killed.runtimeDirectory)
        try killed.waitForService("app", "ready") { $0.state == "ready" }
        try kill(killed)
        #expect(try first.wait() == .exited(1))
        let stopped = try RunningSupervisor(Self.table)
        let second = try handler("app", in: stopped.runtimeDirectory)
        try stopped.waitForService("app", "ready") { $0.state == "ready" }
        try stopped.stop()
        #expect(try second.wait() == .exited(0))
    }

    @Test("it keeps to the protocol in all that baton handler-test looks at")
    func conformance() throws {
        let run = try HandlerTestRun(
            [Repository.product("baton-task-handler"), "app"],
            exchange: HandlerTestRun.echo + ["--send-pass", "pass app\\n"],
            ["--service", "app"])
        #expect(run.seen == [:])
        #expect(run.checks("skipped") == ["capacity"], "it states none")
        #expect(run.status == .exited(0))
    }
}
