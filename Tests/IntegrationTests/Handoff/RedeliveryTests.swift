import Glibc
import TestSupport
import Testing

/// What becomes of connections whose handler dies, refuses or had touched them (handoff.md, promises 1 and 2).
@Suite struct RedeliveryTests {
    private static let table = """
        services:
          app:
            listen: {address: "127.0.0.1:0", name: front}
            handoff: {heartbeat: false, queue: {size: 1024, timeout: 30s}}
          other: {listen: "127.0.0.1:0", handoff: {register: false}}
        """

    @Test("when a handler dies, what it had not acknowledged goes to the next in order; what it had is cut")
    func redelivery() throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let clients = try (0..<4).map { number in
                let client = try TestSocket.tcp(port: port)
                try client.send("\(number)")
                return client
            }
            let connections = try clients.map { _ in try first.receiveBaton() }.map(\.connection)
            try first.acknowledge(1)
            try supervisor.waitForService("app", "one taken") { $0.connections.handed_off == 1 }
            first.die()
            try supervisor.waitForService("app", "requeued") { $0.connections.queued == 3 && $0.connections.cut == 1 }
            // A reset, because its byte was never read.
            #expect(throws: TestFailure.self) { try clients[0].receiveToEnd() }

            let second = try RegisteredHandler("app", at: supervisor)
            for number in 1..<4 {
                // Requeued batons go out one at a time, the next after the ACK.
                let baton = try second.receiveBaton()
                #expect(baton.connection == connections[number])
                #expect(baton.isRedelivery)
                #expect(!second.channel.isReadable(within: 0.05))
                try second.acknowledge(baton.id)
                #expect(try baton.socket.receive(exactly: 1) == Array("\(number)".utf8))
                try baton.socket.send("late but here")
                baton.socket.close()
                #expect(try clients[number].receiveText() == "late but here")
                try second.done(baton.id)
            }
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 3 }.connections
            #expect(counts.requeued == 3)
            second.die()
        }
    }

    @Test("a connection that a handler touched and did not acknowledge is cut, never given twice")
    func touchedConnections() throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let reader = try TestSocket.tcp(port: port)
            let readFrom = try first.receiveBaton()
            let writer = try TestSocket.tcp(port: port)
            let writtenTo = try first.receiveBaton()
            let untouched = try TestSocket.tcp(port: port)
            _ = try first.receiveBaton()
            try reader.send("abc")
            #expect(try readFrom.socket.receive(exactly: 1) == [UInt8(ascii: "a")])
            try writtenTo.socket.send("said")
            readFrom.socket.close()
            writtenTo.socket.close()
            first.die()
            let second = try RegisteredHandler("app", at: supervisor)
            let baton = try second.receiveBaton()
            try second.acknowledge(baton.id)
            try baton.socket.send("yours")
            baton.socket.close()
            #expect(try untouched.receiveText() == "yours")
            #expect(try writer.receiveText() == "said")
            _ = try? reader.receiveToEnd()
            try second.done(baton.id)
            let counts = try supervisor.waitForService("app", "settled") { $0.connections.active == 0 }.connections
            #expect(counts.cut == 2)
            #expect(counts.ended == 1)
            second.die()
        }
    }

    @Test("bytes that the client sent, and its FIN, while the connection waited do not count as touched")
    func bytesThatWaited() throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try RegisteredHandler("app", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            _ = try first.receiveBaton()
            try client.send("all of it")
            try client.finishSending()
            first.die()
            let second = try RegisteredHandler("app", at: supervisor)
            let baton = try second.receiveBaton()
            try second.acknowledge(baton.id)
            #expect(try baton.socket.receiveToEnd() == Array("all of it".utf8))
            baton.socket.close()
            try second.done(baton.id)
            #expect(try client.receiveToEnd().isEmpty)
            second.die()
        }
    }

    @Test("a baton that a handler could not take goes to another one at once, and that handler rests for a second")
    func negativeAcknowledgement() throws {
        try withSupervisor(Self.table) { supervisor in
            let full = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let client = try TestSocket.tcp(port: port)
            let refused = try full.receiveBaton()
            refused.socket.close()
            let able = try RegisteredHandler("app", at: supervisor)
            try full.refuse(refused.id, reason: "descriptor table is full")
            let baton = try able.receiveBaton()
            #expect(baton.connection == refused.connection)
            try able.acknowledge(baton.id)
            baton.socket.close()
            #expect(try client.receiveToEnd().isEmpty)
            let next = try TestSocket.tcp(port: port)
            let another = try able.receiveBaton()
            #expect(!full.channel.isReadable(within: 0.3), "this handler gets no other for a second")
            try able.acknowledge(another.id)
            another.socket.close()
            #expect(try next.receiveToEnd().isEmpty)
            try able.done(baton.id, another.id)
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 2 && $0.connections.abandoned == 0 }
            full.die()
            able.die()
        }
    }

    @Test("rule 21: a touched connection that lingers for a stalled client is closed without stopping the loop")
    func lingeringClose() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let stalled = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try handler.receiveBaton()
            // Whoever closes last now waits up to 15 s for the client to read what lies in the socket.
            try baton.socket.setOption(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 15))
            try baton.socket.setTimeout(seconds: 1)
            #expect(throws: TestFailure.self) {
                for _ in 0..<1000 { try baton.socket.send([UInt8](repeating: 1, count: 65_536)) }
            }
            // The supervisor still has its copy, so this close returns at once, and the last one is the supervisor's.
            baton.socket.close()
            handler.die()
            let begin = Deadline.now()
            try supervisor.waitForService("app", "cut") { $0.connections.cut == 1 }
            for _ in 0..<20 { _ = try supervisor.status() }
            #expect(Deadline.now() - begin < 3_000_000_000)
            try stalled.reset()
        }
    }
}
