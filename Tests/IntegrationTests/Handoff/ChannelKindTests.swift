import Glibc
import TestSupport
import Testing

/// The kinds of channel (handoff.md, Channels).
@Suite struct ChannelKindTests {
    private static let table = """
        services:
          app: {listen: "127.0.0.1:0", handoff: {heartbeat: {interval: 50ms, timeout: 20s}, stop_grace: 200ms}}
          front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [app]}}
        """

    @Test(
        "the way of a connection is the same over every kind of channel",
        arguments: RegisteredHandler.Transport.allCases)
    func wayOfAConnection(_ transport: RegisteredHandler.Transport) throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler.register("app", over: transport, at: supervisor)
            let shown = try supervisor.waitForService("app", "ready") { $0.state == "ready" }.handlers
            #expect(shown.map(\.kind) == ["registered"] && shown.map(\.pid) == [ProcessView.own.pid])
            let port = try supervisor.port("app")
            for round in 1...3 {
                let client = try TestSocket.tcp(port: port)
                let baton = try handler.receiveBaton()
                #expect(baton.id == UInt64(round) && baton.service == "app")
                try handler.acknowledge(baton.id)
                try client.send("question")
                #expect(try baton.socket.receive(exactly: 8) == Array("question".utf8))
                try baton.socket.send("answer")
                baton.socket.close()
                #expect(try client.receiveText() == "answer")
                try handler.done(baton.id)
            }
            // A heartbeat goes both ways.
            let (ping, _) = try handler.receive()
            #expect(ping.kind == .ping)
            try handler.send(HandlerMessage(.pong, id: ping.id))
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 3 }
            handler.die()
            try supervisor.waitForService("app", "idle") { $0.handlers.isEmpty }
        }
    }

    @Test(
        "what a handler had not acknowledged goes to the next one when it dies, over every kind of channel",
        arguments: RegisteredHandler.Transport.allCases)
    func redelivery(_ transport: RegisteredHandler.Transport) throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try RegisteredHandler.register("app", over: transport, at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            _ = try first.receiveBaton()
            first.die()
            let second = try RegisteredHandler.register("app", over: transport, at: supervisor)
            let again = try second.receiveBaton()
            #expect(again.isRedelivery)
            try second.acknowledge(again.id)
            try again.socket.send("second")
            again.socket.close()
            #expect(try client.receiveText() == "second")
            try second.done(again.id)
            second.die()
        }
    }

    @Test("PASS with its descriptor over every kind of channel", arguments: RegisteredHandler.Transport.allCases)
    func pass(_ transport: RegisteredHandler.Transport) throws {
        try withSupervisor(Self.table) { supervisor in
            let app = try RegisteredHandler("app", at: supervisor)
            let front = try RegisteredHandler.register("front", over: transport, at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            let baton = try front.receiveBaton()
            try front.acknowledge(baton.id)
            let drained = [UInt8](repeating: 7, count: 61_440)
            try front.pass(baton.id, to: "app", drained: drained, baton.socket)
            #expect(try front.receivePassed(baton.id) == nil)
            baton.socket.close()
            let next = try app.receiveBaton()
            #expect(next.drained == drained)
            try app.done(next.id)
            client.close()
            front.die()
            app.die()
        }
    }

    // MARK: Full channels

    @Test(
        "a handler that does not read fills its channel: batons wait, none is lost, and all arrive when it reads",
        arguments: RegisteredHandler.Transport.allCases)
    func fullChannel(_ transport: RegisteredHandler.Transport) throws {
        // Names and drained bytes make long messages, so that 64 of them are more than the socket holds.
        let table = """
            services:
              app: {handoff: {heartbeat: false}}
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [app]}}
            """
        try withSupervisor(table) { supervisor in
            let app = try RegisteredHandler.register("app", over: transport, at: supervisor)
            let front = try RegisteredHandler("front", at: supervisor)
            let count = 24
            let drained = [UInt8](repeating: 1, count: 60_000)
            var clients: [TestSocket] = []
            for number in 0..<count {
                let (client, socket) = try TestSocket.pair()
                clients.append(client)
                let id = UInt64(1) << 63 | UInt64(number)
                try front.pass(id, to: "app", drained: drained + [UInt8(number)], socket)
                #expect(try front.receivePassed(id) == nil)
            }
            let full = try supervisor.waitForService("app", "full") { $0.connections.queued == count }
            #expect(full.handlers.first.map { $0.unacknowledged < count } == true, "the channel took all of them")
            for number in 0..<count {
                let baton = try app.receiveBaton()
                #expect(baton.drained.last == UInt8(number), "first come, first passed")
                try app.acknowledge(baton.id)
                try baton.socket.send([UInt8(number)])
                baton.socket.close()
                #expect(try clients[number].receiveToEnd() == [UInt8(number)])
                try app.done(baton.id)
            }
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == count }.connections
            #expect(counts.lost == 0 && counts.requeued == 0)
            front.die()
            app.die()
        }
    }

    // MARK: Stream

    @Test("messages and descriptors that arrive together, or in pieces, are told apart on a stream")
    func framing() throws {
        try withSupervisor(Self.table) { supervisor in
            let app = try RegisteredHandler("app", at: supervisor)
            let front = try RegisteredHandler.register("front", over: .stream, at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            let baton = try front.receiveBaton()
            // ACK, STATUS and PASS in one call: the descriptor is PASS's.
            let status = HandlerMessage(.status, body: Array("here".utf8))
            let pass = HandlerMessage.pass(baton.id, to: "app", drained: [4])
            let together = HandlerMessage(.ack, id: baton.id).packet + status.packet + pass.packet
            try front.channel.send(together, passing: baton.socket.descriptor)
            #expect(try front.receivePassed(baton.id) == nil)
            baton.socket.close()
            let next = try app.receiveBaton()
            #expect(next.drained == [4])
            try app.done(next.id)
            // A byte at a time.
            for byte in HandlerMessage(.status, body: Array("slowly".utf8)).packet { try front.channel.send([byte]) }
            try supervisor.waitForService("front", "status") { $0.handlers.first?.status == "slowly" }
            client.close()
            front.die()
            app.die()
        }
    }

    @Test("a descriptor that belongs to no message of a stream is a protocol error")
    func surplusDescriptor() throws {
        try withSupervisor(Self.table) { supervisor in
            let front = try RegisteredHandler.register("front", over: .stream, at: supervisor)
            let (one, _) = try TestSocket.pair()
            try front.channel.send(HandlerMessage(.status, body: [65]).packet, passing: one.descriptor)
            #expect(try front.channel.receiveMessage().bytes.isEmpty)
            front.die()
            try supervisor.waitForService("front", "idle") { $0.handlers.isEmpty }
        }
    }

    // MARK: Datagram

    @Test(
        "only one end of a nameless socketpair(SOCK_DGRAM) is taken for a datagram channel",
        arguments: ["stream pair", "named", "unconnected", "file"])
    func notAPair(_ what: String) throws {
        try withSupervisor(Self.table) { supervisor in
            let connection = try TestSocket.unix(
                supervisor.runtimeDirectory + "/register.sock", type: TestSocket.packets)
            let offered: TestSocket
            switch what {
            case "stream pair": offered = try TestSocket.pair().theirs
            case "named":
                let path = supervisor.directory.path("named")
                let named = try TestSocket(family: AF_UNIX, type: TestSocket.datagram)
                try named.bind(to: SocketName(unix: path))
                offered = try TestSocket.unix(path, type: TestSocket.datagram)
            case "unconnected": offered = try TestSocket(family: AF_UNIX, type: TestSocket.datagram)
            default: offered = TestSocket(adopting: open("/dev/null", O_RDWR))
            }
            try connection.send(RegisteredHandler.registration("app").packet, passing: offered.descriptor)
            let answer = try HandlerMessage(packet: connection.receivePacket().bytes)
            #expect(answer.kind == .reject && answer.text.contains("SOCK_DGRAM"))
        }
    }

    @Test("a refused datagram registration hears REJECT on the pair and on its connection")
    func refusedDatagram() throws {
        try withSupervisor(Self.table) { supervisor in
            let connection = try TestSocket.unix(
                supervisor.runtimeDirectory + "/register.stream.sock", type: TestSocket.stream)
            let (ours, theirs) = try TestSocket.pair(TestSocket.datagram)
            let registration = RegisteredHandler.registration("nowhere")
            try connection.send(registration.packet, passing: theirs.descriptor)
            for bytes in [try ours.receivePacket().bytes, try connection.receiveMessage().bytes] {
                let answer = try HandlerMessage(packet: bytes)
                #expect(answer.kind == .reject && answer.text.contains("nowhere"))
            }
            #expect(try connection.receiveMessage().bytes.isEmpty)
        }
    }

    @Test("a message beside the datagram channel, on the connection that keeps it, is a protocol error")
    func besideTheChannel() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler.register("app", over: .datagram, at: supervisor)
            try handler.lifeline?.send(HandlerMessage(.drain).packet)
            #expect(try handler.lifeline?.receivePacket().bytes == [])
            handler.die()
            try supervisor.waitForService("app", "idle") { $0.handlers.isEmpty }
        }
    }

    @Test("gone is a datagram channel that nobody holds: a closed registration connection alone delivers nothing twice")
    func lifelineAlone() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler.register("app", over: .datagram, at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "sent") { $0.handlers.first?.unacknowledged == 1 }
            handler.lifeline?.close()
            // It could still read what lies in the pair: another handler must not get it. After stop_grace it is cut.
            let counts = try supervisor.waitForService("app", "cut") { $0.connections.cut == 1 }.connections
            #expect(counts.requeued == 0)
            _ = try handler.receiveBaton()
            client.close()
            handler.die()
        }
    }

    @Test("a datagram handler whose pair is closed soon after its connection is gone: its batons go to the next")
    func pairClosedLater() throws {
        let table = "services: {app: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false, stop_grace: 20s}}}"
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler.register("app", over: .datagram, at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "sent") { $0.handlers.first?.unacknowledged == 1 }
            handler.lifeline?.close()
            try supervisor.waitForService("app", "leaving") { $0.handlers.first?.state == "draining" }
            handler.channel.close()
            let next = try RegisteredHandler.register("app", over: .datagram, at: supervisor)
            let baton = try next.receiveBaton()
            #expect(baton.isRedelivery)
            try next.done(baton.id)
            client.close()
            next.die()
        }
    }

    @Test("a datagram handler that was sent a baton when it had died is gone with the end of its connection")
    func sentToTheDead() throws {
        let table = "services: {app: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false, stop_grace: 60s}}}"
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler.register("app", over: .datagram, at: supervisor)
            let port = try supervisor.port("app")
            var clients = [try TestSocket.tcp(port: port)]
            try supervisor.waitForService("app", "sent") { $0.handlers.first?.unacknowledged == 1 }
            handler.channel.close()
            // The kernel says once that nobody holds the other end, and after that that there is none.
            clients.append(try TestSocket.tcp(port: port))
            try supervisor.waitForService("app", "queued") { $0.connections.accepted == 2 }
            handler.lifeline?.close()
            let next = try RegisteredHandler.register("app", over: .datagram, at: supervisor)
            for isRedelivery in [true, false] {
                let baton = try next.receiveBaton()
                #expect(baton.isRedelivery == isRedelivery)
                try next.done(baton.id)
            }
            clients.forEach { $0.close() }
            next.die()
        }
    }
}
