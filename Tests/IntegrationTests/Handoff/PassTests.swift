import Glibc
import TestSupport
import Testing

/// PASS: connections that handlers give on (handoff.md).
@Suite struct PassTests {
    private static let table = """
        services:
          front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [back, front, cat, echo]}}
          back: {handoff: {heartbeat: false, queue: {size: 1}, pass_to: [front]}, listen: "127.0.0.1:0"}
          closed: {handoff: {heartbeat: false}, listen: "127.0.0.1:0"}
          cat: {exec: [cat]}
          echo: {internal: echo}
        """

    /// A client of `front` whose connection its handler holds.
    private struct Held {
        let client: TestSocket
        let front: RegisteredHandler
        let baton: ReceivedBaton

        init(_ supervisor: RunningSupervisor) throws {
            front = try RegisteredHandler("front", at: supervisor)
            client = try TestSocket.tcp(port: supervisor.port("front"))
            baton = try front.receiveBaton()
            try front.acknowledge(baton.id)
        }
    }

    @Test(
        "PASS by name: number, drained bytes and what is still in the socket reach the other service, and PASSED 0 the passer"
    )
    func byName() throws {
        try withSupervisor(Self.table) { supervisor in
            let back = try RegisteredHandler("back", at: supervisor)
            let held = try Held(supervisor)
            try held.client.send("head;body")
            let head = try held.baton.socket.receive(exactly: 5)
            // What a handler sets on its socket is not what the next one finds.
            _ = fcntl(held.baton.socket.descriptor, F_SETFL, O_NONBLOCK)
            try held.baton.socket.setOption(SOL_SOCKET, SO_RCVLOWAT, Int32(100))
            try held.front.pass(held.baton.id, to: "back", drained: head, held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            let next = try back.receiveBaton()
            #expect(next.service == "back" && next.connection == held.baton.connection && next.id == 1)
            #expect(next.drained == Array("head;".utf8))
            #expect(fcntl(next.socket.descriptor, F_GETFL) & O_NONBLOCK == 0)
            #expect(try next.socket.receive(exactly: 4) == Array("body".utf8))
            try back.acknowledge(next.id)
            try next.socket.send("answer")
            next.socket.close()
            #expect(try held.client.receiveText() == "answer")
            try back.done(next.id)
            let front = try supervisor.waitForService("front", "ended") { $0.connections.ended == 1 }
            #expect(front.handlers.first?.held == 0)
            try supervisor.waitForService("back", "ended") { $0.connections.ended == 1 && $0.connections.accepted == 1 }
            held.front.die()
            back.die()
        }
    }

    @Test("PASS with an empty name reaches another handler of the same service, at the back of its queue")
    func sameService() throws {
        try withSupervisor(Self.table) { supervisor in
            let held = try Held(supervisor)
            let other = try RegisteredHandler("front", at: supervisor)
            try held.front.pass(held.baton.id, to: "", drained: [1, 2], held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            let next = try other.receiveBaton()
            #expect(next.connection == held.baton.connection && next.drained == [1, 2])
            try other.acknowledge(next.id)
            try other.done(next.id)
            let counts = try supervisor.waitForService("front", "ended") { $0.connections.ended == 1 }.connections
            #expect(counts.accepted == 1 && counts.requeued == 1)
            held.front.die()
            other.die()
        }
    }

    @Test("PASS with an empty name is refused where no other handler can come, and the connection stays")
    func nobodyElse() throws {
        try withSupervisor(Self.table) { supervisor in
            let held = try Held(supervisor)
            try held.front.pass(held.baton.id, to: "", held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == "no_handler")
            try held.baton.socket.send("still mine")
            held.baton.socket.close()
            #expect(try held.client.receiveText() == "still mine")
            try held.front.done(held.baton.id)
            try supervisor.waitForService("front", "ended") { $0.connections.ended == 1 }
            held.front.die()
        }
    }

    @Test("while the only other handler is full, what comes behind a passed connection is not held up by it")
    func noHeadOfLineBlocking() throws {
        try withSupervisor(Self.table) { supervisor in
            let full = try RegisteredHandler("front", at: supervisor, capacity: 1)
            let port = try supervisor.port("front")
            let first = try TestSocket.tcp(port: port)
            let filling = try full.receiveBaton()
            try full.acknowledge(filling.id)
            let held = try Held(supervisor)
            try held.front.pass(held.baton.id, to: "", held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            let later = try TestSocket.tcp(port: port)
            let overtaking = try held.front.receiveBaton()
            #expect(overtaking.connection > held.baton.connection)
            try held.front.acknowledge(overtaking.id)
            try full.done(filling.id)
            let passed = try full.receiveBaton()
            #expect(passed.connection == held.baton.connection)
            first.close()
            later.close()
            full.die()
            held.front.die()
            try supervisor.waitForService("front", "over") { $0.connections.active + $0.connections.queued == 1 }
            let last = try RegisteredHandler("front", at: supervisor)
            try last.done(last.receiveBaton().id)
            last.die()
        }
    }

    @Test("PASS to a service that pass_to does not name is refused: passed", arguments: ["closed", "nowhere"])
    func notListed(_ service: String) throws {
        try withSupervisor(Self.table) { supervisor in
            let held = try Held(supervisor)
            try held.front.pass(held.baton.id, to: service, held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == "passed")
            try held.front.done(held.baton.id)
            try supervisor.waitForService("front", "ended") { $0.connections.ended == 1 }
            held.front.die()
        }
    }

    @Test("PASS to a service whose queue is full is refused: queue_full, counted there")
    func queueFull() throws {
        try withSupervisor(Self.table) { supervisor in
            let waiting = try TestSocket.tcp(port: supervisor.port("back"))
            try supervisor.waitForService("back", "queued") { $0.connections.queued == 1 }
            let held = try Held(supervisor)
            try held.front.pass(held.baton.id, to: "back", held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == "queue_full")
            #expect(try supervisor.service("back").connections.refused["queue_full"] == 1)
            try held.front.done(held.baton.id)
            waiting.close()
            let back = try RegisteredHandler("back", at: supervisor)
            try back.done(back.receiveBaton().id)
            held.front.die()
            back.die()
        }
    }

    @Test("a connection is passed at most 8 times in its life")
    func eightTimes() throws {
        try withSupervisor(Self.table) { supervisor in
            let held = try Held(supervisor)
            let back = try RegisteredHandler("back", at: supervisor)
            var (holder, baton, other, name) = (held.front, held.baton, back, "back")
            for _ in 1...8 {
                try holder.pass(baton.id, to: name, baton.socket)
                #expect(try holder.receivePassed(baton.id) == nil)
                baton = try other.receiveBaton()
                try other.acknowledge(baton.id)
                (holder, other) = (other, holder)
                name = name == "back" ? "front" : "back"
            }
            try holder.pass(baton.id, to: name, baton.socket)
            #expect(try holder.receivePassed(baton.id) == "passed")
            try holder.done(baton.id)
            held.front.die()
            back.die()
        }
    }

    @Test("only a connected stream or seqpacket socket is taken")
    func onlyConnections() throws {
        try withSupervisor(Self.table) { supervisor in
            let held = try Held(supervisor)
            let listening = try TestSocket.bound()
            try listening.listen()
            let (datagram, _) = try TestSocket.pair(TestSocket.datagram)
            let file = TestSocket(adopting: open("/dev/null", O_RDONLY))
            for socket in [listening, datagram, file] {
                try held.front.pass(held.baton.id, to: "back", socket)
                #expect(try held.front.receivePassed(held.baton.id) == "passed")
            }
            try held.front.done(held.baton.id)
            try supervisor.waitForService("front", "ended") { $0.connections.ended == 1 }
            held.front.die()
        }
    }

    @Test("a connection from elsewhere, by a number with the top bit set, gets a number of Baton's")
    func fromElsewhere() throws {
        try withSupervisor(Self.table) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let back = try RegisteredHandler("back", at: supervisor)
            let (client, socket) = try TestSocket.pair()
            try front.pass(1 << 63 | 7, to: "back", drained: [9], socket)
            #expect(try front.receivePassed(1 << 63 | 7) == nil)
            socket.close()
            let baton = try back.receiveBaton()
            #expect(baton.connection > 0 && baton.drained == [9])
            try back.acknowledge(baton.id)
            try baton.socket.send("here")
            baton.socket.close()
            #expect(try client.receiveText() == "here")
            try back.done(baton.id)
            try supervisor.waitForService("back", "ended") { $0.connections.ended == 1 }
            front.die()
            back.die()
        }
    }

    @Test("another socket under the number of a BATON: the kernel's address counts, never the handler's word")
    func otherSocket() throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [back]}}
              back: {handoff: {heartbeat: false}, no_access: [127.0.0.2]}
            """
        try withSupervisor(table) { supervisor in
            let held = try Held(supervisor)
            // A stranger's connection, from an address that back does not admit.
            let listener = try TestSocket.bound()
            try listener.listen()
            let stranger = try TestSocket.bound(host: "127.0.0.2")
            try stranger.connect(to: SocketName(host: "127.0.0.1", port: listener.localPort))
            let accepted = try listener.accept()
            try held.front.pass(held.baton.id, to: "back", accepted)
            #expect(try held.front.receivePassed(held.baton.id) == "source")
            try held.front.done(held.baton.id)
            held.front.die()
        }
    }

    @Test("a handler that dies before PASSED arrives loses nothing: what was passed is served")
    func passerDies() throws {
        try withSupervisor(Self.table) { supervisor in
            let back = try RegisteredHandler("back", at: supervisor)
            let held = try Held(supervisor)
            try held.front.pass(held.baton.id, to: "back", drained: [5], held.baton.socket)
            held.front.die()
            held.baton.socket.close()
            let next = try back.receiveBaton()
            #expect(next.drained == [5])
            try back.acknowledge(next.id)
            try next.socket.send("served")
            next.socket.close()
            #expect(try held.client.receiveText() == "served")
            try back.done(next.id)
            #expect(try supervisor.service("front").connections.cut == 0)
            back.die()
        }
    }

    @Test("a passed connection comes back with its drained bytes when the handler that got it dies")
    func redelivery() throws {
        try withSupervisor(Self.table) { supervisor in
            let back = try RegisteredHandler("back", at: supervisor)
            let held = try Held(supervisor)
            try held.client.send("xyz")
            #expect(try held.baton.socket.receive(exactly: 1) == Array("x".utf8))
            try held.front.pass(held.baton.id, to: "back", drained: Array("x".utf8), held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            _ = try back.receiveBaton()
            back.die()
            let another = try RegisteredHandler("back", at: supervisor)
            let again = try another.receiveBaton()
            #expect(again.isRedelivery && again.drained == Array("x".utf8))
            #expect(try again.socket.receive(exactly: 2) == Array("yz".utf8))
            try another.done(again.id)
            held.front.die()
            another.die()
        }
    }

    @Test("an exec service gets drained bytes first, then the rest, and its answer reaches the client")
    func toExec() throws {
        try withSupervisor(Self.table) { supervisor in
            let held = try Held(supervisor)
            try held.client.send("one two")
            let head = try held.baton.socket.receive(exactly: 4)
            try held.front.pass(held.baton.id, to: "cat", drained: head, held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            try held.client.send(" three")
            try held.client.finishSending()
            #expect(try held.client.receiveText() == "one two three")
            let cat = try supervisor.waitForService("cat", "ended") { $0.connections.ended == 1 }.connections
            #expect(cat.spawned == 1)
            held.front.die()
        }
    }

    @Test("an exec service whose client has been given over without drained bytes has the connection itself")
    func toExecPlain() throws {
        try withSupervisor(Self.table) { supervisor in
            let held = try Held(supervisor)
            try held.front.pass(held.baton.id, to: "cat", held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            let process = try supervisor.onlyHandler()
            #expect(process.descriptorKinds.filter { $0.hasPrefix("socket") }.count >= 2)
            try held.client.send("through")
            try held.client.finishSending()
            #expect(try held.client.receiveText() == "through")
            held.front.die()
        }
    }

    @Test("an internal service gets drained bytes first")
    func toInternal() throws {
        try withSupervisor(Self.table) { supervisor in
            let held = try Held(supervisor)
            try held.front.pass(held.baton.id, to: "echo", drained: Array("drained ".utf8), held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            try held.client.send("sent")
            try held.client.finishSending()
            #expect(try held.client.receiveText() == "drained sent")
            held.front.die()
        }
    }

    @Test(
        "what breaks the rules of PASS is a protocol error",
        arguments: ["not sent", "done", "twice", "no descriptor", "two descriptors"])
    func protocolErrors(_ fault: String) throws {
        try withSupervisor(Self.table) { supervisor in
            let held = try Held(supervisor)
            let socket = held.baton.socket
            switch fault {
            case "not sent": try held.front.pass(2, to: "closed", socket)
            case "done":
                try held.front.done(held.baton.id)
                try held.front.pass(held.baton.id, to: "closed", socket)
            case "twice":
                let back = try RegisteredHandler("back", at: supervisor)
                try held.front.pass(held.baton.id, to: "back", socket)
                try held.front.pass(held.baton.id, to: "back", socket)
                #expect(try held.front.receivePassed(held.baton.id) == nil)
                try back.done(back.receiveBaton().id)
                back.die()
            case "no descriptor": try held.front.send(.pass(held.baton.id, to: "closed"))
            default:
                try held.front.channel.send(
                    HandlerMessage.pass(held.baton.id, to: "back").packet, passing: socket.descriptor,
                    socket.descriptor)
            }
            #expect(try held.front.isHungUp())
            #expect(supervisor.log.text.contains("broke the protocol"))
            held.front.die()
            try supervisor.waitForService("front", "idle") { $0.handlers.isEmpty }
        }
    }
}
