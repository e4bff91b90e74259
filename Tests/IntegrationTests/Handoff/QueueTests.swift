import Glibc
import TestSupport
import Testing

/// Capacity, the window and the queue: a slow handler slows its own clients only (handoff.md, promises 3, 5 and 6).
@Suite struct QueueTests {
    private static let table = """
        services:
          app:
            listen: {address: "127.0.0.1:0", name: front}
            handoff: {heartbeat: false, queue: {size: 1024, timeout: 30s}}
            per_source: unlimited
          other: {listen: "127.0.0.1:0", handoff: {register: false}}
        """

    @Test("capacity: no more than it, the rest in the queue; CAPACITY changes it, DONE gives places back")
    func capacity() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor, capacity: 2)
            let port = try supervisor.port("app")
            let clients = try (0..<5).map { _ in try TestSocket.tcp(port: port) }
            let first = try (0..<2).map { _ in try handler.receiveBaton() }
            try handler.acknowledge(2)
            try supervisor.waitForService("app", "full") {
                $0.connections.queued == 3 && $0.handlers.first?.state == "busy"
            }
            #expect(!handler.channel.isReadable(within: 0.05))
            try handler.done(first[0].id)
            let third = try handler.receiveBaton()
            try handler.send(HandlerMessage(.capacity, body: .init(integer: UInt32(4))))
            let rest = try (0..<2).map { _ in try handler.receiveBaton() }
            try handler.acknowledge(5)
            try handler.done(first[1].id, third.id, rest[0].id, rest[1].id)
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 5 }
            clients.forEach { $0.close() }
            handler.die()
        }
    }

    @Test("at most 64 unacknowledged batons stand on a channel, whatever its capacity")
    func window() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let clients = try (0..<100).map { _ in try TestSocket.tcp(port: port) }
            try supervisor.waitForService("app", "all accepted") { $0.connections.accepted == 100 }
            let service = try supervisor.service("app")
            #expect(service.handlers.first?.unacknowledged == 64)
            #expect(service.connections.active + service.connections.queued == 100)
            var batons: [ReceivedBaton] = []
            while batons.count < 100 {
                batons.append(try handler.receiveBaton())
                try handler.acknowledge(UInt64(batons.count))
            }
            for baton in batons { try handler.done(baton.id) }
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 100 }
            clients.forEach { $0.close() }
            handler.die()
        }
    }

    @Test("2,000 connections to a handler that does not read its channel for a second all arrive, in order")
    func slowReader() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let begin = Deadline.now()
            let clients = try (0..<2000).map { number in
                let client = try TestSocket.tcp(port: port)
                try client.send("\(number)\n")
                return client
            }
            idleInterval(seconds: max(0, 1 - Double(Deadline.now() - begin) / 1e9))
            for number in 0..<2000 {
                let baton = try handler.receiveBaton()
                try handler.acknowledge(baton.id)
                #expect(try baton.socket.receiveLine() == "\(number)")
                try baton.socket.send("\(number)")
                baton.socket.close()
                try handler.done(baton.id)
            }
            for (number, client) in clients.enumerated() {
                #expect(try client.receiveText() == "\(number)")
            }
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 2000 }.connections
            #expect(counts.refused.isEmpty && counts.cut == 0 && counts.lost == 0)
            handler.die()
        }
    }

    @Test("a full queue makes the listener leave the poll set; other services go on, and everybody is served")
    func fullQueue() throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: false, queue: {size: 4, timeout: 30s}}}
              echo: {listen: "127.0.0.1:0", internal: echo}
            """
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor, capacity: 1)
            let port = try supervisor.port("app")
            let clients = try (0..<20).map { _ in try TestSocket.tcp(port: port) }
            try supervisor.waitForService("app", "full") { $0.listeners[0].state == "paused" }
            #expect(try supervisor.service("app").connections.accepted <= 6)
            let echo = try TestSocket.tcp(port: supervisor.port("echo"))
            try echo.send("x")
            #expect(try echo.receive(exactly: 1) == [UInt8(ascii: "x")])
            for _ in clients {
                let baton = try handler.receiveBaton()
                try handler.acknowledge(baton.id)
                try handler.done(baton.id)
            }
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 20 }.connections
            #expect(counts.refused.isEmpty)
            handler.die()
        }
    }

    @Test("queue.timeout: who waits too long is refused as queue_timeout")
    func queueTimeout() throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: false, queue: {size: 10, timeout: 300ms}}}
            """
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor, capacity: 1)
            let port = try supervisor.port("app")
            let served = try TestSocket.tcp(port: port)
            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            let waiting = try TestSocket.tcp(port: port)
            #expect(try waiting.receiveToEnd().isEmpty)
            try supervisor.waitForService("app", "refused") { $0.connections.refused == ["queue_timeout": 1] }
            try baton.socket.send("fine")
            baton.socket.close()
            #expect(try served.receiveText() == "fine")
            try handler.done(baton.id)
            handler.die()
        }
    }
    @Test("queue.timeout: it holds for whoever stands behind one that has been served meanwhile")
    func queueTimeoutOfTheNext() throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: false, queue: {size: 10, timeout: 500ms}}}
            """
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor, capacity: 1)
            let port = try supervisor.port("app")
            let clients = try (0..<3).map { _ in try TestSocket.tcp(port: port) }
            for _ in 0..<2 {
                let baton = try handler.receiveBaton()
                try handler.acknowledge(baton.id)
                if baton.id == 1 { try handler.done(1) }
            }
            #expect(try clients[2].receiveToEnd().isEmpty)
            try supervisor.waitForService("app", "refused") { $0.connections.refused == ["queue_timeout": 1] }
            clients.forEach { $0.close() }
            handler.die()
        }
    }
}
