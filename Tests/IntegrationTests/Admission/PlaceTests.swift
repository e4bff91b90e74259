import Glibc
import TestSupport
import Testing

/// per_source and connections: a place is given back whatever way the connection ends.
@Suite struct PlaceTests {
    /// Two connections from 127.0.0.5 are served; a third is not; another source is.
    private func fill(_ port: UInt16) throws -> [TestSocket] {
        let held = try (0..<2).map { _ in try TestSocket.tcp(port: port, from: "127.0.0.5") }
        for client in held { #expect(try client.isServed()) }
        #expect(try TestSocket.tcp(port: port, from: "127.0.0.5").end() == .closed)
        #expect(try TestSocket.tcp(port: port, from: "127.0.0.6").isServed())
        return held
    }

    @Test(
        "exec and internal: given back when the process, or the connection, ends",
        arguments: [
            "exec: [/bin/cat]", "internal: echo",
        ])
    func ended(_ dispatch: String) throws {
        let table = "services:\n  app: {listen: \"127.0.0.1:0\", \(dispatch), per_source: 2}"
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("app")
            for round in 1...3 {
                let held = try fill(port)
                let refused = try supervisor.service("app").connections.refused
                #expect(refused == ["per_source": round])
                held.forEach { $0.close() }
                try supervisor.waitForService("app", "ended") { $0.connections.active == 0 }
            }
        }
    }

    @Test("exec: given back when the program cannot be started")
    func failedSpawn() throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", exec: [/bin/cat], directory: /nowhere, per_source: 1}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("app")
            for _ in 0..<4 { #expect(try TestSocket.tcp(port: port).end() == .closed) }
            let service = try supervisor.waitForService("app", "refused") {
                $0.connections.refused.values.reduce(0, +) == 4
            }
            #expect(service.connections.refused == ["spawn": 4])
        }
    }

    private static let handoff = """
        services:
          app:
            listen: "127.0.0.1:0"
            handoff: {heartbeat: false}
            per_source: 2
        """

    @Test("handoff: given back by DONE")
    func done() throws {
        try withSupervisor(Self.handoff) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            for round in 0..<3 {
                let clients = try (0..<2).map { _ in try TestSocket.tcp(port: port) }
                let batons = try clients.map { _ in try handler.receiveBaton() }
                for baton in batons { try handler.acknowledge(baton.id) }
                #expect(try TestSocket.tcp(port: port).end() == .closed)
                #expect(try supervisor.service("app").connections.refused == ["per_source": round + 1])
                try handler.done(batons[0].id, batons[1].id)
                try supervisor.waitForService("app", "ended") { $0.connections.active == 0 }
                clients.forEach { $0.close() }
            }
            handler.die()
        }
    }

    @Test("handoff: given back by the handler's death, kill -9 included")
    func death() throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {exec: [/usr/bin/python3, \(Repository.path("Tests/Fixtures/supervised.py")), echo]}
                per_source: 1
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("app")
            for round in 1...2 {
                // The handler waits for a line.
                let client = try TestSocket.tcp(port: port)
                try supervisor.waitForService("app", "active") { $0.connections.active == 1 }
                #expect(try TestSocket.tcp(port: port).end() == .closed)
                #expect(try supervisor.service("app").connections.refused == ["per_source": round])
                kill(try supervisor.onlyHandler().pid, SIGKILL)
                try supervisor.waitForService("app", "cut") { $0.connections.cut == round }
                client.close()
            }
            let last = try TestSocket.tcp(port: port)
            try last.send("hello\n")
            #expect(try !last.receiveText().isEmpty)
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }
            supervisor.markBaseline()
        }
    }

    @Test("connections: what handlers hold and what is queued, together", arguments: ["refuse", "wait"])
    func connections(_ onLimit: String) throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {heartbeat: false}
                connections: 3
                on_limit: \(onLimit)
            """
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor, capacity: 2)
            let port = try supervisor.port("app")
            let clients = try (0..<3).map { _ in try TestSocket.tcp(port: port) }
            let batons = try (0..<2).map { _ in try handler.receiveBaton() }
            try handler.acknowledge(batons[1].id)
            try supervisor.waitForService("app", "full") {
                $0.connections.active == 2 && $0.connections.queued == 1 && $0.state == "limited"
            }
            let fourth = try TestSocket.tcp(port: port)
            if onLimit == "refuse" {
                #expect(try fourth.end() == .closed)
                #expect(try supervisor.service("app").connections.refused == ["connections": 1])
            }
            try handler.done(batons[0].id)
            let third = try handler.receiveBaton()
            try handler.acknowledge(third.id)
            try handler.done(batons[1].id)
            if onLimit == "wait" {
                let last = try handler.receiveBaton()
                try handler.acknowledge(last.id)
                try handler.done(last.id)
            }
            try handler.done(third.id)
            try supervisor.waitForService("app", "ended") { $0.connections.active + $0.connections.queued == 0 }
            clients.forEach { $0.close() }
            handler.die()
        }
    }

    @Test("connections: a place that is given back lets the next one in, also when nobody is in the queue")
    func placeGivenBack() throws {
        let table = "services: {app: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false}, connections: 1}}"
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let clients = try (0..<2).map { _ in try TestSocket.tcp(port: supervisor.port("app")) }
            let first = try handler.receiveBaton()
            try handler.acknowledge(first.id)
            try supervisor.waitForService("app", "full") { $0.listeners[0].state == "paused" }
            try handler.done(first.id)
            let second = try handler.receiveBaton()
            try handler.acknowledge(second.id)
            try handler.done(second.id)
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 2 }
            clients.forEach { $0.close() }
            handler.die()
        }
    }
}
