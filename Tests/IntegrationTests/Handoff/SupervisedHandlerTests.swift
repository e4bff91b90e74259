import Glibc
import TestSupport
import Testing

/// Handlers that Baton starts and keeps: start, restart, liveness, poison (handoff.md).
@Suite struct SupervisedHandlerTests {
    private func exec(_ behaviour: String) -> String {
        "exec: [/usr/bin/python3, \(Repository.path("Tests/Fixtures/supervised.py")), \(behaviour)]"
    }

    private func table(_ behaviour: String, _ more: String = "") -> String {
        """
        services:
          app:
            listen: "127.0.0.1:0"
            handoff: {\(exec(behaviour)), restart: {backoff: {first: 20ms, longest: 200ms}}\(more)}
        """
    }

    /// Asks a line and answers who said what.
    private func ask(_ port: UInt16, _ question: String = "hello") throws -> (pid: pid_t, text: String) {
        let client = try TestSocket.tcp(port: port)
        try client.send(question + "\n")
        return try answer(client)
    }

    private func answer(_ client: TestSocket) throws -> (pid: pid_t, text: String) {
        let words = try client.receiveText().split(separator: " ", maxSplits: 2).map(String.init)
        guard words.count == 3, let pid = pid_t(words[0]) else { throw TestFailure("no answer: \(words)") }
        return (pid, words[2].filter { $0 != "\n" })
    }

    @Test("on_demand: started by the first connection, then kept for the next ones")
    func onDemand() throws {
        try withSupervisor(table("echo")) { supervisor in
            #expect(try supervisor.service("app").state == "idle")
            #expect(supervisor.handlers().isEmpty)
            let port = try supervisor.port("app")
            let answers = try (0..<20).map { try ask(port, "number \($0)") }
            #expect(answers.map(\.text) == (0..<20).map { "number \($0)" })
            #expect(Set(answers.map(\.pid)).count == 1)
            let service = try supervisor.waitForService("app", "ended") { $0.connections.ended == 20 }
            #expect(service.handlers.map(\.kind) == ["supervised"])
            #expect(service.handlers.map(\.pid) == [answers[0].pid])
            #expect(service.handlers.map(\.served) == [20])
            #expect(service.connections.spawned == 1)
            supervisor.markBaseline()
        }
    }

    @Test("eager: started with the supervisor")
    func eager() throws {
        try withSupervisor(table("echo", ", start: eager")) { supervisor in
            let service = try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
            #expect(service.state == "ready")
            supervisor.markBaseline()
        }
    }

