import Glibc
import TestSupport
import Testing

/// Several handlers of one service: how many, and which of them gets a connection (handoff.md, `handlers`, `balance`).
@Suite struct PoolTests {
    private func table(_ behaviour: String, _ more: String) -> String {
        """
        services:
          app:
            listen: "127.0.0.1:0"
            handoff: {exec: [/usr/bin/python3, \(Repository.path("Tests/Fixtures/supervised.py")), \(behaviour)], \(more)}
        """
    }

    private func ask(_ port: UInt16, from host: String = "127.0.0.1") throws -> pid_t {
        let client = try TestSocket.bound(host: host)
        try client.connect(to: SocketName(host: "127.0.0.1", port: port))
        try client.send("hello\n")
        let words = try client.receiveText().split(separator: " ")
        guard let pid = words.first.flatMap({ pid_t($0) }) else { throw TestFailure("no answer: \(words)") }
        return pid
    }

    @Test("a fixed number: all of them are started by the first connection, and one that dies is started again")
    func fixedNumber() throws {
        try withSupervisor(table("echo", "handlers: 3, restart: {backoff: {first: 20ms}}")) { supervisor in
            let port = try supervisor.port("app")
            #expect(supervisor.handlers().isEmpty)
            _ = try ask(port)
            var service = try supervisor.waitForService("app", "ready") {
                $0.handlers.count { $0.state == "ready" } == 3
            }
            supervisor.markBaseline()
            let first = try #require(service.handlers.first).pid
            kill(first, SIGKILL)
            service = try supervisor.waitForService("app", "ready again") {
                $0.handlers.count { $0.state == "ready" } == 3 && !$0.handlers.contains { $0.pid == first }
            }
            #expect(service.connections.spawned == 4)
        }
    }

    @Test("growth when all are at capacity, up to max; the rest queues; shrinking to min when they are idle")
    func growthAndShrinking() throws {
        let more = "capacity: 2, handlers: {min: 1, max: 3, idle: 300ms}"
        try withSupervisor(table("hold", more)) { supervisor in
            let port = try supervisor.port("app")
            var clients = [try TestSocket.tcp(port: port), try TestSocket.tcp(port: port)]
            try supervisor.waitForService("app", "held") { $0.handlers.first?.held == 2 }
            #expect(supervisor.handlers().count == 1)
            supervisor.markBaseline()
            for _ in 0..<4 { clients.append(try TestSocket.tcp(port: port)) }
            var service = try supervisor.waitForService("app", "grown") { $0.connections.active == 6 }
            #expect(service.handlers.map(\.held) == [2, 2, 2])
            clients.append(try TestSocket.tcp(port: port))
            service = try supervisor.waitForService("app", "queued") { $0.connections.queued == 1 }
            #expect(service.handlers.map(\.state) == ["busy", "busy", "busy"])
            clients[2].close()
            try supervisor.waitForService("app", "taken") { $0.connections.queued == 0 && $0.connections.active == 6 }
            clients.forEach { $0.close() }
            service = try supervisor.waitForService("app", "shrunk") { $0.handlers.count == 1 }
            #expect(service.connections.ended == 7 && service.connections.cut == 0)
            #expect(service.connections.spawned == 3)
        }
    }

    @Test("round_robin: one handler after the other")
    func roundRobin() throws {
        try withSupervisor(table("echo", "handlers: 3, start: eager, balance: round_robin")) { supervisor in
            try supervisor.waitForService("app", "ready") { $0.handlers.count { $0.state == "ready" } == 3 }
            supervisor.markBaseline()
            let port = try supervisor.port("app")
            let pids = try (0..<9).map { _ in try ask(port) }
            #expect(Set(pids).count == 3)
            #expect(Array(pids[0..<3]) == Array(pids[3..<6]) && Array(pids[0..<3]) == Array(pids[6..<9]))
        }
    }

    @Test("source: the same handler for each source, also after one that died was replaced")
    func source() throws {
        let more = "handlers: 3, start: eager, balance: source, restart: {backoff: {first: 20ms}}"
        try withSupervisor(table("echo", more)) { supervisor in
            try supervisor.waitForService("app", "ready") { $0.handlers.count { $0.state == "ready" } == 3 }
            supervisor.markBaseline()
            let port = try supervisor.port("app")
            let hosts = (1...24).map { "127.0.0.\($0)" }
            let pids = try hosts.map { try ask(port, from: $0) }
            #expect(Set(pids).count == 3)
            #expect(try hosts.map { try ask(port, from: $0) } == pids)
            kill(pids[0], SIGKILL)
            let service = try supervisor.waitForService("app", "ready again") {
                $0.handlers.count { $0.state == "ready" } == 3 && !$0.handlers.contains { $0.pid == pids[0] }
            }
            let new = try #require(service.handlers.first { !pids.contains($0.pid) }).pid
            #expect(try hosts.map { try ask(port, from: $0) } == pids.map { $0 == pids[0] ? new : $0 })
        }
    }

    @Test("idle_exit: a handler with nothing to do leaves, and the next connection brings another")
    func idleExit() throws {
        try withSupervisor(table("echo", "handlers: 2, idle_exit: 200ms")) { supervisor in
            let port = try supervisor.port("app")
            let first = try ask(port)
            let service = try supervisor.waitForService("app", "idle") { $0.state == "idle" && $0.handlers.isEmpty }
            #expect(service.connections.spawned == 2)
            #expect(try ask(port) != first)
            try supervisor.waitForService("app", "idle again") { $0.handlers.isEmpty && $0.connections.ended == 2 }
        }
    }

    @Test("regression: idle_exit counts from the end of a connection that has outlasted it")
    func idleExitAfterLongConnection() throws {
        try withSupervisor(table("hold", "idle_exit: 200ms")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "held") { $0.connections.active == 1 }
            idleInterval(seconds: 0.5)
            client.close()
            try supervisor.waitForService("app", "idle") { $0.state == "idle" && $0.handlers.isEmpty }
        }
    }

    @Test("registered handlers serve beside supervised ones; at capacity of all, another is started")
    func besideRegistered() throws {
        let more = "capacity: 1, handlers: {max: 2, idle: 60s}"
        try withSupervisor(table("hold", more)) { supervisor in
            let registered = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let first = try TestSocket.tcp(port: port)
            let baton = try registered.receiveBaton()
            try registered.acknowledge(baton.id)
            #expect(supervisor.handlers().isEmpty, "none of ours is needed yet")
            let more = try (0..<2).map { _ in try TestSocket.tcp(port: port) }
            let service = try supervisor.waitForService("app", "all held") { $0.connections.active == 3 }
            #expect(service.handlers.map(\.kind).sorted() == ["registered", "supervised", "supervised"])
            supervisor.markBaseline()
            baton.socket.close()
            try registered.done(baton.id)
            #expect(try first.receiveToEnd().isEmpty)
            registered.die()
            more.forEach { $0.close() }
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 3 && $0.handlers.count == 2 }
            supervisor.markBaseline()
        }
    }
}
