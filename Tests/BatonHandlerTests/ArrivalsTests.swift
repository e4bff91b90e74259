import BatonHandler
import HandoffProtocol
import LinuxSystem
import Synchronization
import Testing

/// Connections that have come and that nobody has taken yet, against a supervisor that a test plays.
@Suite(.timeLimit(.minutes(5))) struct ArrivalsTests {
    private func register(_ supervisor: FakeSupervisor, reportsEnds: Bool = true) async throws -> Handler {
        let handler = try Handler(
            HandlerConfiguration(service: "echo", reportsEnds: reportsEnds, channel: supervisor.handlersEnd))
        _ = try await onThread { try supervisor.welcome() }
        return handler
    }

    /// The connections that are said to have ended in all that comes until the channel is closed.
    private func ended(_ messages: [HandlerMessage]) -> [UInt64] {
        messages.flatMap { message -> [UInt64] in if case .done(let ids) = message { ids } else { [] } }.sorted()
    }

    private func all(from supervisor: FakeSupervisor) async throws -> [HandlerMessage] {
        try await onThread {
            var messages: [HandlerMessage] = []
            while let message = try supervisor.receive() { messages.append(message) }
            return messages
        }
    }

    /// Sends so many connections, each acknowledged.
    private func deliver(_ count: Int, by supervisor: FakeSupervisor) async throws -> [Client] {
        try await onThread {
            try (1...count).map { number in
                let client = try supervisor.baton()
                #expect(try supervisor.receive() == .acknowledge(upTo: UInt64(number)))
                return client
            }
        }
    }

    @Test("regression: a cancelled task takes what has come, and only then the sequence ends")
    func cancellation() async throws {
        let supervisor = try FakeSupervisor()
        let handler = try await register(supervisor)
        let clients = try await deliver(3, by: supervisor)
        let isCancelled = AsyncStream.makeStream(of: Void.self)
        let serving = Task {
            // It has not begun to take when it is cancelled.
            for await _ in isCancelled.stream {}
            var numbers: [UInt64] = []
            for try await connection in handler.connections {
                numbers.append(connection.number)
                try await connection.write("\(connection.number)")
                connection.end()
            }
            await handler.finished()
            return numbers
        }
        serving.cancel()
        isCancelled.continuation.finish()
        let messages = try await all(from: supervisor)
        #expect(messages.contains(.drain) && ended(messages) == [1, 2, 3])
        try await onThread { () throws -> Void in
            for (index, client) in clients.enumerated() { #expect(try client.readAll() == "\(101 + index)") }
        }
        #expect(try await serving.value == [101, 102, 103])
    }

    @Test("a cancellation ends a wait for connections, also when the supervisor does not read its channel")
    func cancellationWithFullChannel() async throws {
        let supervisor = try FakeSupervisor()
        let handler = try await register(supervisor)
        let serving = Task {
            for try await _ in handler.connections { Issue.record("nothing was sent") }
        }
        try await onThread {
            // More PONGs than the channel has room for, and none is read.
            for id: UInt64 in 1...400 { try supervisor.send(.ping(id: id)) }
        }
        serving.cancel()
        try await serving.value
        supervisor.hangUp()
        await handler.finished()
    }

    @Test("regression: when nobody is left to take connections, those that have come end, and no more are asked for")
    func abandoned() async throws {
        let supervisor = try FakeSupervisor()
        var handler: Handler? = try await register(supervisor)
        let clients = try await deliver(2, by: supervisor)
        #expect(handler != nil)
        handler = nil
        try await onThread { () throws -> Void in
            for client in clients { #expect(try client.readAll() == "") }
        }
        let messages = try await all(from: supervisor)
        #expect(messages.contains(.drain) && ended(messages) == [1, 2])
    }

    @Test("regression: connections that nobody takes have a limit; beyond it there is no ACK, and heartbeats go on")
    func limit() async throws {
        let supervisor = try FakeSupervisor()
        // Without DONE the capacity limits nothing.
        let handler = try await register(supervisor, reportsEnds: false)
        _ = try await deliver(1024, by: supervisor)
        try await onThread {
            for id: UInt64 in 1...3 {
                _ = try supervisor.baton()
                try supervisor.send(.ping(id: id))
                #expect(try supervisor.receive() == .pong(id: id), "and no ACK")
            }
        }
        var iterator = handler.connections.makeAsyncIterator()
        #expect(try await iterator.next()?.number == 101)
        try await onThread {
            #expect(try supervisor.receive() == .acknowledge(upTo: 1027))
            // What is not acknowledged when the program wants no more goes back.
            _ = try supervisor.baton()
            try supervisor.send(.ping(id: 9))
            #expect(try supervisor.receive() == .pong(id: 9))
        }
        handler.drain()
        try await onThread { () throws -> Void in
            #expect(try supervisor.receive() == .negative(id: 1028, reason: "draining"))
            #expect(try supervisor.receive() == .drain)
        }
        var count = 1
        while try await iterator.next() != nil { count += 1 }
        #expect(count == 1027)
        #expect(try await iterator.next() == nil)
        await handler.finished()
    }

    @Test("several tasks take connections, and each hears of the end")
    func severalTakers() async throws {
        let supervisor = try FakeSupervisor()
        let handler = try await register(supervisor)
        let serving = (0..<4).map { _ in
            Task {
                var numbers: [UInt64] = []
                for try await connection in handler.connections { numbers.append(connection.number) }
                return numbers
            }
        }
        try await onThread {
            for _ in 0..<20 { #expect(try supervisor.baton().readAll() == "") }
            try supervisor.send(.drain)
        }
        var taken: [UInt64] = []
        for task in serving { taken += try await task.value }
        #expect(taken.sorted() == Array(101...120))
        async let other: Void = handler.finished()
        await handler.finished()
        await other
    }

    @Test("what is set before there is a supervisor is said when there is one")
    func setBeforeOpening() async throws {
        let directory = try FakeRuntimeDirectory()
        let handler = try Handler(
            HandlerConfiguration(service: "echo", runtimeDirectory: directory.path, reconnects: true))
        handler.setCapacity(7)
        handler.setStatus("warm")
        let messages = try await onThread {
            let supervisor = try directory.accept()
            return [try supervisor.receive(), try supervisor.receive()]
        }
        #expect(messages == [.register(.init(service: "echo", traits: [], capacity: 7)), .status("warm")])
        handler.drain()
        await handler.finished()
    }
}
