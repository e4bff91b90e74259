import BatonHandler
import HandoffProtocol
import LinuxSystem
import Synchronization
import Testing

/// The blocking form, against a supervisor that a test plays.
@Suite(.timeLimit(.minutes(5))) struct ServingTests {
    /// Serves in a thread, plays `script` as the supervisor in another, and answers how serving ended.
    private func serve(
        threads: Int = 8, configuration: HandlerConfiguration = HandlerConfiguration(service: "echo"),
        _ body: @escaping @Sendable (Connection) throws -> Void,
        script: @escaping @Sendable (FakeSupervisor) throws -> Void
    ) async throws -> HandlerError? {
        let supervisor = try FakeSupervisor()
        var configured = configuration
        configured.channel = supervisor.handlersEnd
        let final = configured
        async let served: HandlerError? = onThread {
            do throws(HandlerError) {
                try Handler.serve(final, threads: threads, body)
                return nil
            } catch {
                return error
            }
        }
        do {
            try await onThread { try script(supervisor) }
        } catch {
            supervisor.hangUp()
            _ = try await served
            throw error
        }
        supervisor.hangUp()
        return try await served
    }

    @Sendable private static func echo(_ connection: Connection) throws {
        guard let line = try connection.readLine() else { return }
        try connection.write("\(connection.number) " + String(decoding: line, as: UTF8.self))
    }

    @Test("REGISTER says what the configuration says, and no more than the threads can serve")
    func registers() async throws {
        let configuration = HandlerConfiguration(service: "echo", capacity: 100, reportsEnds: false, status: "up")
        let error = try await serve(threads: 3, configuration: configuration, Self.echo) { supervisor in
            let registration = try supervisor.welcome()
            #expect(registration == .init(service: "echo", traits: .sendsNoDone, capacity: 3))
            #expect(try supervisor.receive() == .status("up"))
            let client = try supervisor.baton()
            #expect(try supervisor.receive() == .acknowledge(upTo: 1))
            try client.write("x\n")
            #expect(try client.readAll() == "101 x\n")
            try supervisor.send(.ping(id: 1))
            #expect(try supervisor.receive() == .pong(id: 1), "trait 2 says no DONE")
        }
        #expect(error == .supervisorGone)
    }

    @Test("A connection is acknowledged before a byte of it is read, and DONE when it has ended")
    func acknowledgesFirst() async throws {
        _ = try await serve(Self.echo) { supervisor in
            try supervisor.welcome()
            let client = try supervisor.baton()
            #expect(try supervisor.receive() == .acknowledge(upTo: 1))
            try client.write("hello\n")
            #expect(try client.readAll() == "101 hello\n")
            #expect(try supervisor.receive() == .done([1]))
        }
    }

    @Test("Heartbeats are answered while every thread serves")
    func heartbeats() async throws {
        _ = try await serve(threads: 1, Self.echo) { supervisor in
            try supervisor.welcome()
            let client = try supervisor.baton()
            #expect(try supervisor.receive() == .acknowledge(upTo: 1))
            for id: UInt64 in [3, 0, .max] {
                try supervisor.send(.ping(id: id))
                #expect(try supervisor.receive() == .pong(id: id))
            }
            try client.write("x\n")
            #expect(try client.readAll() == "101 x\n")
        }
    }

    @Test("More connections than threads are all served")
    func queues() async throws {
        _ = try await serve(threads: 2, Self.echo) { supervisor in
            try supervisor.welcome()
            let clients = try (0..<20).map { _ in try supervisor.baton() }
            for client in clients { try client.write("x\n") }
            for (index, client) in clients.enumerated() { #expect(try client.readAll() == "\(101 + index) x\n") }
        }
    }

    @Test("Without its one descriptor a baton is given back, before any later ACK", arguments: [0, 2])
    func negative(copies: Int) async throws {
        _ = try await serve(Self.echo) { supervisor in
            try supervisor.welcome()
            let lost = try supervisor.baton(copies: copies)
            guard case .negative(id: 1, let reason) = try supervisor.receive() else {
                Issue.record("no NACK")
                return
            }
            #expect(!reason.isEmpty)
            #expect(try lost.readAll() == "", "no descriptor stayed behind")
            let client = try supervisor.baton()
            #expect(try supervisor.receive() == .acknowledge(upTo: 2))
            try client.write("x\n")
            #expect(try client.readAll() == "102 x\n")
            #expect(try supervisor.receive() == .done([2]))
        }
    }

    @Test("DRAIN: what is held is finished, then the channel closes and serving returns")
    func drain() async throws {
        let error = try await serve(Self.echo) { supervisor in
            try supervisor.welcome()
            let client = try supervisor.baton()
            #expect(try supervisor.receive() == .acknowledge(upTo: 1))
            try supervisor.send(.drain)
            try supervisor.send(.ping(id: 5))
            #expect(try supervisor.receive() == .pong(id: 5), "heartbeats go on")
            _ = try supervisor.baton()
            #expect(try supervisor.receive() == .negative(id: 2, reason: "draining"))
            try client.write("bye\n")
            #expect(try client.readAll() == "101 bye\n")
            #expect(try supervisor.receive() == .done([1]))
            #expect(try supervisor.receive() == nil)
        }
        #expect(error == nil)
    }

    @Test("A supervisor that goes away ends serving; what was held is served to its end")
    func gone() async throws {
        let ended = Mutex(0)
        let error = try await serve { connection in
            try Self.echo(connection)
            ended.withLock { $0 += 1 }
        } script: { supervisor in
            try supervisor.welcome()
            let client = try supervisor.baton()
            _ = try supervisor.receive()
            supervisor.hangUp()
            try client.write("x\n")
            #expect(try client.readAll() == "101 x\n")
        }
        #expect(error == .supervisorGone)
        #expect(ended.withLock { $0 } == 1)
    }

    @Test("Regression: a supervisor that is gone before its PING is answered, or its baton taken, is an end")
    func goneBeforeAnswer() async throws {
        let error = try await serve(Self.echo) { supervisor in
            try supervisor.welcome()
            let client = try supervisor.baton()
            for id: UInt64 in 1...3 { try supervisor.send(.ping(id: id)) }
            supervisor.hangUp()
            // It may have been acknowledged all the same, and is served then.
            client.finishWriting()
            #expect(try client.readAll() == "", "nothing of it stays open here")
        }
        #expect(error == .supervisorGone)
    }

    @Test("REJECT is an error with the supervisor's reason, and so is one that is read after the end")
    func reject() async throws {
        for configuration in [HandlerConfiguration(service: "echo"), .init(service: "echo", status: "up")] {
            let error = try await serve(configuration: configuration, Self.echo) { supervisor in
                _ = try supervisor.receive()
                try supervisor.send(.reject(reason: "no such service"))
            }
            #expect(error == .refused("no such service"))
        }
    }

    @Test("What a body throws ends its connection and nothing else")
    func throwing() async throws {
        _ = try await serve { _ in
            throw HandlerError.ended
        } script: { supervisor in
            try supervisor.welcome()
            for _ in 1...3 { #expect(try supervisor.baton().readAll() == "") }
        }
    }

    static let hostileMessages: [[UInt8]] = [
        [1], [UInt8](repeating: 0xff, count: 16), [UInt8](repeating: 0xff, count: 300),
        [UInt8](repeating: 0, count: 65_536), [UInt8](repeating: 0, count: 65_600),
    ]

    @Test("What is no message ends the channel, never the program", arguments: hostileMessages)
    func hostile(bytes: [UInt8]) async throws {
        let error = try await serve(Self.echo) { supervisor in
            try supervisor.welcome()
            let client = try supervisor.baton()
            #expect(try supervisor.receive() == .acknowledge(upTo: 1))
            try supervisor.send(bytes: bytes)
            #expect(try supervisor.receive() == nil)
            try client.write("x\n")
            #expect(try client.readAll() == "101 x\n", "what is held goes on")
        }
        guard case .protocolViolation = error else {
            Issue.record("ended with \(String(describing: error))")
            return
        }
    }

    @Test("A descriptor with a message that carries none is a protocol error, and closed")
    func surplusDescriptor() async throws {
        let error = try await serve(Self.echo) { supervisor in
            try supervisor.welcome()
            let pair = try Socket.pair(.stream)
            let client = Client(try pair.ours.duplicate())
            try supervisor.send(.ping(id: 1), passing: [pair.theirs.borrowed])
            _ = consume pair
            #expect(try supervisor.receive() == nil)
            #expect(try client.readAll() == "")
        }
        guard case .protocolViolation = error else {
            Issue.record("ended with \(String(describing: error))")
            return
        }
    }
}
