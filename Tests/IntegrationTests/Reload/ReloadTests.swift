import Foundation
import Glibc
import TestSupport
import Testing

/// `baton reload`: everything is read and checked, then what changed is taken over, and nothing else is touched.
@Suite struct ReloadTests {
    /// A program that says `word` and what it reads.
    static func say(_ word: String) -> String {
        "exec: [/bin/sh, -c, 'while read line; do echo \(word) $line; done']"
    }

    static func table(_ word: String, _ more: String = "") -> String {
        """
        services:
          app: {listen: "127.0.0.1:0", \(say(word))\(more)}
          echo: {listen: "127.0.0.1:0", internal: echo}
        """
    }

    // MARK: What stays

    @Test(
        "the same process, the same sockets, the counters go on; running processes do, and the next is of the new kind")
    func staying() throws {
        try withSupervisor(Self.table("one")) { supervisor in
            let (app, echo) = (try supervisor.port("app"), try supervisor.port("echo"))
            let before = [supervisor.listeners(at: app), supervisor.listeners(at: echo)]
            #expect(before.map(\.count) == [1, 1])
            let old = try TestSocket.tcp(port: app)
            #expect(try old.ask() == "one hello")
            let answer = try supervisor.reload(Self.table("two"))
            #expect(answer.changed.map(\.service) == ["app"])
            #expect(answer.changed[0].keys == ["exec"])
            #expect(answer.changed[0].handlers == "kept")
            #expect(answer.unchanged == 1)
            #expect([supervisor.listeners(at: app), supervisor.listeners(at: echo)] == before)
            #expect(try supervisor.status().pid == supervisor.process.pid)
            let new = try TestSocket.tcp(port: app)
            #expect(try new.ask() == "two hello")
            #expect(try old.ask("still") == "one still")
            let service = try supervisor.service("app")
            #expect(service.connections.accepted == 2 && service.connections.active == 2)
            #expect(try supervisor.reload(Self.table("two")).isEmpty)
        }
    }

    @Test("who waits in the backlog is served after the reload, by what the new table says")
    func backlog() throws {
        try withSupervisor(Self.table("one", ", instances: 1")) { supervisor in
            let port = try supervisor.port("app")
            let first = try TestSocket.tcp(port: port)
            #expect(try first.ask() == "one hello")
            let second = try TestSocket.tcp(port: port)
            try second.send("waited\n")
            try supervisor.waitForService("app", "full") { $0.listeners[0].state == "paused" }
            try supervisor.reload(Self.table("two", ", instances: 1"))
            #expect(!second.isReadable(within: 0.05))
            // And there is room when the table says so.
            try supervisor.reload(Self.table("two", ", instances: 2"))
            #expect(try second.receiveLine() == "two waited")
            #expect(try first.ask() == "one hello")
        }
    }

    // MARK: Looking, and faults

