import Foundation
import TestSupport
import Testing

/// The worker is killed at a bad moment: another goes on with everything that lives on.
@Suite(.enabled(if: getuid() == 0)) struct WorkerDeathTests {
    private func killWorker(_ supervisor: RunningSupervisor) throws {
        let worker = supervisor.view
        kill(worker.pid, SIGKILL)
        guard
            eventually({ !worker.isAlive && supervisor.view.pid != supervisor.process.pid && supervisor.view != worker }
            )
        else { throw TestFailure("no other worker came\n\(supervisor.log.tail)") }
    }

    @Test("who waits in the backlog is served by the next worker, from the same sockets")
    func backlog() throws {
        try withSupervisor(SeparationTests.table, leakCheck: false) { supervisor in
            let ports = try ["echo", "cat"].map { try supervisor.port($0) }
            for _ in 0..<3 {
                let worker = supervisor.view
                try worker.stop()
                let clients = try ports.flatMap { port in try (0..<8).map { _ in try TestSocket.tcp(port: port) } }
                for client in clients { try client.send("hello") }
                kill(worker.pid, SIGKILL)
                for client in clients { #expect(try client.receive(exactly: 5) == Array("hello".utf8)) }
                #expect(try ["echo", "cat"].map { try supervisor.port($0) } == ports)
            }
        }
    }

    @Test("processes and handlers go on, and their ends settle what they had")
    func survivors() throws {
        try withSupervisor(SeparationTests.table, leakCheck: false) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let held = try TestSocket.tcp(port: supervisor.port("app"))
            let first = try handler.receiveBaton()
            try handler.acknowledge(first.id)
            let cat = try TestSocket.tcp(port: supervisor.port("cat"))
            try cat.send("a")
            #expect(try cat.receive(exactly: 1) == [97])
            try supervisor.waitForService("app", "holds one") { $0.connections.active == 1 }
            let process = try supervisor.onlyHandler()
            try killWorker(supervisor)

            try supervisor.waitForService("cat", "goes on") { $0.connections.active == 1 }
            let app = try supervisor.waitForService("app", "goes on") { $0.connections.active == 1 }
            #expect(app.handlers.count == 1)
            let next = try TestSocket.tcp(port: supervisor.port("app"))
            let second = try handler.receiveBaton()
            #expect(second.id == 2 && second.connection > first.connection)
            for (client, baton) in [(held, first), (next, second)] {
                try baton.socket.send("x")
                #expect(try client.receive(exactly: 1) == [120])
                baton.socket.close()
                try handler.done(baton.id)
            }
            try supervisor.waitForService("app", "ended both") { $0.connections.ended == 2 }
            #expect(process.isAlive)
            try cat.send("b")
            #expect(try cat.receive(exactly: 1) == [98])
            cat.close()
            try supervisor.waitForService("cat", "ended it") { $0.connections.active == 0 && $0.connections.ended == 1 }
            handler.die()
            try supervisor.waitForService("app", "without handler") { $0.handlers.isEmpty }
        }
    }

    @Test("regression: of a process that ended while nobody looked, the next worker tells as well")
    func endInBetween() throws {
        try withSupervisor(SeparationTests.table, leakCheck: false) { supervisor in
            let cat = try TestSocket.tcp(port: supervisor.port("cat"))
            try cat.send("a")
            #expect(try cat.receive(exactly: 1) == [97])
            // It answers before the worker has entered it.
            try supervisor.waitForService("cat", "has entered it") { $0.connections.spawned == 1 }
            let process = try supervisor.onlyHandler()
            let worker = supervisor.view
            try worker.stop()
            kill(process.pid, SIGKILL)
            #expect(eventually { !process.isAlive })
            kill(worker.pid, SIGKILL)
            _ = try supervisor.log.wait(for: "pid \(process.pid) was ended by signal KILL")
            try supervisor.waitForService("cat", "has settled it") {
                $0.connections.active == 0 && $0.connections.ended == 1
            }
        }
    }

    @Test("a handler that the worker before started is killed by the next, though it is another's child")
    func restart() throws {
        let program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); signal.pause()"
        let table = """
            supervisor_user: nobody
            services:
              slow:
                listen: "127.0.0.1:0"
                stop_grace: 100ms
                exec: [/usr/bin/python3, -uc, "\(program)"]
            """
        try withSupervisor(table, leakCheck: false) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("slow"))
            #expect(try client.receive(exactly: 2) == Array("1\n".utf8))
            let process = try supervisor.onlyHandler()
            try killWorker(supervisor)
            #expect(try supervisor.baton("stop", "slow", "--drain", "0s").status == .exited(0))
            #expect(eventually { !process.isAlive })
        }
    }

    @Test("under load no connection is lost that had not been accepted, and no process is started twice")
    func load() throws {
        try withSupervisor(SeparationTests.table, leakCheck: false) { supervisor in
            let port = try supervisor.port("who")
            var answered = 0
            for round in 0..<5 {
                for _ in 0..<20 {
                    let client = try TestSocket.tcp(port: port)
                    // One that the dead worker had accepted is reset, or gets its answer all the same.
                    if (try? client.receiveText()) == "0\n" { answered += 1 }
                }
                if round < 4 { kill(supervisor.view.pid, SIGKILL) }
            }
            #expect(answered >= 80, "\(supervisor.log.tail)")
            try supervisor.waitForService("who", "at rest") { $0.connections.active == 0 }
        }
    }

    @Test("regression: more processes of before than the channel holds messages end at once, and the worker lives")
    func manyEnds() throws {
        let table = """
            supervisor_user: nobody
            limits: {instances: unlimited}
            services:
              cat: {listen: "127.0.0.1:0", exec: /bin/cat, instances: unlimited, per_source: unlimited}
            """
        try withSupervisor(table, leakCheck: false) { supervisor in
            let port = try supervisor.port("cat")
            let clients = try (0..<700).map { _ in try TestSocket.tcp(port: port) }
            try supervisor.waitForService("cat", "serves all") { $0.connections.spawned == clients.count }
            try killWorker(supervisor)
            try supervisor.waitForService("cat", "goes on with all") { $0.connections.active == clients.count }
            let worker = supervisor.view
            // It hears of all of them when it goes on.
            try worker.stop()
            let left = ProcessView(pid: supervisor.process.pid).children.filter { $0.name == "cat" }
            #expect(left.count == clients.count)
            for process in left { kill(process.pid, SIGKILL) }
            #expect(eventually { !left.contains(where: \.isAlive) })
            kill(worker.pid, SIGCONT)
            try supervisor.waitForService("cat", "settled all") {
                $0.connections.active == 0 && $0.connections.ended == clients.count
            }
            #expect(supervisor.view == worker)
            clients.forEach { $0.close() }
        }
    }

    @Test("regression: while the monitor has no descriptor to start another, nothing of what lives on is forgotten")
    func noDescriptors() throws {
        try withSupervisor(SeparationTests.table, leakCheck: false) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let first = try TestSocket.tcp(port: supervisor.port("app"))
            let before = try handler.receiveBaton()
            try SeparationTests.limitDescriptors(of: supervisor.process.pid, to: 3)
            kill(supervisor.view.pid, SIGKILL)
            let hasFailed = eventually {
                supervisor.log.text.components(separatedBy: "the worker cannot be started").count > 5
            }
            #expect(hasFailed, "\(supervisor.log.tail)")
            try SeparationTests.limitDescriptors(of: supervisor.process.pid, to: 1024)
            let second = try TestSocket.tcp(port: supervisor.port("app"))
            let after = try handler.receiveBaton()
            #expect(after.connection > before.connection)
            for (client, baton) in [(first, before), (second, after)] {
                try baton.socket.send("x")
                #expect(try client.receive(exactly: 1) == [120])
                baton.socket.close()
                try handler.done(baton.id)
            }
            try supervisor.waitForService("app", "ended both") { $0.connections.ended == 2 }
            handler.die()
            try supervisor.waitForService("app", "without handler") { $0.handlers.isEmpty }
        }
    }

    @Test("regression: more listeners than the soft limit of descriptors")
    func manyListeners() throws {
        let directory = try TemporaryDirectory()
        let program = try batonProgram(after: "ulimit -Sn 64", in: directory)
        let services = (0..<100).map { "  s\($0): {listen: \"127.0.0.1:0\", internal: echo}\n" }.joined()
        let supervisor = try RunningSupervisor(
            "supervisor_user: nobody\nservices:\n" + services, in: directory, program: program)
        let listeners = try supervisor.status().services.flatMap(\.listeners)
        #expect(listeners.count == 100 && listeners.allSatisfy { $0.state == "listening" })
        try killWorker(supervisor)
        #expect(try supervisor.status().services.flatMap(\.listeners).allSatisfy { $0.state == "listening" })
        try supervisor.stop()
    }

    @Test("one that dies while the supervisor stops is not replaced")
    func stopping() throws {
        let directory = try TemporaryDirectory()
        let supervisor = try RunningSupervisor(SeparationTests.table, in: directory)
        let cat = try TestSocket.tcp(port: supervisor.port("cat"))
        try cat.send("a")
        #expect(try cat.receive(exactly: 1) == [97])
        try supervisor.process.signal(SIGTERM)
        _ = try supervisor.log.wait(for: "stopping (SIGTERM)")
        kill(supervisor.view.pid, SIGKILL)
        #expect(try supervisor.process.wait() == .exited(1))
        cat.close()
    }

    @Test("without its monitor a worker ends, and so do its launchers and handlers; the next supervisor starts")
    func monitorDies() throws {
        let directory = try TemporaryDirectory()
        let first = try RunningSupervisor(SeparationTests.table, in: directory)
        let family = first.view.descendants + [first.view]
        kill(first.process.pid, SIGKILL)
        _ = try first.process.wait()
        #expect(eventually { !family.contains(where: \.isAlive) })
        let second = try RunningSupervisor(SeparationTests.table, in: directory)
        try second.stop()
    }

    @Test("an upgrade makes other programs of both, and a worker may die before and after")
    func upgrade() throws {
        try withSupervisor(SeparationTests.table, leakCheck: false) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let monitor = ProcessView(pid: supervisor.process.pid)
            for round in 1...3 {
                let client = try TestSocket.tcp(port: supervisor.port("app"))
                let baton = try handler.receiveBaton()
                #expect(baton.id == UInt64(round))
                let before = (monitor.pid, supervisor.view.pid)
                let output = try supervisor.baton("upgrade")
                #expect(output.status == .exited(0), "\(output)\n\(supervisor.log.tail)")
                #expect((monitor.pid, supervisor.view.pid) == before)
                try baton.socket.send("x")
                #expect(try client.receive(exactly: 1) == [120])
                baton.socket.close()
                try handler.done(baton.id)
                try supervisor.waitForService("app", "is at rest") {
                    $0.connections.active + $0.connections.queued == 0
                }
                let who = try TestSocket.tcp(port: supervisor.port("who"))
                #expect(try who.receiveText() == "0\n")
                try killWorker(supervisor)
            }
            handler.die()
            try supervisor.waitForService("app", "without handler") { $0.handlers.isEmpty }
        }
    }

    /// Looks at what lasts a moment.
    private static func spin(until holds: () -> Bool) {
        let end = Deadline.now() + 10_000_000_000
        while !holds(), Deadline.now() < end {}
    }

    @Test("regression: at whatever moment of an upgrade the worker is killed, handlers go on")
    func killedInUpgrade() throws {
        try withSupervisor(SeparationTests.table, leakCheck: false) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
            defer { close(null) }
            for round in 0..<8 {
                let worker = supervisor.view
                let upgrade = try TestProcess(
                    Repository.product("baton"), ["upgrade", "--runtime-directory", supervisor.runtimeDirectory],
                    descriptors: [null, null, null])
                // The next program has another name until it goes on: then it enters what lives on.
                Self.spin { worker.status("Name") == "batond" }
                Self.spin { worker.status("Name") != "batond" }
                for _ in 0..<round * 10 { _ = worker.state }
                kill(worker.pid, SIGKILL)
                _ = try upgrade.wait()
                guard eventually({ supervisor.view != worker && !worker.isAlive }) else {
                    throw TestFailure("no other worker came\n\(supervisor.log.tail)")
                }
                let client = try TestSocket.tcp(port: supervisor.port("app"))
                let baton = try handler.receiveBaton()
                #expect(baton.id == UInt64(round + 1))
                baton.socket.close()
                try handler.done(baton.id)
                client.close()
            }
            handler.die()
            try supervisor.waitForService("app", "without handler") { $0.handlers.isEmpty }
        }
    }

    /// Tests/Fixtures/failing_start.c
    private static func failingStart(_ directory: TemporaryDirectory) throws -> String {
        let library = directory.path("failing.so")
        let built = try runProgram(
            "/usr/bin/gcc",
            ["-shared", "-fPIC", "-o", library, Repository.path("Tests/Fixtures/failing_start.c"), "-ldl"])
        guard built.status == .exited(0) else { throw TestFailure(built.standardError) }
        return library
    }

    @Test("a monitor whose next program crashes goes back to the old one, and nothing has happened")
    func failedUpgrade() throws {
        let directory = try TemporaryDirectory()
        let library = try Self.failingStart(directory)
        let supervisor = try RunningSupervisor(
            SeparationTests.table, in: directory, environment: ["LD_PRELOAD": library, "FAILING_START": "monitor"])
        let handler = try RegisteredHandler("app", at: supervisor)
        let worker = supervisor.view
        for id in 1...2 as ClosedRange<UInt64> {
            let output = try supervisor.baton("upgrade")
            #expect(output.status == .exited(1) && output.standardError.contains("the monitor: "), "\(output)")
            #expect(supervisor.view == worker)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try handler.receiveBaton()
            #expect(baton.id == id)
            baton.socket.close()
            try handler.done(baton.id)
            #expect(try client.receiveText().isEmpty)
        }
        try killWorker(supervisor)
        let who = try TestSocket.tcp(port: supervisor.port("who"))
        #expect(try who.receiveText() == "0\n")
        handler.die()
        try supervisor.stop()
    }

    @Test("a worker that never comes to serve is not started for ever")
    func hopeless() throws {
        let directory = try TemporaryDirectory()
        let table = try directory.write("baton.yaml", SeparationTests.table)
        let library = try Self.failingStart(directory)
        let output = try runProgram(
            Repository.product("batond"), ["run", "--runtime-directory", directory.path("run"), table],
            environment: ["LD_PRELOAD": library, "FAILING_START": "worker"], deadline: Deadline(seconds: 60))
        #expect(output.status == .exited(1), "\(output)")
        #expect(output.standardError.components(separatedBy: "another is started").count == 3, "\(output)")
        #expect(!FileManager.default.fileExists(atPath: directory.path("run")))
    }
}
