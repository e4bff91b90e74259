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

    @Test("a program that leaves drained bytes unread when it exits is no reset: its client gets all that it wrote")
    func unreadByProgram() throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [deaf]}}
              deaf: {exec: [head, -c, "3000000", /dev/zero]}
            """
        try withSupervisor(table) { supervisor in
            let held = try HeldConnection(supervisor)
            try held.front.pass(held.baton.id, to: "deaf", drained: Array("never read".utf8), held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            #expect(try held.client.receiveToEnd().count == 3_000_000)
            try supervisor.waitForService("deaf", "ended") { $0.connections.ended == 1 }
            held.front.die()
        }
    }

    /// While a connection goes through the relay, somebody makes the copy that he kept of it blocking.
    private func expectNoWait(
        _ supervisor: RunningSupervisor, _ client: TestSocket, copy: TestSocket, behind target: TestSocket
    ) throws {
        try client.send("a")
        let relayed = try target.accept()
        #expect(try relayed.receive(exactly: 1) == [UInt8(ascii: "a")])
        let mode = fcntl(copy.descriptor, F_GETFL)
        try check("fcntl") { fcntl(copy.descriptor, F_SETFL, mode & ~O_NONBLOCK) }
        try client.send("b")
        #expect(try relayed.receive(exactly: 1) == [UInt8(ascii: "b")])
        let other = try TestSocket.tcp(port: supervisor.port("echo"))
        try other.setTimeout(seconds: 8)
        try other.send("x")
        #expect(try other.receive(exactly: 1) == [0x78])
        copy.close()
        client.close()
        #expect(try relayed.receiveToEnd().isEmpty)
    }

    @Test("regression: a handler that keeps a copy of what it gave to a relay, and makes it blocking, holds nobody up")
    func blockingCopy() throws {
        let target = try TestSocket.bound()
        try target.listen()
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [relay]}}
              relay: {redirect: "127.0.0.1:\(try SocketName.localPort(of: target.descriptor))"}
              echo: {listen: "127.0.0.1:0", internal: echo}
            """
        try withSupervisor(table) { supervisor in
            let held = try HeldConnection(supervisor)
            try held.front.pass(held.baton.id, to: "relay", held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            try expectNoWait(supervisor, held.client, copy: held.baton.socket, behind: target)
            held.front.die()
        }
    }

    @Test("regression: nor where it died with the connection, and a reload brings that to a relay")
    func blockingCopyAfterReload() throws {
        let target = try TestSocket.bound()
        try target.listen()
        let echo = "echo: {listen: \"127.0.0.1:0\", internal: echo}"
        let before = "services: {front: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false}}, \(echo)}"
        let relay = "redirect: \"127.0.0.1:\(try SocketName.localPort(of: target.descriptor))\""
        try withSupervisor(before) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            let baton = try front.receiveBaton()
            front.die()
            try supervisor.waitForService("front", "back in the queue") { $0.connections.queued == 1 }
            try supervisor.reload("services: {front: {listen: \"127.0.0.1:0\", \(relay)}, \(echo)}")
            try expectNoWait(supervisor, client, copy: baton.socket, behind: target)
        }
    }

    @Test("regression: nor a script that keeps a copy of what it gave to a relay")
    func blockingCopyOfScript() throws {
        let target = try TestSocket.bound()
        try target.listen()
        let table = """
            services:
              relay: {redirect: "127.0.0.1:\(try SocketName.localPort(of: target.descriptor))"}
              echo: {listen: "127.0.0.1:0", internal: echo}
            """
        try withSupervisor(table) { supervisor in
            let listener = try TestSocket.bound()
            try listener.listen()
            let client = try TestSocket.tcp(port: SocketName.localPort(of: listener.descriptor))
            let copy = try listener.accept()
            let script = try RegisteredHandler(connectedTo: supervisor.runtimeDirectory + "/register.sock")
            try script.pass(1 << 63, to: "relay", copy)
            #expect(try script.receivePassed(1 << 63) == nil)
            try expectNoWait(supervisor, client, copy: copy, behind: target)
        }
    }

    @Test("when its client goes away, a program behind drained bytes reads the end")
    func clientLeaves() throws {
        try withSupervisor(HeldConnection.table) { supervisor in
            let held = try HeldConnection(supervisor)
            try held.front.pass(held.baton.id, to: "cat", drained: [65], held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            #expect(try held.client.receive(exactly: 1) == [65])
            held.client.close()
            try supervisor.waitForService("cat", "ended") { $0.connections.ended == 1 }
            held.front.die()
        }
    }

    @Test("drained bytes reach the service's own exec when its handlers have failed")
    func fallback() throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [app]}}
              app:
                exec: [cat]
                handoff: {exec: [/bin/false], restart: {burst: 1}}
            """
        try withSupervisor(table) { supervisor in
            let held = try HeldConnection(supervisor)
            try held.front.pass(held.baton.id, to: "app", drained: Array("kept ".utf8), held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            try held.client.send("and sent")
            try held.client.finishSending()
            #expect(try held.client.receiveText() == "kept and sent")
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }
            held.front.die()
        }
    }

    @Test("hold: done in the service that passes: the connection is the target's alone")
    func holdDone() throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, hold: done, pass_to: [app]}}
              app: {handoff: {heartbeat: false}}
            """
        try withSupervisor(table) { supervisor in
            let app = try RegisteredHandler("app", at: supervisor)
            let held = try HeldConnection(supervisor)
            try held.front.pass(held.baton.id, to: "app", held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            let baton = try app.receiveBaton()
            try app.acknowledge(baton.id)
            try supervisor.waitForService("app", "acknowledged") { $0.connections.handed_off == 1 }
            baton.socket.close()
            #expect(try held.client.receiveToEnd().isEmpty, "nobody holds a copy")
            try app.done(baton.id)
            held.front.die()
            app.die()
        }
    }
}
