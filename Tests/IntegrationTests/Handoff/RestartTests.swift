import Foundation
import Synchronization
import TestSupport
import Testing

/// `baton restart`: new handlers first, then the old ones drain (command-line.md, handoff.md).
@Suite struct RestartTests {
    private func table(_ behaviour: String, _ more: String = "", program: String? = nil) -> String {
        let program = program ?? Repository.path("Tests/Fixtures/supervised.py")
        return """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {exec: [/usr/bin/python3, \(program), \(behaviour)]\(more)}
              plain: {listen: "127.0.0.1:0", exec: /bin/cat}
            """
    }

    private func ask(_ port: UInt16) throws -> pid_t {
        let client = try TestSocket.tcp(port: port)
        try client.send("hello\n")
        let words = try client.receiveText().split(separator: " ")
        guard let pid = words.first.flatMap({ pid_t($0) }) else { throw TestFailure("no answer: \(words)") }
        return pid
    }

    @Test("under load every client is answered: none lost, none refused, none cut, and all handlers are new ones")
    func rolling() throws {
        try withSupervisor(table("echo", ", handlers: 3, start: eager")) { supervisor in
            let old = try supervisor.waitForService("app", "ready") { $0.handlers.count { $0.state == "ready" } == 3 }
                .handlers.map(\.pid)
            supervisor.markBaseline()
            let port = try supervisor.port("app")
            let isOver = Mutex(false)
            let answered = Mutex(0)
            let clients = Threads(4) { _ in
                while !isOver.withLock({ $0 }) {
                    _ = try ask(port)
                    answered.withLock { $0 += 1 }
                }
            }
            var answers = 0
            for _ in 0..<4 {
                let before = answered.withLock { $0 }
                _ = eventually { answered.withLock { $0 } > before + 20 }
                let output = try supervisor.baton("restart", "app", "--json")
                #expect(output.status == .exited(0), "\(output)")
                #expect(output.standardOutput.contains(#""restarted":["app"]"#), "\(output)")
                answers = answered.withLock { $0 }
            }
            isOver.withLock { $0 = true }
            try clients.join()
            let service = try supervisor.waitForService("app", "settled") {
                $0.connections.active == 0 && $0.handlers.count == 3
            }
            #expect(Set(service.handlers.map(\.pid)).isDisjoint(with: old))
            #expect(service.connections.refused.isEmpty && service.connections.cut == 0)
            #expect(service.connections.ended == service.connections.accepted && answers > 80)
            #expect(service.connections.spawned == 15)
        }
    }

    @Test("the old one keeps what it holds until its time to drain is over, and gets no more")
    func draining() throws {
        try withSupervisor(table("hold", ", drain: 400ms, stop_grace: 200ms")) { supervisor in
            let port = try supervisor.port("app")
            let patient = try TestSocket.tcp(port: port)
            let old = try supervisor.waitForService("app", "held") { $0.connections.active == 1 }.handlers[0].pid
            supervisor.markBaseline()
            #expect(try supervisor.baton("restart", "app").status == .exited(0))
            let next = try TestSocket.tcp(port: port)
            let service = try supervisor.waitForService("app", "two") { $0.connections.active == 2 }
            #expect(service.handlers.first { $0.pid == old }?.state == "draining")
            #expect(service.handlers.first { $0.pid != old }?.held == 1)
            // DRAIN, then TERM after `drain`: the connection ends with the process.
            #expect(try patient.receiveToEnd().isEmpty)
            try supervisor.waitForService("app", "one") { $0.handlers.count == 1 && $0.connections.active == 1 }
            next.close()
            try supervisor.waitForService("app", "none") { $0.connections.active == 0 }
        }
    }

    @Test("when the new ones do not start, the old ones go on")
    func failing() throws {
        let directory = try TemporaryDirectory()
        let good = try String(contentsOfFile: Repository.path("Tests/Fixtures/supervised.py"), encoding: .utf8)
        let program = try directory.write("handler.py", good)
        try withSupervisor(table("echo", ", handlers: 2, start: eager", program: program)) { supervisor in
            let service = try supervisor.waitForService("app", "ready") {
                $0.handlers.count { $0.state == "ready" } == 2
            }
            supervisor.markBaseline()
            let old = Set(service.handlers.map(\.pid))
            _ = try directory.write("handler.py", "raise SystemExit(7)\n")
            let output = try supervisor.baton("restart", "app")
            #expect(output.status == .exited(1))
            #expect(output.standardError.contains("app: never registered, status 7"), "\(output)")
            let port = try supervisor.port("app")
            for _ in 0..<5 { #expect(old.contains(try ask(port))) }
            try supervisor.waitForService("app", "as before") { Set($0.handlers.map(\.pid)) == old }
            _ = try directory.write("handler.py", good)
            #expect(try supervisor.baton("restart", "app").status == .exited(0))
            #expect(!old.contains(try ask(port)))
            try supervisor.waitForService("app", "two") { $0.handlers.count == 2 }
        }
    }

    @Test("a failed service is tried again at once")
    func failedService() throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write("handler.py", "raise SystemExit(7)\n")
        let more = ", restart: {backoff: {first: 10ms, longest: 60s}, burst: 2, interval: 60s}"
        try withSupervisor(table("echo", more, program: program), leakCheck: false) { supervisor in
            let port = try supervisor.port("app")
            #expect(try TestSocket.tcp(port: port).receiveToEnd().isEmpty)
            try supervisor.waitForService("app", "failed") { $0.state == "failed" }
            #expect(try supervisor.baton("restart", "app").status == .exited(1), "it still does not start")
            let good = try String(contentsOfFile: Repository.path("Tests/Fixtures/supervised.py"), encoding: .utf8)
            _ = try directory.write("handler.py", good)
            #expect(try supervisor.baton("restart", "app").status == .exited(0))
            _ = try ask(port)
            #expect(try supervisor.service("app").state == "ready")
        }
    }

    @Test("what has nothing to restart says so; what does not exist is an error")
    func nothing() throws {
        try withSupervisor(table("echo")) { supervisor in
            let output = try supervisor.baton("restart", "app", "plain")
            #expect(output.status == .exited(0))
            #expect(
                output.standardOutput == """
                    app: nothing to restart: no handler runs; the next connection starts it
                    plain: nothing to restart: each connection starts its program anew

                    """)
            #expect(try supervisor.baton("restart", "plan").status == .exited(1))
            #expect(try supervisor.baton("restart").status == .exited(64))
        }
    }

    @Test("a wait handler is ended, and started again by the next datagram; that is no failure of it")
    func waitHandler() throws {
        let table = """
            services:
              one:
                listen: "udp://127.0.0.1:0"
                wait: true
                # One process: a child that dies a little later could still take the next datagram with it.
                exec: [/bin/sh, -c, "exec cat >/dev/null"]
                trigger_limit: {burst: 1, interval: 60s, backoff: {first: 60s, longest: 60s}}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("one")
            let client = try TestSocket.udp(port: port)
            try client.send("x")
            let first = try supervisor.onlyHandler()
            #expect(try supervisor.baton("restart", "one").status == .exited(0))
            _ = eventually { !first.isAlive }
            try client.send("x")
            let second = try supervisor.onlyHandler()
            #expect(second.pid != first.pid)
            supervisor.markBaseline()
        }
    }
}
