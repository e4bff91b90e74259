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
                kill(worker.pid, SIGSTOP)
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
                    if round < 4, answered % 7 == 3 { kill(supervisor.view.pid, SIGKILL) }
                }
            }
            #expect(answered >= 80, "\(supervisor.log.tail)")
            try supervisor.waitForService("who", "at rest") { $0.connections.active == 0 }
        }
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

    @Test("a worker that never comes to serve is not started for ever")
    func hopeless() throws {
        let directory = try TemporaryDirectory()
        let table = try directory.write("baton.yaml", SeparationTests.table)
        let library = directory.path("failing.so")
        let built = try runProgram(
            "/usr/bin/gcc",
            ["-shared", "-fPIC", "-o", library, Repository.path("Tests/Fixtures/failing_start.c"), "-ldl"])
        guard built.status == .exited(0) else { throw TestFailure(built.standardError) }
        let output = try runProgram(
            Repository.product("batond"), ["run", "--runtime-directory", directory.path("run"), table],
            environment: ["LD_PRELOAD": library, "FAILING_START": "worker"], deadline: Deadline(seconds: 60))
        #expect(output.status == .exited(1), "\(output)")
        #expect(output.standardError.components(separatedBy: "another is started").count == 3, "\(output)")
        #expect(!FileManager.default.fileExists(atPath: directory.path("run")))
    }
}