    @Test("--dry-run prints the difference and changes nothing")
    func dryRun() throws {
        try withSupervisor(Self.table("one")) { supervisor in
            let port = try supervisor.port("app")
            let new = """
                limits: {stop_timeout: 3s}
                services:
                  app: {listen: ["127.0.0.1:0", "@\(supervisor.directory.path)"], \(Self.say("two"))}
                  more: {listen: "127.0.0.1:0", internal: echo}
                """
            try supervisor.rewrite(new)
            let output = try supervisor.baton("reload", "--dry-run")
            #expect(output.status == .exited(0))
            #expect(
                output.standardOutput == """
                    changed: limits.stop_timeout
                    added: more
                    removed: echo
                    changed: app: exec, listen
                        listens on unix @\(supervisor.directory.path)
                    unchanged: 0

                    """)
            #expect(output.standardError.isEmpty)
            #expect(try supervisor.status().services.map(\.name) == ["app", "echo"])
            #expect(try TestSocket.tcp(port: port).ask() == "one hello")
            let looked = try supervisor.reload(new, "--dry-run")
            let done = try supervisor.reload(new)
            #expect(looked.added == done.added && looked.removed == done.removed)
            #expect(looked.changed.map(\.keys) == done.changed.map(\.keys))
            #expect(try supervisor.baton("reload").standardOutput == "nothing has changed\n")
            // One socket more, at an abstract name, and echo's went as more's came.
            supervisor.markBaseline()
        }
    }

    @Test("on any fault nothing is touched, all faults are printed, and the exit code is 78")
    func faults() throws {
        try withSupervisor(Self.table("one")) { supervisor in
            let port = try supervisor.port("app")
            let before = supervisor.listeners(at: port)
            let client = try TestSocket.tcp(port: port)
            #expect(try client.ask() == "one hello")
            let bad = """
                services:
                  app: {listen: 1, exec: [/no/such/program]}
                  other: {listen: 2, internal: eko}
                """
            try supervisor.rewrite(bad)
            for options in [[], ["--dry-run"], ["--json"]] {
                let output = try runProgram(
                    Repository.product("baton"),
                    ["reload", "--runtime-directory", supervisor.runtimeDirectory] + options)
                #expect(output.status == .exited(78))
                #expect(output.standardError.contains("baton.yaml:2:26: error: services.app.exec: "), "\(output)")
                #expect(output.standardError.contains("baton.yaml:3:32: error: services.other.internal: "))
                #expect(output.standardOutput.isEmpty)
            }
            try supervisor.log.wait(for: "services.other.internal")
            try supervisor.log.wait(for: "reload failed")
            let reply = try supervisor.control().request("reload")
            let error = try #require(reply["error"] as? [String: Any])
            #expect(error["code"] as? String == "faults")
            #expect((error["faults"] as? [[String: Any]])?.count == 2)
            #expect(supervisor.listeners(at: port) == before)
            #expect(try supervisor.status().services.map(\.name) == ["app", "echo"])
            #expect(try client.ask("still") == "one still")
            #expect(try TestSocket.tcp(port: port).ask() == "one hello")
            try FileManager.default.removeItem(atPath: supervisor.directory.path("baton.yaml"))
            #expect(try supervisor.baton("reload").status == .exited(78), "a table that is gone is a fault, too")
        }
    }

    // MARK: Coming and going

    @Test("a removed service closes its listeners, and what runs finishes; then it is gone")
    func removed() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("s.sock")
        let both = """
            services:
              app: {listen: ["127.0.0.1:0", "\(path)"], \(Self.say("one"))}
              echo: {listen: "127.0.0.1:0", internal: echo}
            """
        let one = "services: {echo: {listen: \"127.0.0.1:0\", internal: echo}}"
        try withSupervisor(one, in: directory) { supervisor in
            #expect(try supervisor.reload(both).added == ["app"])
            let port = try supervisor.port("app")
            let clients = try [TestSocket.tcp(port: port), TestSocket.unix(path)]
            for client in clients { #expect(try client.ask() == "one hello") }
            #expect(try supervisor.reload(one).removed == ["app"])
            #expect(throws: (any Error).self) { try TestSocket.tcp(port: port) }
            #expect(!FileManager.default.fileExists(atPath: path))
            let service = try supervisor.service("app")
            #expect(service.state == "draining" && service.listeners.isEmpty && service.connections.active == 2)
            for client in clients { #expect(try client.ask("still") == "one still") }
            clients.forEach { $0.close() }
            #expect(try eventually { try supervisor.status().services.map(\.name) == ["echo"] })
            try supervisor.log.wait(for: "app: stopped")
        }
    }

    @Test("a service that comes back while it leaves goes on counting; baton stop ends one that takes too long")
    func comingBack() throws {
        let other = "services: {echo: {listen: \"127.0.0.1:0\", internal: echo}}"
        try withSupervisor(Self.table("one")) { supervisor in
            let first = try TestSocket.tcp(port: supervisor.port("app"))
            #expect(try first.ask() == "one hello")
            try supervisor.reload(other)
            #expect(try supervisor.service("app").state == "draining")
            #expect(try supervisor.reload(Self.table("two")).added == ["app"])
            #expect(try supervisor.service("app").state == "ready")
            let second = try TestSocket.tcp(port: supervisor.port("app"))
            #expect(try second.ask() == "two hello")
            #expect(try first.ask() == "one hello")
            #expect(try supervisor.service("app").connections.accepted == 2)
            try supervisor.reload(other)
            let output = try supervisor.baton("stop", "app", "--drain", "10ms")
            #expect(output.status == .exited(0), "\(output)")
            #expect(try first.receiveToEnd().isEmpty)
            #expect(try second.receiveToEnd().isEmpty)
            #expect(try eventually { try supervisor.status().services.map(\.name) == ["echo"] })
            try supervisor.reload(Self.table("two"))
            #expect(try TestSocket.tcp(port: supervisor.port("app")).ask() == "two hello")
        }
    }

    @Test("enabled: false finishes what runs and true brings it back, the counters with it")
    func enabling() throws {
        try withSupervisor(Self.table("one")) { supervisor in
            let port = try supervisor.port("app")
            let client = try TestSocket.tcp(port: port)
            #expect(try client.ask() == "one hello")
            let answer = try supervisor.reload(Self.table("one", ", enabled: false"))
            #expect(answer.changed[0].keys == ["enabled"] && answer.changed[0].handlers == "draining")
            #expect(throws: (any Error).self) { try TestSocket.tcp(port: port) }
            #expect(try supervisor.service("app").state == "draining")
            #expect(try client.ask("still") == "one still")
            client.close()
            try supervisor.waitForService("app", "disabled") { $0.state == "disabled" }
            try supervisor.reload(Self.table("two"))
            #expect(try TestSocket.tcp(port: supervisor.port("app")).ask() == "two hello")
            #expect(try supervisor.service("app").connections.accepted == 2)
        }
    }

    @Test("what was stopped stays stopped, unless the table says something else of it")
    func stopped() throws {
        try withSupervisor(Self.table("one")) { supervisor in
            #expect(try supervisor.baton("stop", "app").status == .exited(0))
            #expect(try supervisor.reload(Self.table("one")).isEmpty)
            #expect(try supervisor.service("app").state == "disabled")
            let answer = try supervisor.reload(Self.table("two"))
            #expect(answer.changed[0].notes == ["it was stopped, and is started again"])
            #expect(try TestSocket.tcp(port: supervisor.port("app")).ask() == "two hello")
        }
    }

    // MARK: Another way

    @Test("where the way changes the old one finishes beside the new one, and limits hold over both")
    func otherWay() throws {
        let handler = Repository.path("Tests/Fixtures/supervised.py")
        func table(_ way: String) -> String {
            "services: {app: {listen: \"127.0.0.1:0\", instances: 2, \(way)}}"
        }
        let ways = [
            Self.say("sh"), "handoff: {exec: [/usr/bin/python3, \(handler), hold]}, connections: 2", "internal: echo",
            Self.say("sh"),
        ]
        try withSupervisor(table(ways[0])) { supervisor in
            let port = try supervisor.port("app")
            let listeners = supervisor.listeners(at: port)
            var clients = [try TestSocket.tcp(port: port)]
            #expect(try clients[0].ask() == "sh hello")
            #expect(try supervisor.reload(table(ways[1])).changed[0].handlers == "draining")
            clients.append(try TestSocket.tcp(port: port))
            try supervisor.waitForService("app", "both") { $0.connections.active == 2 && $0.handlers.count == 1 }
            // Two are all that `connections` lets in, the process of before included.
            let third = try TestSocket.tcp(port: port)
            try supervisor.waitForService("app", "full") { $0.state == "limited" }
            #expect(try clients[0].ask("still") == "sh still")
            try supervisor.reload(table(ways[2]))
            #expect(!third.isReadable(within: 0.05), "instances counts both")
            clients[0].close()
            #expect(try third.ask() == "hello")
            let service = try supervisor.service("app")
            #expect(service.dispatch == "internal" && service.handlers.map(\.state) == ["draining"])
            try supervisor.reload(table(ways[3]))
            #expect(try third.ask("still") == "still")
            clients[1].close()
            #expect(try TestSocket.tcp(port: port).ask() == "sh hello")
            third.close()
            try supervisor.waitForService("app", "settled") { $0.connections.active == 0 && $0.handlers.isEmpty }
            #expect(supervisor.listeners(at: port) == listeners)
        }
    }
}