    @Test("a handler has /dev/null on 0, the log on 1 and 2, its channel, and nothing else")
    func descriptors() throws {
        try withSupervisor(table("echo", ", start: eager")) { supervisor in
            let service = try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
            let process = ProcessView(pid: try #require(service.handlers.first).pid)
            let environment = process.environment
            let channel = try #require(environment["BATON_CHANNEL"].flatMap { Int32($0) })
            let open = process.descriptors
            #expect(open.keys.sorted() == [0, 1, 2, channel])
            #expect(open[0] == "/dev/null")
            #expect(open[1] == open[2])
            #expect(environment["BATON_SERVICE"] == "app")
            #expect(environment["BATON_PROTOCOL"] == "1")
            #expect(process.session == process.pid)
            // The smaller of the hard limit and capacity + 64.
            #expect(process.limit("Max open files")?.soft == "1088")
            supervisor.markBaseline()
        }
    }

    @Test("a killed handler is started again, and connections in between wait for it")
    func restart() throws {
        try withSupervisor(table("echo")) { supervisor in
            let port = try supervisor.port("app")
            let first = try ask(port).pid
            supervisor.markBaseline()
            for _ in 0..<3 {
                let pid = try supervisor.onlyHandler().pid
                kill(pid, SIGKILL)
                #expect(try ask(port).pid != pid)
            }
            #expect(try ask(port).pid != first)
        }
    }

    @Test("a hung handler becomes unresponsive, is killed, and its batons reach the next one")
    func hungHandler() throws {
        try withSupervisor(table("echo", ", heartbeat: {interval: 100ms, timeout: 400ms}")) { supervisor in
            let port = try supervisor.port("app")
            let hung = try ask(port).pid
            supervisor.markBaseline()
            try ProcessView(pid: hung).stop()
            let clients = try (0..<5).map { number in
                let client = try TestSocket.tcp(port: port)
                try client.send("\(number)\n")
                return client
            }
            for (number, client) in clients.enumerated() {
                let answer = try answer(client)
                #expect(answer.pid != hung)
                #expect(answer.text == "\(number)")
            }
            #expect(!ProcessView(pid: hung).isAlive)
            let counts = try supervisor.service("app").connections
            #expect(counts.requeued == 5)
            #expect(counts.cut == 0)
        }
    }

    @Test("unresponsive: wait leaves it alone; when it answers again it is ready and serves what it was sent")
    func unresponsiveWait() throws {
        let more = ", unresponsive: wait, heartbeat: {interval: 100ms, timeout: 300ms}"
        try withSupervisor(table("echo", more)) { supervisor in
            let port = try supervisor.port("app")
            let pid = try ask(port).pid
            supervisor.markBaseline()
            try ProcessView(pid: pid).stop()
            let client = try TestSocket.tcp(port: port)
            try client.send("patience\n")
            try supervisor.waitForService("app", "unresponsive") { $0.handlers.first?.state == "unresponsive" }
            kill(pid, SIGCONT)
            let answer = try answer(client)
            #expect(answer.pid == pid)
            #expect(answer.text == "patience")
            try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
        }
    }

    @Test("a connection that kills max_deliveries handlers is given up; the innocent ones beside it are all served")
    func poison() throws {
        try withSupervisor(table("poison", ", max_deliveries: 3")) { supervisor in
            let port = try supervisor.port("app")
            _ = try ask(port)
            supervisor.markBaseline()
            let pid = try supervisor.onlyHandler().pid
            // They are all on the channel when the handler comes to the guilty one.
            try ProcessView(pid: pid).stop()
            let clients = try (0..<9).map { number in
                let client = try TestSocket.tcp(port: port)
                try client.send(number == 4 ? "poison\n" : "\(number)\n")
                return client
            }
            try supervisor.waitForService("app", "sent") { $0.handlers.first?.unacknowledged == 9 }
            kill(pid, SIGCONT)
            for (number, client) in clients.enumerated() {
                if number == 4 {
                    // Its end, or a reset because what it sent was never read.
                    #expect((try? client.receiveToEnd())?.isEmpty != false)
                } else {
                    #expect(try answer(client).text == "\(number)")
                }
            }
            let counts = try supervisor.waitForService("app", "settled") { $0.connections.active == 0 }.connections
            #expect(counts.abandoned == 1)
            #expect(counts.ended == 9)
            // After the last death the handler is started again.
            _ = try ask(port)
        }
    }

    @Test("a handler that never registers is killed after start_timeout and tried again")
    func startTimeout() throws {
        let more = ", start_timeout: 200ms, queue: {size: 10, timeout: 1s}"
        try withSupervisor(table("silent", more), leakCheck: false) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "started again") { $0.connections.spawned >= 2 }
            #expect(try client.receiveToEnd().isEmpty)
            try supervisor.log.wait(for: "sent KILL: it did not register within start_timeout")
            let status = try supervisor.baton("status").standardOutput.replacing("\n  ", with: " ")
            #expect(status.contains("did not register within start_timeout, signal KILL"), "\(status)")
        }
    }

    @Test("a handler that fails to start burst times makes the service failed; its clients are refused as no_handler")
    func failedService() throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff:
                  \(exec("fails"))
                  restart: {backoff: {first: 10ms, longest: 10s}, burst: 3, interval: 60s}
            """
        try withSupervisor(table) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            #expect(try client.receiveToEnd().isEmpty)
            let service = try supervisor.waitForService("app", "failed") { $0.state == "failed" }
            #expect(service.connections.refused == ["no_handler": 1])
            #expect(try supervisor.baton("status").status == .exited(1))
        }
    }

    @Test("exec beside handoff serves while the service is failed, and while no handler is registered")
    func fallback() throws {
        let table = """
            services:
              failing:
                listen: "127.0.0.1:0"
                handoff:
                  \(exec("fails"))
                  restart: {backoff: {first: 10ms, longest: 10s}, burst: 3, interval: 60s}
                exec: [/bin/sh, -c, "echo fallback"]
              empty:
                listen: "127.0.0.1:0"
                handoff: {heartbeat: false}
                exec: [/bin/sh, -c, "echo fallback"]
            """
        try withSupervisor(table) { supervisor in
            #expect(try TestSocket.tcp(port: supervisor.port("failing")).receiveText() == "fallback\n")
            let port = try supervisor.port("empty")
            #expect(try TestSocket.tcp(port: port).receiveText() == "fallback\n")
            let handler = try RegisteredHandler("empty", at: supervisor)
            let client = try TestSocket.tcp(port: port)
            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            try baton.socket.send("handler")
            baton.socket.close()
            #expect(try client.receiveText() == "handler")
            try handler.done(baton.id)
            handler.die()
            try supervisor.waitForService("empty", "no handler") { $0.handlers.isEmpty }
            #expect(try TestSocket.tcp(port: port).receiveText() == "fallback\n")
        }
    }

    @Test("a handler whose descriptor table is full refuses and everybody is served in the end")
    func fullDescriptorTable() throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {exec: [\(try ExampleHandler.python.command.joined(separator: ", "))]}
                rlimits: {nofile: 24}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("app")
            // None says its line before all are connected, so that all are held at once.
            let clients = try (0..<60).map { _ in try TestSocket.tcp(port: port) }
            supervisor.markBaseline()
            for (number, client) in clients.enumerated() {
                try client.send("\(number)\n")
            }
            for (number, client) in clients.enumerated() {
                #expect(try client.receiveText().hasSuffix(" \(number)\n"))
            }
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 60 }.connections
            #expect(counts.cut == 0 && counts.abandoned == 0)
            supervisor.markBaseline()
        }
    }

    @Test("TERM: the handler is told to drain, ends by itself, and the supervisor with it")
    func stop() throws {
        let supervisor = try RunningSupervisor(table("hold"))
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        try supervisor.waitForService("app", "held") { $0.handlers.first?.held == 1 && $0.connections.handed_off == 1 }
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        #expect(!client.isReadable(within: 0.3), "the client is served on")
        client.close()
        try supervisor.expectEnd(of: family)
    }

    @Test("TERM: a handler that holds on is ended after stop_timeout and stop_grace")
    func stubborn() throws {
        let table = "limits: {stop_timeout: 300ms}\n" + table("hold", ", stop_grace: 300ms")
        let supervisor = try RunningSupervisor(table)
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        try supervisor.waitForService("app", "held") { $0.handlers.first?.held == 1 && $0.connections.handed_off == 1 }
        let handler = try supervisor.onlyHandler()
        try handler.stop()
        try supervisor.stop()
        #expect(try client.receiveToEnd().isEmpty)
    }

    @Test("regression: a REGISTER that crosses the stop signal breaks no protocol: the handler has its time to exit")
    func registersTooLate() throws {
        let supervisor = try RunningSupervisor(table("late", ", start: eager"))
        _ = try supervisor.log.wait(for: "waits")
        try supervisor.stop()
        #expect(!supervisor.log.text.contains("broke the protocol"))
        #expect(!supervisor.log.text.contains("KILL"))
    }
}
