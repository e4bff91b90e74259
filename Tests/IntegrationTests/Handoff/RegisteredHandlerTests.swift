import Glibc
import TestSupport
import Testing

/// A handler that Baton did not start, message by message (handoff.md).
@Suite struct RegisteredHandlerTests {
    private static let table = """
        services:
          app:
            listen: {address: "127.0.0.1:0", name: front}
            handoff: {heartbeat: false, queue: {size: 1024, timeout: 30s}}
          other: {listen: "127.0.0.1:0", handoff: {register: false}}
        """

    @Test("a connection arrives with its number and names, is acknowledged, served and ended")
    func wayOfAConnection() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let shown = try supervisor.waitForService("app", "ready") { $0.state == "ready" }.handlers
            #expect(shown.map(\.kind) == ["registered"])
            #expect(shown.map(\.pid) == [ProcessView.own.pid])
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try handler.receiveBaton()
            #expect(baton.id == 1)
            #expect(baton.connection > 0)
            #expect(baton.service == "app")
            #expect(baton.listener == "front")
            #expect(baton.drained.isEmpty && baton.proxyHeader.isEmpty && !baton.isRedelivery)
            #expect(fcntl(baton.socket.descriptor, F_GETFL) & O_NONBLOCK == 0)
            try supervisor.waitForService("app", "unacknowledged") { $0.handlers.first?.unacknowledged == 1 }
            try handler.acknowledge(1)
            try supervisor.waitForService("app", "acknowledged") {
                $0.connections.handed_off == 1 && $0.handlers.first?.unacknowledged == 0
            }
            try client.send("question")
            #expect(try baton.socket.receive(exactly: 8) == Array("question".utf8))
            try baton.socket.send("answer")
            // After the ACK nobody but the handler holds the connection: its close is the client's end of file.
            baton.socket.close()
            #expect(try client.receiveText() == "answer")
            try handler.done(1)
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 && $0.connections.active == 0 }
            handler.die()
            try supervisor.waitForService("app", "idle") { $0.handlers.isEmpty }
        }
    }

    @Test("regression: one that serves in its channel's thread is silent while it has not read what it was sent")
    func silentBeforeReading() throws {
        let table = """
            services: {app: {listen: "127.0.0.1:0", handoff: {heartbeat: {interval: 50ms, timeout: 50ms}}}}
            """
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor, traits: 1)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "unresponsive") { $0.handlers.first?.state == "unresponsive" }
            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            try supervisor.waitForService("app", "busy") { $0.handlers.first?.state != "unresponsive" }
            withExtendedLifetime(client) {}
            handler.die()
        }
    }

    @Test("regression: a reload without heartbeat forgives one that has not answered")
    func forgiven() throws {
        func table(_ heartbeat: String) -> String {
            "services: {app: {listen: '127.0.0.1:0', handoff: {heartbeat: \(heartbeat), unresponsive: wait}}}"
        }
        try withSupervisor(table("{interval: 50ms, timeout: 50ms}")) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            try supervisor.waitForService("app", "unresponsive") { $0.handlers.first?.state == "unresponsive" }
            try supervisor.reload(table("false"))
            try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
            handler.die()
        }
    }

    @Test("ids rise by one from 1, and an ACK acknowledges all up to it")
    func cumulativeAcknowledgement() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let clients = try (0..<5).map { _ in try TestSocket.tcp(port: port) }
            let batons = try clients.map { _ in try handler.receiveBaton() }
            #expect(batons.map(\.id) == [1, 2, 3, 4, 5])
            try handler.acknowledge(5)
            try supervisor.waitForService("app", "all acknowledged") { $0.connections.handed_off == 5 }
            try handler.acknowledge(2)
            try handler.done(2, 1, 3, 5, 4)
            try supervisor.waitForService("app", "all ended") { $0.connections.ended == 5 }
            handler.die()
        }
    }

    @Test("trait 2: a handler that sends no DONE holds its connections until ACK only")
    func noDone() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor, traits: 2, capacity: 1)
            let port = try supervisor.port("app")
            for number in 1...3 {
                let client = try TestSocket.tcp(port: port)
                let baton = try handler.receiveBaton()
                #expect(baton.id == UInt64(number))
                try handler.acknowledge(baton.id)
                baton.socket.close()
                #expect(try client.receiveToEnd().isEmpty)
            }
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 3 }
            handler.die()
        }
    }

    @Test("a handler that asks to drain gets no more and finishes what it has")
    func drainByHandler() throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let client = try TestSocket.tcp(port: port)
            let baton = try first.receiveBaton()
            try first.acknowledge(baton.id)
            try first.drain()
            try supervisor.waitForService("app", "draining") { $0.handlers.first?.state == "draining" }
            let second = try RegisteredHandler("app", at: supervisor)
            let next = try TestSocket.tcp(port: port)
            let another = try second.receiveBaton()
            try second.acknowledge(another.id)
            try baton.socket.send("to the end")
            baton.socket.close()
            #expect(try client.receiveText() == "to the end")
            try first.done(baton.id)
            first.die()
            try second.done(another.id)
            next.close()
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 2 }.connections
            #expect(counts.cut == 0)
            second.die()
        }
    }

    @Test("when the supervisor stops, the handler is told to drain and its clients are served to the end")
    func drainBySupervisor() throws {
        let supervisor = try RunningSupervisor(Self.table)
        let handler = try RegisteredHandler("app", at: supervisor)
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        let baton = try handler.receiveBaton()
        try handler.acknowledge(baton.id)
        try supervisor.waitForService("app", "acknowledged") { $0.connections.handed_off == 1 }
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        #expect(try handler.receiveAnsweringPings().message.kind == .drainHandler)
        try baton.socket.send("goodbye")
        baton.socket.close()
        #expect(try client.receiveText() == "goodbye")
        try handler.done(baton.id)
        handler.die()
        try supervisor.expectEnd(of: family)
    }

    @Test("STATUS is shown by baton status, its control characters escaped on a terminal")
    func statusText() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            try handler.send(HandlerMessage(.status, body: Array("warming \u{1b}[31mup\n".utf8)))
            let service = try supervisor.waitForService("app", "status") {
                $0.handlers.first?.status?.contains("warming") == true
            }
            #expect(service.handlers.first?.pid == ProcessView.own.pid)
            let text = try supervisor.baton("status").standardOutput
            #expect(text.contains("warming") && !text.contains("\u{1b}"), "a terminal is not told what to do")
            handler.die()
        }
    }

    @Test("regression: what waits for an unresponsive handler is sent as soon as it answers, by whatever")
    func answersAgain() throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {heartbeat: {interval: 50ms, timeout: 150ms}, queue: {size: 10, timeout: 60s}}
            """
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let ping = try handler.receive().message
            #expect(ping.kind == .ping)
            try supervisor.waitForService("app", "silent") { $0.handlers.first?.state == "unresponsive" }
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "queued") { $0.connections.queued == 1 }
            try handler.send(HandlerMessage(.pong, id: ping.id))
            try supervisor.waitForService("app", "sent") { $0.connections.queued == 1 && $0.handlers[0].held == 1 }
            let baton = try handler.receiveBaton()
            try handler.done(baton.id)
            client.close()
            handler.die()
        }
    }
}
