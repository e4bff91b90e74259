import Glibc
import TestSupport
import Testing

/// What programs and internal services get of a connection that was passed to them.
@Suite struct PassTargetTests {
    @Test("an exec service gets drained bytes first, then the rest, and its answer reaches the client")
    func toExec() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
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
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
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
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
            try held.front.pass(held.baton.id, to: "echo", drained: Array("drained ".utf8), held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            try held.client.send("sent")
            try held.client.finishSending()
            #expect(try held.client.receiveText() == "drained sent")
            held.front.die()
        }
    }
}
