import BatonHandler
import HandoffProtocol
import LinuxSystem
import SystemPackage
import Testing

/// The asynchronous form, and what a connection can do.
@Suite(.timeLimit(.minutes(5))) struct ConnectionTests {
    private func handler(_ supervisor: FakeSupervisor) async throws -> Handler {
        let handler = try Handler(HandlerConfiguration(service: "echo", channel: supervisor.handlersEnd))
        try await onThread { _ = try supervisor.welcome() }
        return handler
    }

    @Test("The sequence gives connections, ends at DRAIN, and `finished` waits for the last DONE")
    func sequence() async throws {
        let supervisor = try FakeSupervisor()
        let handler = try await handler(supervisor)
        let clients = try await onThread { [try supervisor.baton(), try supervisor.baton()] }
        try supervisor.send(.drain)
        var numbers: [UInt64] = []
        for try await connection in handler.connections {
            numbers.append(connection.number)
            #expect(connection.service == "echo" && connection.listener == "web" && !connection.wasRedelivered)
            try await connection.write("hi")
        }
        #expect(numbers == [101, 102])
        await handler.finished()
        try await onThread { () throws in
            for client in clients { #expect(try client.readAll() == "hi") }
            var messages: [HandlerMessage] = []
            while let message = try supervisor.receive() { messages.append(message) }
            let done = messages.flatMap { if case .done(let ids) = $0 { ids } else { [UInt64]() } }
            #expect(done.sorted() == [1, 2], "every connection is DONE once, when nothing refers to it any more")
            #expect(messages.contains(.acknowledge(upTo: 2)))
        }
    }

    @Test("A sequence throws what the supervisor's end means")
    func sequenceError() async throws {
        let supervisor = try FakeSupervisor()
        let handler = try await handler(supervisor)
        supervisor.hangUp()
        await #expect(throws: HandlerError.supervisorGone) {
            for try await _ in handler.connections {}
        }
        await handler.finished()
    }

    @Test("A handler that drains says so, finishes what it holds, and closes")
    func ownDrain() async throws {
        let supervisor = try FakeSupervisor()
        let handler = try await handler(supervisor)
        let client = try supervisor.baton()
        var iterator = handler.connections.makeAsyncIterator()
        let connection = try #require(try await iterator.next())
        handler.drain()
        handler.drain()
        #expect(try await iterator.next() == nil)
        connection.end()
        connection.end()
        await handler.finished()
        try await onThread { () throws in
            #expect(try client.readAll() == "")
            #expect(try supervisor.receive() == .acknowledge(upTo: 1))
            #expect(try supervisor.receive() == .drain)
            #expect(try supervisor.receive() == .done([1]))
            #expect(try supervisor.receive() == nil)
        }
    }

    @Test("Capacity and status go out in their latest form")
    func notices() async throws {
        let supervisor = try FakeSupervisor()
        let handler = try await handler(supervisor)
        try await onThread { () throws in
            handler.setCapacity(7)
            #expect(try supervisor.receive() == .capacity(7))
            handler.setStatus(String(repeating: "ä", count: 600) + "!")
            #expect(try supervisor.receive() == .status(String(repeating: "ä", count: 512)))
        }
        handler.drain()
        await handler.finished()
    }

    /// One connection, played on a thread, with the supervisor's end.
    private func withConnection(
        drained: String = "", proxyHeader: [UInt8] = [], wasSentBefore: Bool = false,
        _ body: @escaping @Sendable (Connection, Client) throws -> Void
    ) async throws {
        let supervisor = try FakeSupervisor()
        let handler = try await handler(supervisor)
        let client = try supervisor.baton(drained: drained, proxyHeader: proxyHeader, wasSentBefore: wasSentBefore)
        try supervisor.send(.drain)
        for try await connection in handler.connections {
            try await onThread { try body(connection, client) }
        }
        await handler.finished()
    }

    @Test("Drained bytes come first, and lines cross the border")
    func drained() async throws {
        try await withConnection(drained: "one\ntw", wasSentBefore: true) { connection, client in
            #expect(connection.wasRedelivered)
            #expect(connection.drained == Array("one\ntw".utf8))
            try client.write("o\nthree\nrest")
            #expect(try connection.readLine() == Array("one\n".utf8))
            #expect(try connection.readLine() == Array("two\n".utf8))
            #expect(try connection.readLine(limit: 3) == Array("thr".utf8))
            #expect(try connection.read(upTo: 100) == Array("ee\nrest".utf8))
        }
    }

    @Test("An end wakes who reads, and closes the stream even while copies are open")
    func endWhileReading() async throws {
        try await withConnection { connection, client in
            let number = try #require(connection.descriptor)
            let copy = Client(try FileDescriptor(rawValue: number).duplicate())
            defer { withExtendedLifetime(copy) {} }
            let ender = connection
            try DetachedThread.start { ender.end() }
            let read = Result { try connection.read() }
            switch read {
            case .success(let bytes): #expect(bytes.isEmpty)
            case .failure(let error): #expect(error as? HandlerError == .ended)
            }
            #expect(try client.readAll() == "")
            #expect(connection.descriptor == nil)
            #expect(throws: HandlerError.ended) { try connection.write("x") }
        }
    }

    @Test("A descriptor that was taken outlives the connection")
    func takeDescriptor() async throws {
        try await withConnection { connection, client in
            let number = try #require(connection.takeDescriptor())
            let taken = OwnedDescriptor(adopting: number)
            #expect(connection.takeDescriptor() == nil)
            connection.end()
            try DescriptorPassing.send(Array("still here".utf8), on: taken.borrowed, blocking: true)
            Socket.shutdown(taken.borrowed)
            #expect(try client.readAll() == "still here")
        }
    }

    @Test("Addresses are the PROXY header's, else the kernel's")
    func addresses() async throws {
        let header = ProxyHeader.tcp4(
            source: .init(bits: 0xc000_0201, port: 5), destination: .init(bits: 0x0a00_0001, port: 80))
        try await withConnection(proxyHeader: header.encoded) { (connection, _) throws in
            #expect(try connection.peer == .internet(host: "192.0.2.1", port: 5))
            #expect(try connection.local == .internet(host: "10.0.0.1", port: 80))
            #expect(try connection.peer.description == "192.0.2.1:5")
        }
        let header6 = ProxyHeader.tcp6(
            source: .init(high: 0x2001_0db8_0000_0000, low: 1, port: 5), destination: .init(high: 0, low: 1, port: 80))
        try await withConnection(proxyHeader: header6.encoded) { (connection, _) throws in
            #expect(try connection.peer.description == "[2001:db8::1]:5")
        }
        for header in [[], ProxyHeader.local.encoded, Array("junk".utf8)] {
            try await withConnection(proxyHeader: header) { (connection, _) throws in
                #expect(try connection.peer == .unix(path: ""))
            }
        }
    }
}

@Suite struct OpeningTests {
    @Test("A channel that is none is refused with a reason, and stays open")
    func noChannel() throws {
        let pair = try Socket.pair(.stream)
        for number in [pair.ours.rawValue, 1 << 20, -1] {
            #expect {
                try Handler(HandlerConfiguration(service: "echo", channel: number))
            } throws: { error in
                guard case .noChannel(let reason)? = error as? HandlerError else { return false }
                return !reason.isEmpty
            }
        }
        try DescriptorPassing.send([1], on: pair.ours.borrowed)
    }

    @Test("A runtime directory that is not there, and a service name that is too long")
    func noSupervisor() {
        #expect {
            try Handler(HandlerConfiguration(service: "echo", runtimeDirectory: "/nonexistent/baton"))
        } throws: { error in
            if case .noChannel? = error as? HandlerError { true } else { false }
        }
        #expect(throws: HandlerError.noService) {
            try Handler(HandlerConfiguration(service: String(repeating: "s", count: 256)))
        }
    }
}
