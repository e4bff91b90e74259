import Glibc
import TestSupport
import Testing

/// redirect: bytes relayed to another address, by the real program.
@Suite(.serialized) struct RedirectTests {
    @Test("the client's end is passed on, and the target answers after it")
    func clientEndsFirst() throws {
        let target = try listening()
        try withSupervisor(redirectTable(target)) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("r"))
            let server = try target.accept()
            try client.send("question")
            try client.finishSending()
            #expect(try server.receiveText() == "question")
            try server.send("answer")
            server.close()
            #expect(try client.receiveText() == "answer")
            client.close()
            try supervisor.waitForService("r", "ended") { $0.connections.ended == 1 && $0.connections.active == 0 }
        }
    }

    @Test("the target's end is passed on, and the client speaks after it")
    func targetEndsFirst() throws {
        let target = try listening()
        try withSupervisor(redirectTable(target)) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("r"))
            let server = try target.accept()
            try server.send("greeting")
            try server.finishSending()
            #expect(try client.receiveText() == "greeting")
            try client.send("late")
            client.close()
            #expect(try server.receiveText() == "late")
        }
    }

    @Test("64 MiB in both directions at once arrive as they were sent")
    func volume() throws {
        let target = try listening()
        try withSupervisor(redirectTable(target)) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("r"))
            let server = try target.accept()
            let there = noise(64 << 20, seed: 1)
            let back = noise(64 << 20, seed: 2)
            var exchange = Exchange(client, sending: there, server, sending: back)
            let got = try exchange.run()
            let isSame = (got.one == back, got.other == there)
            #expect(isSame == (true, true))
            client.close()
            server.close()
            let line = try supervisor.service("r").connections
            #expect(line.ended == 1 || line.active == 1)
        }
    }

    @Test("thousands of quiet relays hold their two sockets each, no pipe, no process, and little memory")
    func thousands() throws {
        let count = 2_000
        let target = try listening(backlog: 4096)
        try withSupervisor(redirectTable(target, ", instances: unlimited")) { supervisor in
            let port = try supervisor.port("r")
            let before = try supervisor.memory()
            let kinds = supervisor.view.descriptorKinds
            var clients: [TestSocket] = []
            var servers: [TestSocket] = []
            for number in 0..<count {
                let client = try TestSocket.tcp(port: port)
                let server = try target.accept()
                try client.send("client \(number)")
                #expect(try server.receive() == Array("client \(number)".utf8))
                clients.append(client)
                servers.append(server)
            }
            for number in stride(from: 0, to: count, by: 7) {
                try servers[number].send("server \(number)")
                #expect(try clients[number].receive() == Array("server \(number)".utf8))
            }
            let now = supervisor.view.descriptorKinds
            let sockets = now.count { $0 == "socket:" } - kinds.count { $0 == "socket:" }
            // One that asked for the status may still be being closed.
            #expect(abs(sockets - 2 * count) <= 1)
            #expect(now.count { $0 == "pipe:" } - kinds.count { $0 == "pipe:" } <= 16)
            #expect(supervisor.handlers().isEmpty)
            let grown = try supervisor.memory() - before
            #expect(grown < 4 * count, "\(grown) KiB for \(count) relays")
            try supervisor.waitForService("r", "all active") { $0.connections.active == count }
            clients.forEach { $0.close() }
            servers.forEach { $0.close() }
            try supervisor.waitForService("r", "all ended") { $0.connections.ended == count }
        }
    }

    @Test("a client that does not read slows its own sender down, costs no processor, and stops nobody")
    func slowReader() throws {
        let target = try listening()
        try withSupervisor(redirectTable(target)) { supervisor in
            let port = try supervisor.port("r")
            let slow = try TestSocket.tcp(port: port)
            let slowServer = try target.accept()
            // Until the kernel's buffers are full.
            var sent = 0
            let piece = noise(1 << 16, seed: 3)
            while waitFor(POLLOUT, on: slowServer.descriptor, until: Deadline(seconds: 0.2)) {
                let count = Glibc.send(slowServer.descriptor, piece, piece.count, Int32(MSG_DONTWAIT))
                if count > 0 { sent += count }
                try #require(sent < 1 << 30, "nothing slows the sender down")
            }
            let memory = try supervisor.memory()
            let client = try TestSocket.tcp(port: port)
            let server = try target.accept()
            let there = noise(8 << 20, seed: 4)
            var exchange = Exchange(client, sending: there, server, sending: there)
            let got = try exchange.run()
            let isSame = got.one == there && got.other == there
            #expect(isSame)
            #expect(try supervisor.memory() - memory < 4096)

            let used = try #require(supervisor.view.processorSeconds)
            idleInterval(seconds: 0.5)
            #expect(try #require(supervisor.view.processorSeconds) - used < 0.1, "it spins")

            slowServer.close()
            var received = 0
            while case let bytes = try slow.receive(), !bytes.isEmpty { received += bytes.count }
            #expect(received == sent, "everything arrives once it is read")
        }
    }

    @Test("a dead target is a refusal with its reason, shown in the status and the log")
    func deadTarget() throws {
        let target = try TestSocket.bound()
        try withSupervisor(redirectTable(target)) { supervisor in
            for _ in 0..<3 {
                let client = try TestSocket.tcp(port: supervisor.port("r"))
                #expect(try client.receiveToEnd().isEmpty)
            }
            let service = try supervisor.waitForService("r", "refused") { $0.connections.refused["no_handler"] == 3 }
            #expect(service.connections.accepted == 3)
            try supervisor.log.wait(for: "refused", "Connection refused")
            let status = try supervisor.baton("status").standardOutput
            #expect(status.contains("connect to 127.0.0.1:\(try target.localPort): Connection refused"))
            // It comes to life.
            try target.listen()
            let client = try TestSocket.tcp(port: supervisor.port("r"))
            let server = try target.accept()
            try server.send("here")
            server.close()
            #expect(try client.receiveText() == "here")
        }
    }

    @Test("a reset on one side is a reset on the other, never a clean end")
    func reset() throws {
        let target = try listening()
        try withSupervisor(redirectTable(target)) { supervisor in
            func pair() throws -> (client: TestSocket, server: TestSocket) {
                (try TestSocket.tcp(port: supervisor.port("r")), try target.accept())
            }
            let (client, server) = try pair()
            try client.send("half a mess")
            #expect(try server.receive(exactly: 11).count == 11)
            try client.reset()
            #expect(server.readFails(with: ECONNRESET))

            let (second, secondServer) = try pair()
            try secondServer.send("half an ans")
            #expect(try second.receive(exactly: 11).count == 11)
            try secondServer.reset()
            #expect(second.readFails(with: ECONNRESET))

            // After the client has ended its way.
            let (third, thirdServer) = try pair()
            try third.finishSending()
            #expect(try thirdServer.receiveToEnd().isEmpty)
            try thirdServer.reset()
            #expect(third.readFails(with: ECONNRESET))
            try supervisor.waitForService("r", "ended") { $0.connections.ended == 3 }
        }
    }

    @Test("what a client said before it broke off still arrives")
    func lastWords() throws {
        let target = try listening()
        try withSupervisor(redirectTable(target)) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("r"))
            let server = try target.accept()
            try server.send("nobody will read this")
            try client.send("last words")
            #expect(client.isReadable(within: 5))
            client.close()  // With unread input: a reset.
            #expect(try server.receive(exactly: 10) == Array("last words".utf8))
            #expect(server.readFails(with: ECONNRESET))
        }
    }

    @Test("busy_reply is what the client of a dead target reads")
    func busyReply() throws {
        let target = try TestSocket.bound()
        try withSupervisor(redirectTable(target, ", busy_reply: \"421 away\\r\\n\"")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("r"))
            try client.send("EHLO me")
            #expect(try client.receiveText() == "421 away\r\n")
        }
    }

    @Test("instances limits relays: the next client waits in the backlog until there is room")
    func instances() throws {
        let target = try listening()
        try withSupervisor(redirectTable(target, ", instances: 1")) { supervisor in
            let port = try supervisor.port("r")
            let first = try TestSocket.tcp(port: port)
            let firstServer = try target.accept()
            let second = try TestSocket.tcp(port: port)
            try second.send("waits")
            try supervisor.waitForService("r", "limited") { $0.state == "limited" && $0.connections.accepted == 1 }
            first.close()
            firstServer.close()
            let secondServer = try target.accept()
            #expect(try secondServer.receive(exactly: 5) == Array("waits".utf8))
        }
    }

    @Test("a stop lets relays finish, and breaks off those that do not")
    func stop() throws {
        let target = try listening()
        let directory = try TemporaryDirectory()
        let text =
            "limits: {stop_timeout: 30s}\nservices: {r: {listen: '127.0.0.1:0', redirect: '127.0.0.1:\(try target.localPort)'}}"
        let supervisor = try RunningSupervisor(text, in: directory)
        let client = try TestSocket.tcp(port: supervisor.port("r"))
        let server = try target.accept()
        let other = try TestSocket.tcp(port: supervisor.port("r"))
        let otherServer = try target.accept()
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        try supervisor.waitForService("r", "draining") { $0.state == "draining" }
        try client.send("still")
        #expect(try server.receive(exactly: 5) == Array("still".utf8))
        client.close()
        server.close()
        try supervisor.waitForService("r", "one left") { $0.connections.active == 1 }
        try supervisor.process.signal(SIGTERM)
        #expect(other.readFails(with: ECONNRESET))
        #expect(otherServer.readFails(with: ECONNRESET))
        try supervisor.expectEnd(of: family)
    }
}
