import Foundation
import TestSupport
import Testing

/// A person who knows nothing but `baton status` and `baton events` can say what is wrong.
@Suite struct DiagnosisTests {
    private static let table = """
        services:
          closed: {listen: "127.0.0.1:0", internal: echo, no_access: [127.0.0.0/8]}
          crash: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, "kill -SEGV $$"]}
          app:
            listen: "127.0.0.1:0"
            handoff: {heartbeat: {interval: 100ms, timeout: 100ms}, unresponsive: wait}
          pill: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
          tcp: {listen: "127.0.0.1:0", redirect: "127.0.0.1:1"}
        """

    private func report(_ supervisor: RunningSupervisor, _ service: String) throws -> [String: Any] {
        let result = try supervisor.control().result("status", params: ["services": [service]]) as? [String: Any]
        return try #require((result?["services"] as? [[String: Any]])?.first)
    }

    @Test("which client was refused, and why")
    func refusal() throws {
        try withSupervisor(Self.table) { supervisor in
            let client = try TestSocket.tcp(port: try supervisor.port("closed"))
            #expect(try client.receiveToEnd().isEmpty)
            let peer = try "127.0.0.1:\(client.localPort)"
            let refusals = try #require(report(supervisor, "closed")["last_refusals"] as? [[String: Any]])
            #expect(refusals.count == 1)
            #expect(refusals[0]["reason"] as? String == "source")
            #expect(refusals[0]["peer"] as? String == peer)
            #expect(refusals[0]["connection"] as? String == "1")
            // The log has one line for all of them; the status has the last.
            let again = try TestSocket.tcp(port: try supervisor.port("closed"))
            #expect(try again.receiveToEnd().isEmpty)
            let text = try supervisor.baton("status", "closed").standardOutput
            #expect(text.hasPrefix("healthy: 1 service"))
            #expect(text.contains("last refused (source): 127.0.0.1:\(try again.localPort), connection 2"))
            let events = try supervisor.baton("events", "--event", "refused").standardOutput
            #expect(events.contains("closed: refused: its source is not admitted (connection 1 from \(peer))"))
        }
    }

    @Test("why nobody serves yet: no handler has registered, or one is starting still")
    func nobodyYet() throws {
        let table =
            Self.table + """

                  slow:
                    listen: "127.0.0.1:0"
                    handoff: {exec: [/bin/sleep, "60"], start: eager}
                """
        try withSupervisor(table) { supervisor in
            #expect(try report(supervisor, "pill")["reason"] as? String == "no handler has registered")
            let handler = try RegisteredHandler("pill", at: supervisor)
            #expect(try report(supervisor, "pill")["reason"] == nil)
            handler.die()
            try supervisor.waitForService("slow", "started") { $0.handlers.count == 1 }
            let text = try supervisor.baton("status", "slow").standardOutput
            #expect(text.contains("handler 2 (supervised, pid ") || text.contains("handler 1 (supervised, pid "))
            #expect(text.contains(") starting for ") && !text.contains("sign of life"))
        }
    }

    @Test("what the last crash was, and for whom")
    func crash() throws {
        try withSupervisor(Self.table) { supervisor in
            let client = try TestSocket.tcp(port: try supervisor.port("crash"))
            _ = try? client.receiveToEnd()
            try supervisor.waitForService("crash", "ended") { $0.connections.ended == 1 }
            let crash = try #require(report(supervisor, "crash")["last_crash"] as? [String: Any])
            #expect((crash["reason"] as? String)?.contains("signal SEGV") == true)
            #expect(crash["peer"] as? String == "127.0.0.1:\(try client.localPort)")
            #expect(crash["connection"] as? String == "1")
            let text = try supervisor.baton("status", "crash").standardOutput
            #expect(text.contains("last crash: pid") && text.contains("SEGV"))

            let handler = try RegisteredHandler("pill", at: supervisor)
            handler.die()
            try supervisor.waitForService("pill", "gone") { $0.handlers.isEmpty }
            let gone = try #require(report(supervisor, "pill")["last_crash"] as? [String: Any])
            #expect(gone["handler"] as? String == "1" && gone["pid"] as? Int == Int(getpid()))
        }
    }

