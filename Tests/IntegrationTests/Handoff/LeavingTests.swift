import Glibc
import TestSupport
import Testing

/// What becomes of connections when a handler leaves.
@Suite struct LeavingTests {
    private func table(_ more: String = "") -> String {
        """
        services:
          app:
            listen: "127.0.0.1:0"
            handoff:
              exec: [/usr/bin/python3, \(Repository.path("Tests/Fixtures/supervised.py")), hold]
              heartbeat: false
              stop_grace: 200ms
              \(more)
        """
    }

    @Test("regression: what a draining handler held when it was killed is cut, and not counted as ended")
    func killedWhileDraining() throws {
        try withSupervisor(table()) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "held") { $0.connections.handed_off == 1 }
            let old = try supervisor.onlyHandler()
            #expect(try supervisor.baton("restart", "app").status == .exited(0))
            kill(old.pid, SIGKILL)
            let counts = try supervisor.waitForService("app", "gone") { $0.connections.active == 0 }.connections
            #expect(counts.cut == 1 && counts.ended == 0)
            #expect(try client.receiveToEnd().isEmpty)
            supervisor.markBaseline()
        }
    }

    @Test("regression: what a draining handler holds when its time is over is cut with it")
    func terminatedWhileDraining() throws {
        try withSupervisor(table("drain: 200ms")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "held") { $0.connections.handed_off == 1 }
            #expect(try supervisor.baton("restart", "app").status == .exited(0))
            let counts = try supervisor.waitForService("app", "gone") { $0.connections.active == 0 }.connections
            #expect(counts.cut == 1 && counts.ended == 0)
            client.close()
            supervisor.markBaseline()
        }
    }

    private static let beside = """
        services:
          app:
            listen: "127.0.0.1:0"
            handoff: {heartbeat: false, queue: {size: 10, timeout: 60s}}
            exec: [/bin/sh, -c, "echo fallback"]
        """

    @Test("regression: exec beside handoff gets what waits, and what comes back, when the last registered handler goes")
    func lastHandlerDies() throws {
        try withSupervisor(Self.beside) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor, capacity: 1)
            let port = try supervisor.port("app")
            let clients = try (0..<3).map { _ in try TestSocket.tcp(port: port) }
            try supervisor.waitForService("app", "queued") {
                $0.connections.queued == 3 && $0.handlers.first?.unacknowledged == 1
            }
            handler.die()
            for client in clients { #expect(try client.receiveText() == "fallback\n") }
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.active == 0 }.connections
            #expect(counts.ended == 3 && counts.requeued == 1 && counts.refused.isEmpty)
            supervisor.markBaseline()
        }
    }

    @Test("regression: exec beside handoff gets what waits as soon as the last registered handler drains")
    func lastHandlerDrains() throws {
        try withSupervisor(Self.beside) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor, capacity: 1)
            let port = try supervisor.port("app")
            let held = try TestSocket.tcp(port: port)
            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            let waiting = try TestSocket.tcp(port: port)
            try supervisor.waitForService("app", "queued") { $0.connections.queued == 1 }
            try handler.drain()
            #expect(try waiting.receiveText() == "fallback\n")
            try handler.done(baton.id)
            baton.socket.close()
            #expect(try held.receiveToEnd().isEmpty)
            handler.die()
            supervisor.markBaseline()
        }
    }

    @Test("while another registered handler is there the queue waits for it")
    func anotherIsThere() throws {
        try withSupervisor(Self.beside) { supervisor in
            let first = try RegisteredHandler("app", at: supervisor, capacity: 1)
            let port = try supervisor.port("app")
            let client = try TestSocket.tcp(port: port)
            _ = try first.receiveBaton()
            let second = try RegisteredHandler("app", at: supervisor, capacity: 1)
            first.die()
            let baton = try second.receiveBaton()
            try second.done(baton.id)
            client.close()
            second.die()
        }
    }
}
