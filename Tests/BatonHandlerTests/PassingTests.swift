import BatonHandler
import HandoffProtocol
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

/// PASS and tasks, against a supervisor that a test plays.
@Suite(.timeLimit(.minutes(5))) struct PassingTests {
    /// Runs a handler's tasks beside `script`, and answers how it ended.
    private func run(
        _ body: @escaping @Sendable (Connection) async throws -> Void,
        script: @escaping @Sendable (FakeSupervisor) throws -> Void
    ) async throws -> HandlerError? {
        let supervisor = try FakeSupervisor()
        let configuration = HandlerConfiguration(service: "echo", channel: supervisor.handlersEnd)
        async let ran: HandlerError? = {
            do throws(HandlerError) {
                try await Handler.run(configuration, body)
                return nil
            } catch {
                return error
            }
        }()
        do {
            try await onThread { try script(supervisor) }
        } catch {
            supervisor.hangUp()
            _ = await ran
            throw error
        }
        supervisor.hangUp()
        return await ran
    }

    @Test("each connection is a task; it ends when the task does, and a drain lets all finish")
    func tasks() async throws {
        let error = try await run { connection in
            while let line = try await connection.readLine() { try await connection.write(line) }
        } script: { supervisor in
            try supervisor.welcome()
            let clients = try (0..<3).map { _ in
                let client = try supervisor.baton(drained: "drained\n")
                _ = try supervisor.receive()
                return client
            }
            try supervisor.send(.drain)
            for (index, client) in clients.enumerated().reversed() {
                try client.write("and sent\n")
                client.finishWriting()
                #expect(try client.readAll() == "drained\nand sent\n")
                #expect(try supervisor.receive() == .done([UInt64(index + 1)]))
            }
            #expect(try supervisor.receive() == nil, "it has finished, and closed its channel")
        }
        #expect(error == nil)
    }

    @Test("PASS takes what was read ahead along; taken, the copy is closed without a shutdown and no DONE is said")
    func taken() async throws {
        let outcomes = Mutex<[PassOutcome]>([])
        _ = try await run { connection in
            #expect(try await connection.readLine() == Array("head\n".utf8))
            let outcome = try await connection.pass(to: "other")
            outcomes.withLock { $0.append(outcome) }
            #expect(throws: HandlerError.ended) { try connection.write("not mine any more") }
        } script: { supervisor in
            try supervisor.welcome()
            let client = try supervisor.baton(drained: "head\nrest")
            #expect(try supervisor.receive() == .acknowledge(upTo: 1))
            let (pass, passed) = try supervisor.receivePass()
            #expect(pass == .init(id: 1, service: "other", drained: Array("rest".utf8)))
            try supervisor.send(.passed(id: 1, .taken))
            try supervisor.send(.ping(id: 5))
            #expect(try supervisor.receive() == .pong(id: 5), "no DONE before it")
            try passed.write("served elsewhere")
            passed.close()
            #expect(try client.readAll() == "served elsewhere")
        }
        #expect(outcomes.withLock { $0 } == [.taken])
    }

    @Test("a connection that was refused is the program's as before, with what it had read ahead")
    func refused() async throws {
        _ = try await run { connection in
            connection.unread(Array("back ".utf8))
            #expect(try await connection.pass(to: nil) == .refused(reason: "no_handler"))
            try await connection.write(try await connection.readLine() ?? [])
        } script: { supervisor in
            try supervisor.welcome()
            let client = try supervisor.baton(drained: "drained\n")
            _ = try supervisor.receive()
            let (pass, passed) = try supervisor.receivePass()
            #expect(pass == .init(id: 1, service: "", drained: Array("back drained\n".utf8)))
            passed.close()
            try supervisor.send(.passed(id: 1, .refused(reason: "no_handler")))
            #expect(try client.readAll() == "back drained\n")
            #expect(try supervisor.receive() == .done([1]))
        }
    }

    @Test("when the channel ends before the answer, who passes is told, and keeps the connection")
    func channelEnds() async throws {
        _ = try await run { connection in
            await #expect(throws: HandlerError.supervisorGone) { try await connection.pass(to: "other") }
            try await connection.write("mine")
        } script: { supervisor in
            try supervisor.welcome()
            let client = try supervisor.baton()
            _ = try supervisor.receive()
            let (_, passed) = try supervisor.receivePass()
            passed.close()
            supervisor.hangUp()
            #expect(try client.readAll() == "mine")
        }
    }

    @Test("40 connections may be passed at once, and each gets its own answer")
    func many() async throws {
        let taken = Mutex(0)
        _ = try await run { connection in
            if try await connection.pass(to: "other") == .taken { taken.withLock { $0 += 1 } }
        } script: { supervisor in
            try supervisor.welcome()
            let clients = try (0..<40).map { _ in try supervisor.baton() }
            var open: Set<UInt64> = []
            var seen = 0
            while seen < 40 {
                guard let message = try supervisor.receive() else { break }
                guard case .pass(let pass) = message else { continue }
                seen += 1
                open.insert(pass.id)
                #expect(open.count <= 32, "more than the supervisor leaves room for")
                if open.count == 32 || seen == 40 {
                    for id in open {
                        try supervisor.send(.passed(id: id, id % 2 == 0 ? .taken : .refused(reason: "x")))
                    }
                    open = []
                }
            }
            withExtendedLifetime(clients) {}
        }
        #expect(taken.withLock { $0 } == 20)
    }

    @Test("a cancelled task: what it waits for is cancelled, and its connection ends")
    func cancelled() async throws {
        let supervisor = try FakeSupervisor()
        let configuration = HandlerConfiguration(service: "echo", channel: supervisor.handlersEnd)
        let error = Mutex<HandlerError?>(nil)
        let task = Task {
            try await Handler.run(configuration) { connection in
                do throws(HandlerError) {
                    try await connection.write("here")
                    _ = try await connection.read()
                } catch let thrown {
                    error.withLock { $0 = thrown }
                }
            }
        }
        try await onThread {
            try supervisor.welcome()
            let client = try supervisor.baton()
            #expect(try supervisor.receive() == .acknowledge(upTo: 1))
            #expect(try client.read() == "here")
            task.cancel()
            #expect(try client.readAll() == "")
            var said: [HandlerMessage] = []
            while let message = try supervisor.receive() { said.append(message) }
            #expect(Set(said) == [.drain, .done([1])])
        }
        try await task.value
        #expect(error.withLock { $0 } == .cancelled)
    }

    @Test("a socket from elsewhere is passed under a number with the top bit set")
    func elsewhere() async throws {
        let supervisor = try FakeSupervisor()
        let handler = try Handler(HandlerConfiguration(service: "echo", channel: supervisor.handlersEnd))
        let pair = try Socket.pair(.stream)
        let number = pair.theirs.rawValue
        async let outcome = handler.pass(descriptor: number, to: "other", drained: [1, 2])
        try await onThread {
            try supervisor.welcome()
            let (pass, passed) = try supervisor.receivePass()
            #expect(pass.isFromElsewhere && pass.service == "other" && pass.drained == [1, 2])
            passed.close()
            try supervisor.send(.passed(id: pass.id, .taken))
        }
        #expect(try await outcome == .taken)
        supervisor.hangUp()
    }
}
