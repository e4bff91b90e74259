import Glibc
import TestSupport
import Testing

/// PASS: connections that handlers give on (handoff.md).
@Suite struct PassTests {
    @Test(
        "PASS by name: number, drained bytes and what is still in the socket reach the other service, and PASSED 0 the passer"
    )
    func byName() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let back = try RegisteredHandler("back", at: supervisor)
            let held = try HeldConnection(supervisor)
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
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
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

    @Test("regression: a connection from elsewhere, passed to another handler of the service, does not come back")
    func sameServiceFromElsewhere() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let (client, socket) = try TestSocket.pair()
            try front.pass(1 << 63, to: "", socket)
            #expect(try front.receivePassed(1 << 63) == "no_handler")
            let other = try RegisteredHandler("front", at: supervisor)
            for number: UInt64 in 1...4 {
                try front.pass(1 << 63 | number, to: number.isMultiple(of: 2) ? "" : "front", socket)
                #expect(try front.receivePassed(1 << 63 | number) == nil)
                let baton = try other.receiveBaton()
                try other.acknowledge(baton.id)
                baton.socket.close()
                try other.done(baton.id)
            }
            client.close()
            front.die()
            other.die()
        }
    }

    @Test("while the only other handler is full, what comes behind a passed connection is not held up by it")
    func noHeadOfLineBlocking() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let full = try RegisteredHandler("front", at: supervisor, capacity: 1)
            let port = try supervisor.port("front")
            let first = try TestSocket.tcp(port: port)
            let filling = try full.receiveBaton()
            try full.acknowledge(filling.id)
            let held = try HeldConnection(supervisor)
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

    @Test("a connection from elsewhere, by a number with the top bit set, gets a number of Baton's")
    func fromElsewhere() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
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

    @Test("a handler that dies before PASSED arrives loses nothing: what was passed is served")
    func passerDies() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let back = try RegisteredHandler("back", at: supervisor)
            let held = try HeldConnection(supervisor)
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
        try withSupervisor(HeldConnection.table) { supervisor in
            let back = try RegisteredHandler("back", at: supervisor)
            let held = try HeldConnection(supervisor)
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

    @Test("regression: drained bytes do not stay in the supervisor when a handler has them: there is room for the next")
    func drainedBytesLeave() throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [back]}}
              back: {per_source: unlimited, handoff: {heartbeat: false}}
            """
        try withSupervisor(table) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let back = try RegisteredHandler("back", at: supervisor)
            let drained = [UInt8](repeating: 1, count: 61_440)
            // More than 32 MiB, all of it held by the handler.
            let most = 600
            for number in 0..<most {
                let (_, socket) = try TestSocket.pair()
                try front.pass(UInt64(1) << 63 | UInt64(number), to: "back", drained: drained, socket)
                #expect(try front.receivePassed(UInt64(1) << 63 | UInt64(number)) == nil)
                let baton = try back.receiveBaton()
                #expect(baton.drained.count == drained.count)
                try back.acknowledge(baton.id)
            }
            try supervisor.waitForService("back", "held") { $0.connections.active == most }
            back.die()
            front.die()
        }
    }
}
