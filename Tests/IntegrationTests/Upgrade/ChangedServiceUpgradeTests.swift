import Foundation
import TestSupport
import Testing

/// What a reload or a person has changed is carried over, too.
@Suite struct ChangedServiceUpgradeTests {
    @Test("what a reload has retired finishes what it has")
    func retired() throws {
        let before = """
            services:
              app: {listen: "127.0.0.1:0", exec: /bin/cat}
              gone: {listen: "127.0.0.1:0", exec: /bin/cat}
            """
        try withSupervisor(before, leakCheck: false) { supervisor in
            let clients = try ["app", "gone"].map { try TestSocket.tcp(port: supervisor.port($0)) }
            for client in clients { #expect(try client.ask() == "hello") }
            let port = try supervisor.port("app")
            try supervisor.reload("services: {app: {listen: \"127.0.0.1:\(port)\", internal: echo}}")
            #expect(try supervisor.service("gone").state == "draining")

            try supervisor.upgrade()
            try supervisor.upgrade()

            #expect(try supervisor.service("gone").state == "draining")
            #expect(try supervisor.service("app").connections.active == 1)
            let new = try TestSocket.tcp(port: port)
            #expect(try new.ask("new") == "new")
            for client in clients { #expect(try client.ask("still") == "still") }
            (clients + [new]).forEach { $0.close() }
            try supervisor.waitForService("app", "done") { $0.connections.ended == 2 && $0.connections.active == 0 }
            #expect(try eventually { try supervisor.status().services.map(\.name) == ["app"] })
            #expect(eventually { supervisor.handlers().isEmpty })
        }
    }

    @Test("handlers that drain behind a roll, and the new ones, go on")
    func rolled() throws {
        func table(_ word: String) -> String {
            """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {exec: ["\(Repository.product("baton-example-handler"))"], start: eager}
                env: {WORD: \(word)}
            """
        }
        try withSupervisor(table("one"), leakCheck: false) { supervisor in
            let old = try supervisor.waitForService("app", "ready") { $0.handlers.map(\.state) == ["ready"] }
            let held = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "held") { $0.connections.active == 1 }
            try supervisor.reload(table("two"))
            try supervisor.waitForService("app", "rolled") { $0.handlers.map(\.state) == ["draining", "ready"] }
            try supervisor.upgrade()
            let now = try supervisor.service("app")
            #expect(now.handlers.first?.pid == old.handlers.first?.pid && now.handlers.count == 2)
            #expect(try held.ask().contains("hello"))
            try supervisor.waitForService("app", "only the new one") { $0.handlers.map(\.state) == ["ready"] }
        }
    }

    @Test("a wait handler of before a reload gives its socket back to whose it is by then")
    func formerWait() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let before = "services: {once: {listen: \"\(path)\", wait: true, exec: [/bin/sleep, \"300\"]}}"
        try withSupervisor(before, in: directory, leakCheck: false) { supervisor in
            let client = try TestSocket.unix(path)
            let handler = try supervisor.onlyHandler()
            try supervisor.reload("services: {echo: {listen: \"\(path)\", internal: echo}}")
            #expect(try supervisor.service("echo").listeners[0].state == "waiting")
            try supervisor.upgrade()
            #expect(try supervisor.service("echo").listeners[0].state == "waiting")
            kill(handler.pid, SIGKILL)
            #expect(try client.ask() == "hello")
            client.close()
            try supervisor.waitForService("echo", "done") { $0.connections.active == 0 }
        }
    }

    @Test("a service that is paused, or stopped, stays so")
    func pausedAndStopped() throws {
        let table = """
            services:
              paused: {listen: "127.0.0.1:0", internal: echo}
              stopped: {listen: "127.0.0.1:0", exec: /bin/cat}
            """
        try withSupervisor(table, leakCheck: false) { supervisor in
            let held = try TestSocket.tcp(port: supervisor.port("stopped"))
            #expect(try held.ask() == "hello")
            let port = try supervisor.port("paused")
            #expect(try supervisor.baton("pause", "paused").status == .exited(0))
            let client = try TestSocket.tcp(port: port)
            let stopping = try supervisor.control()
            try stopping.ask("stop", params: ["services": ["stopped"], "drain": "1h"])
            try supervisor.waitForService("stopped", "draining") { $0.state == "draining" }
            try supervisor.upgrade()
            #expect(try supervisor.status().services.map(\.state) == ["paused", "draining"])
            #expect(try stopping.answer()["error"] != nil)
            #expect(try held.ask("x") == "x")
            held.close()
            try supervisor.waitForService("stopped", "stopped") { $0.state == "disabled" }
            #expect(try supervisor.baton("resume", "paused").status == .exited(0))
            #expect(try client.ask() == "hello")
            client.close()
            #expect(try supervisor.baton("restart", "stopped").status == .exited(0))
            let again = try TestSocket.tcp(port: supervisor.port("stopped"))
            #expect(try again.ask("again") == "again")
            again.close()
            try supervisor.waitForService("stopped", "done") { $0.connections.active == 0 && $0.state == "ready" }
        }
    }

    @Test("no handler is started for a service that stops")
    func stoppingPool() throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {exec: ["\(Repository.product("baton-example-handler"))"], start: eager, handlers: 2}
            """
        try withSupervisor(table, leakCheck: false) { supervisor in
            try supervisor.waitForService("app", "ready") { $0.handlers.map(\.state) == ["ready", "ready"] }
            let held = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "held") { $0.connections.active == 1 }
            let stopping = try supervisor.control()
            try stopping.ask("stop", params: ["services": ["app"], "drain": "1h"])
            let before = try supervisor.waitForService("app", "draining") { $0.handlers.map(\.state) == ["draining"] }
            try supervisor.upgrade()
            let after = try supervisor.service("app")
            #expect(after.handlers.map(\.pid) == before.handlers.map(\.pid))
            #expect(after.connections.spawned == 2)
            #expect(try held.ask().contains("hello"))
            held.close()
            try supervisor.waitForService("app", "stopped") { $0.state == "disabled" }
            #expect(try supervisor.service("app").connections.spawned == 2)
        }
    }

    @Test("the last refusal, the last crash and the timings are told by the new program")
    func memories() throws {
        let table = """
            services:
              closed: {listen: "127.0.0.1:0", internal: echo, no_access: [127.0.0.1]}
              crash: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, "kill -SEGV $$"]}
            """
        try withSupervisor(table) { supervisor in
            for name in ["closed", "crash"] {
                #expect(try TestSocket.tcp(port: supervisor.port(name)).receiveToEnd().isEmpty)
            }
            try supervisor.waitForService("crash", "ended") { $0.connections.ended == 1 }
            try supervisor.upgrade()
            let services = try supervisor.control().result("status") as? [String: Any]
            let list = services?["services"] as? [[String: Any]] ?? []
            #expect((list.first?["last_refusals"] as? [[String: Any]])?.first?["reason"] as? String == "source")
            #expect((list.last?["last_crash"] as? [String: Any])?["reason"] as? String != nil)
            #expect((list.last?["timings"] as? [String: Any])?["spawn"] != nil)
        }
    }
}
