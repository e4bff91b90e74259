import Glibc
import TestSupport
import Testing

/// What a handler says after it has broken the protocol, or beside a registration that is over: nobody is served by it
/// any more, and what it has is not given to another (handoff.md, promise 2).
@Suite struct LastWordTests {
    private static let table = """
        services:
          app: {handoff: {heartbeat: false, stop_grace: 20s}}
          front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [app]}}
        """

    /// A connection with drained bytes, on which nothing but the ACK shows who serves it.
    private func send(_ text: String, from front: RegisteredHandler, _ number: UInt64) throws -> TestSocket {
        let (client, socket) = try TestSocket.pair()
        try front.pass(1 << 63 | number, to: "app", drained: Array(text.utf8), socket)
        #expect(try front.receivePassed(1 << 63 | number) == nil)
        return client
    }

    @Test(
        "regression: what a handler acknowledges behind a message that breaks the protocol is given to no other",
        arguments: RegisteredHandler.Transport.allCases)
    func acknowledgedAfterBreach(_ transport: RegisteredHandler.Transport) throws {
        try withSupervisor(Self.table) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let first = try RegisteredHandler.register("app", over: transport, at: supervisor)
            let clients = try (0..<3).map { try send("work \($0)", from: front, $0) }
            let batons = try clients.map { _ in try first.receiveBaton() }
            try first.send(HandlerMessage(.status, body: [0xff]))
            try supervisor.waitForService("app", "let go") { $0.handlers.first?.state == "draining" }
            try first.send(HandlerMessage(.status, body: [0xff]))
            try first.acknowledge(batons[1].id)
            for (baton, client) in zip(batons, clients).prefix(2) {
                try baton.socket.send("served")
                #expect(try client.receive(exactly: 6) == Array("served".utf8))
            }
            first.die()
            let counts = try supervisor.waitForService("app", "gone") { $0.handlers.isEmpty }.connections
            #expect(counts.cut == 2 && counts.requeued == 1, "what it did not acknowledge goes to the next")
            let second = try RegisteredHandler("app", at: supervisor)
            let baton = try second.receiveBaton()
            #expect(baton.isRedelivery && baton.drained == Array("work 2".utf8))
            try second.done(baton.id)
            second.die()
            front.die()
        }
    }

    @Test("regression: what a handler passes on behind a message that breaks the protocol is given to no other")
    func passedAfterBreach() throws {
        try withSupervisor(Self.table) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let (client, socket) = try TestSocket.pair()
            try front.pass(1 << 63, to: "app", drained: [1], socket)
            #expect(try front.receivePassed(1 << 63) == nil)
            let first = try RegisteredHandler("app", at: supervisor)
            let baton = try first.receiveBaton()
            try first.send(HandlerMessage(.status, body: [0xff]))
            try first.pass(baton.id, to: "", drained: [1], baton.socket)
            first.die()
            let counts = try supervisor.waitForService("app", "gone") { $0.handlers.isEmpty }.connections
            #expect(counts.cut == 1 && counts.requeued == 0)
            client.close()
            front.die()
        }
    }

    @Test("where a stream has lost its order an ACK may have been lost: what only it would tell of is cut")
    func illegibleStream() throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [app]}}
            """
        try withSupervisor(table) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let first = try RegisteredHandler.register("app", over: .stream, at: supervisor)
            let client = try send("work", from: front, 0)
            let drained = try first.receiveBaton()
            let tcp = try TestSocket.tcp(port: supervisor.port("app"))
            _ = try first.receiveBaton()
            try first.channel.send([UInt8](repeating: 0xff, count: 20))
            try first.acknowledge(drained.id)
            first.die()
            let second = try RegisteredHandler("app", at: supervisor)
            let baton = try second.receiveBaton()
            #expect(baton.drained.isEmpty, "of a TCP connection the kernel tells that it was not touched")
            try second.done(baton.id)
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }.connections
            #expect(counts.cut == 1 && counts.requeued == 1)
            [client, tcp].forEach { $0.close() }
            second.die()
            front.die()
        }
    }

    @Test("over a pair whose registration connection is closed nothing can be acknowledged: it is the next one's")
    func acknowledgedWithoutLifeline() throws {
        try withSupervisor(Self.table) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let first = try RegisteredHandler.register("app", over: .datagram, at: supervisor)
            let clients = try (0..<2).map { try send("work \($0)", from: front, $0) }
            let batons = try clients.map { _ in try first.receiveBaton() }
            try first.acknowledge(batons[0].id)
            first.lifeline?.close()
            try supervisor.waitForService("app", "let go") { $0.handlers.first?.state == "draining" }
            #expect(throws: TestFailure.self) { try first.acknowledge(batons[1].id) }
            first.channel.close()
            let counts = try supervisor.waitForService("app", "gone") { $0.handlers.isEmpty }.connections
            #expect(counts.cut == 1 && counts.requeued == 1)
            let second = try RegisteredHandler("app", at: supervisor)
            let baton = try second.receiveBaton()
            #expect(baton.drained == Array("work 1".utf8))
            try second.done(baton.id)
            clients.forEach { $0.close() }
            second.die()
            front.die()
        }
    }
}