    @Test("which handler is stuck, since when, and with how much; and that it answers again")
    func stuck() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let client = try TestSocket.tcp(port: try supervisor.port("app"))
            try supervisor.waitForService("app", "unresponsive") { $0.handlers.first?.state == "unresponsive" }
            let status = try supervisor.baton("status")
            #expect(status.status == .exited(1))
            let lines = status.standardOutput.split(separator: "\n").map(String.init)
            #expect(lines[0].hasPrefix("not healthy: 5 services, 1 handler, 1 connection"))
            #expect(lines[1].hasPrefix("! app: handler 1 (pid \(getpid())) is unresponsive for"))
            #expect(status.standardOutput.unwrapped.contains("1 unacknowledged for"))
            let row = try #require((report(supervisor, "app")["handlers"] as? [[String: Any]])?.first)
            #expect(row["unresponsive_seconds"] is Double && row["unacknowledged_seconds"] is Double)

            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
            #expect(try supervisor.baton("status").status == .exited(0))
            let names = try EventStream(supervisor, ["services": ["app"], "level": "notice"]).past()
                .compactMap { $0["event"] as? String }
            #expect(names == ["handler_unresponsive", "handler_ready"])
            try handler.done(baton.id)
            client.close()
            handler.die()
        }
    }

    @Test("a handler that was killed for its silence: that it was that, told once and in order")
    func killed() throws {
        let program = Repository.path("Tests/Fixtures/supervised.py")
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff:
                  exec: [/usr/bin/python3, \(program), echo]
                  start: eager
                  heartbeat: {interval: 200ms, timeout: 200ms}
            """
        try withSupervisor(table, leakCheck: false) { supervisor in
            try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
            let stream = try EventStream(supervisor, ["follow": true, "services": ["app"], "level": "notice"])
            try supervisor.onlyHandler().stop()
            #expect(try stream.next()["event"] as? String == "handler_unresponsive")
            let signalled = try stream.next()
            #expect(signalled["event"] as? String == "signalled")
            #expect(signalled["reason"] as? String == "it is unresponsive")
            #expect(try stream.next()["event"] as? String == "exited")
            let gone = try stream.next("handler_gone")
            #expect((gone["reason"] as? String)?.hasPrefix("unresponsive (last sign of life ") == true)
            let crash = try #require(report(supervisor, "app")["last_crash"] as? [String: Any])
            #expect(crash["reason"] as? String == gone["reason"] as? String)
            try stream.finish()
        }
    }

    @Test("what does not start, at which step, with the kernel's word")
    func start() throws {
        let directory = try TemporaryDirectory()
        let program = try directory.write("broken", "#!/nowhere\n", mode: 0o755)
        let table = Self.table + "\n  broken: {listen: \"127.0.0.1:0\", exec: [\(program)]}"
        try withSupervisor(table, in: directory) { supervisor in
            for service in ["broken", "tcp"] {
                let client = try TestSocket.tcp(port: try supervisor.port(service))
                _ = try? client.receiveToEnd()
                try supervisor.waitForService(service, "refused") { !$0.connections.refused.isEmpty }
            }
            let failure = try #require(report(supervisor, "broken")["last_failure"] as? [String: Any])
            #expect(failure["stage"] as? String == "exec")
            #expect(failure["error"] as? String == "No such file or directory")
            let status = try supervisor.baton("status")
            #expect(status.status == .exited(1))
            #expect(status.standardOutput.contains("! broken: last failed at exec: No such file or directory"))
            #expect(status.standardOutput.contains("! tcp: last failed at connect to 127.0.0.1:1: Connection refused"))
            let events = try supervisor.baton("events", "--event", "spawn_failed").standardOutput
            #expect(events.contains("broken: cannot start its program: exec: No such file or directory"))
        }
    }

    @Test("a service that fails for good: when it is tried again")
    func retry() throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {exec: [/bin/false], start: eager, restart: {burst: 1}}}
            """
        try withSupervisor(table, leakCheck: false) { supervisor in
            try supervisor.waitForService("app", "failed") { $0.state == "failed" }
            #expect(try #require(report(supervisor, "app")["retry_seconds"] as? Double) > 0)
            let text = try supervisor.baton("status")
            #expect(text.status == .exited(1))
            #expect(text.standardOutput.contains("next try in"))
        }
    }
}

extension String {
    /// Without the breaks of lines that were too long.
    fileprivate var unwrapped: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
