import Foundation
import Glibc
import TestSupport
import Testing

/// internal: tcpmux (RFC 1078): the client names its service on the first line.
@Suite(.serialized) struct TCPMuxTests {
    private static let table = """
        services:
          mux: {listen: "127.0.0.1:0", internal: tcpmux, instances: unlimited, per_source: unlimited}
          cat: {exec: [/bin/cat], tcpmux: +cat}
          own: {exec: [/bin/sh, -c, "printf '+mine\\\\r\\\\n'; exec cat"], tcpmux: Own}
          mirror: {internal: echo, tcpmux: +Mirror}
          app: {handoff: {heartbeat: false}, tcpmux: +app}
          small: {exec: [/bin/cat], tcpmux: +small, instances: 1}
          off: {exec: [/bin/cat], tcpmux: +off, enabled: false}
        """

    private func connect(_ supervisor: RunningSupervisor, saying text: String = "") throws -> TestSocket {
        let client = try TestSocket.tcp(port: supervisor.port("mux"))
        if !text.isEmpty { try client.send(text) }
        return client
    }

    @Test("+NAME: Baton says +, then the service has the connection, and all that was sent behind the line")
    func pipelined() throws {
        try withSupervisor(Self.table) { supervisor in
            let client = try connect(supervisor, saying: "cat\r\nhello\r\nworld")
            #expect(try client.receiveLine() == "+Go\r")
            #expect(try client.receive(exactly: 12) == Array("hello\r\nworld".utf8))
            try client.finishSending()
            #expect(try client.receiveToEnd().isEmpty)
            let target = try supervisor.waitForService("cat", "ended") { $0.connections.ended == 1 }
            #expect(target.connections.accepted == 1 && target.connections.spawned == 1)
            let front = try supervisor.service("mux").connections
            #expect(front.accepted == 1 && front.ended == 1 && front.active == 0)
        }
    }

    @Test("NAME: the service says + itself; case does not matter")
    func ownAnswer() throws {
        try withSupervisor(Self.table) { supervisor in
            for name in ["own", "OWN", "oWn"] {
                let client = try connect(supervisor, saying: "\(name)\r\nx")
                #expect(try client.receiveLine() == "+mine\r")
                #expect(try client.receive(exactly: 1) == Array("x".utf8))
                client.close()
            }
            try supervisor.waitForService("own", "ended") { $0.connections.ended == 3 }
        }
    }

    @Test("a client that sends byte by byte is served the same")
    func byteByByte() throws {
        try withSupervisor(Self.table) { supervisor in
            let client = try connect(supervisor)
            try client.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
            for byte in Array("mirror\r\nrest".utf8) {
                try client.send([byte])
                // Until it has arrived: each byte is a packet of its own.
                #expect(
                    eventually {
                        var left: Int32 = 0
                        return ioctl(client.descriptor, UInt(TIOCOUTQ), &left) == 0 && left == 0
                    })
            }
            #expect(try client.receiveLine() == "+Go\r")
            #expect(try client.receive(exactly: 4) == Array("rest".utf8))
            client.close()
            try supervisor.waitForService("mirror", "ended") { $0.connections.ended == 1 }
        }
    }

    @Test("a line that ends in LF alone is taken as well")
    func lineFeed() throws {
        try withSupervisor(Self.table) { supervisor in
            let client = try connect(supervisor, saying: "mirror\nx")
            #expect(try client.receiveLine() == "+Go\r")
            #expect(try client.receive(exactly: 1) == Array("x".utf8))
        }
    }

    @Test("HELP lists the names, one a line, in any case")
    func help() throws {
        try withSupervisor(Self.table) { supervisor in
            for word in ["HELP", "help"] {
                let text = try connect(supervisor, saying: "\(word)\r\n").receiveText()
                #expect(text == "cat\r\nOwn\r\nMirror\r\napp\r\nsmall\r\n")
            }
            try supervisor.waitForService("mux", "ended") { $0.connections.ended == 2 }
        }
    }

    @Test(
        "what leads to no service is told with - and a reason, and counted",
        arguments: [
            ("nobody\r\n", "-there is no service nobody\r\n"),
            ("off\r\n", "-there is no service off\r\n"),
            ("+cat\r\n", "-there is no service +cat\r\n"),
            ("\r\n", "-that is no service name\r\n"),
            ("two words\r\nrest", "-that is no service name\r\n"),
            ("\u{1}", "-that is no service name\r\n"),
            ("GET / HTTP/1.1\r\n", "-that is no service name\r\n"),
            (String(repeating: "x", count: 300), "-the line is too long\r\n"),
            (String(repeating: "x", count: 255) + "\r\n", "-there is no service " + String(repeating: "x", count: 225)),
        ])
    func refusals(line: String, answer: String) throws {
        try withSupervisor(Self.table) { supervisor in
            let text = try connect(supervisor, saying: line).receiveText()
            #expect(text.hasPrefix(answer) && text.hasSuffix("\r\n"), "\(text)")
            let front = try supervisor.waitForService("mux", "refused") { $0.connections.refused["route"] == 1 }
            #expect(front.connections.active == 0)
        }
    }

    @Test("a service at its limit refuses: it is counted there, and the client is told")
    func full() throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try connect(supervisor, saying: "small\r\n")
            #expect(try first.receiveLine() == "+Go\r")
            let second = try connect(supervisor, saying: "small\r\n")
            #expect(try second.receiveText() == "-instances is reached\r\n")
            let service = try supervisor.service("small").connections
            #expect(service.accepted == 2 && service.refused["instances"] == 1 && service.active == 1)
            first.close()
            try supervisor.waitForService("small", "ended") { $0.connections.ended == 1 }
            let third = try connect(supervisor, saying: "small\r\n")
            #expect(try third.receiveLine() == "+Go\r")
            third.close()
            second.close()
        }
    }

    @Test("a client that leaves before it has named a service has ended")
    func leaves() throws {
        try withSupervisor(Self.table) { supervisor in
            let silent = try connect(supervisor)
            let half = try connect(supervisor, saying: "ca")
            let ends = try connect(supervisor, saying: "ca")
            try supervisor.waitForService("mux", "active") { $0.connections.active == 3 }
            silent.close()
            try half.reset()
            try ends.finishSending()
            #expect(try ends.receiveToEnd().isEmpty)
            try supervisor.waitForService("mux", "ended") { $0.connections.ended == 3 && $0.connections.active == 0 }
        }
    }

    @Test("a thousand silent clients cost no processor, and others are served beside them")
    func silence() throws {
        try withSupervisor(Self.table) { supervisor in
            let silent = try (0..<1000).map { number in
                try connect(supervisor, saying: number.isMultiple(of: 2) ? "" : "mirro")
            }
            try supervisor.waitForService("mux", "active") { $0.connections.active == 1000 }
            let used = try #require(supervisor.view.processorSeconds)
            idleInterval(seconds: 0.5)
            #expect(try #require(supervisor.view.processorSeconds) - used < 0.1, "it spins")
            let client = try connect(supervisor, saying: "mirror\r\nhere")
            #expect(try client.receiveLine() == "+Go\r")
            #expect(try client.receive(exactly: 4) == Array("here".utf8))
            client.close()
            silent.forEach { $0.close() }
            try supervisor.waitForService("mux", "ended") { $0.connections.active == 0 }
        }
    }

    @Test("a persistent handler gets the connection behind the line")
    func handoff() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let client = try connect(supervisor, saying: "app\r\nquestion")
            let baton = try handler.receiveBaton()
            #expect(baton.service == "app" && baton.listener == "mux")
            try handler.acknowledge(baton.id)
            #expect(try baton.socket.receive(exactly: 8) == Array("question".utf8))
            try baton.socket.send("answer")
            baton.socket.close()
            try handler.done(baton.id)
            #expect(try client.receiveText() == "+Go\r\nanswer")
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }
            handler.die()
            try supervisor.waitForService("app", "idle") { $0.handlers.isEmpty }
        }
    }

    @Test("a handler that dies before it took the connection gives it to the next one, whole")
    func redelivery() throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try RegisteredHandler("app", at: supervisor)
            let client = try connect(supervisor, saying: "app\r\nquestion")
            _ = try first.receiveBaton()
            first.die()
            let second = try RegisteredHandler("app", at: supervisor)
            let baton = try second.receiveBaton()
            try second.acknowledge(baton.id)
            #expect(try baton.socket.receive(exactly: 8) == Array("question".utf8))
            baton.socket.close()
            try second.done(baton.id)
            #expect(try client.receiveText() == "+Go\r\n", "said once")
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }
            second.die()
            try supervisor.waitForService("app", "idle") { $0.handlers.isEmpty }
        }
    }

    @Test("the target's lists and limits decide, and a place here is free again when there is one there")
    func admission() throws {
        let table = """
            services:
              mux: {listen: "127.0.0.1:0", internal: tcpmux, instances: 1, per_source: 1}
              open: {exec: [/bin/cat], tcpmux: +open, per_source: 2}
              closed: {exec: [/bin/cat], tcpmux: +closed, no_access: [127.0.0.1]}
            """
        try withSupervisor(table) { supervisor in
            let refused = try connect(supervisor, saying: "closed\r\n")
            #expect(try refused.receiveText() == "-its source is not admitted\r\n")
            refused.close()
            try supervisor.waitForService("mux", "free") { $0.connections.ended == 1 && $0.state == "ready" }
            #expect(try supervisor.service("closed").connections.refused == ["source": 1])

            let clients = try (0..<2).map { number in
                let client = try connect(supervisor, saying: "open\r\n\(number)")
                #expect(try client.receiveLine() == "+Go\r")
                #expect(try client.receive(exactly: 1) == Array("\(number)".utf8))
                return client
            }
            let third = try connect(supervisor, saying: "open\r\n")
            #expect(try third.receiveText() == "-per_source is reached\r\n")
            clients.forEach { $0.close() }
            third.close()
            try supervisor.waitForService("open", "ended") { $0.connections.ended == 2 }
        }
    }

    @Test("a redirect can be named, too")
    func redirect() throws {
        let target = try TestSocket.bound()
        try target.listen()
        let table = """
            services:
              mux: {listen: "127.0.0.1:0", internal: tcpmux}
              away: {redirect: "127.0.0.1:\(try target.localPort)", tcpmux: +away}
            """
        try withSupervisor(table) { supervisor in
            let client = try connect(supervisor, saying: "away\r\nfar")
            let server = try target.accept()
            #expect(try server.receive(exactly: 3) == Array("far".utf8))
            try server.send("here")
            server.close()
            #expect(try client.receiveText() == "+Go\r\nhere")
        }
    }

    @Test("over a Unix socket")
    func unix() throws {
        let directory = try TemporaryDirectory()
        let table = """
            services:
              mux: {listen: "\(directory.path("mux.sock"))", internal: tcpmux}
              cat: {exec: [/bin/cat], tcpmux: +cat}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let client = try TestSocket.unix(directory.path("mux.sock"))
            try client.send("ca")
            try client.send("t\r\nmore")
            try client.finishSending()
            #expect(try client.receiveText() == "+Go\r\nmore")
        }
    }

    @Test("a stop closes on clients that have not named a service")
    func stop() throws {
        let supervisor = try RunningSupervisor("limits: {stop_timeout: 30s}\n" + Self.table)
        let client = try connect(supervisor)
        try supervisor.waitForService("mux", "active") { $0.connections.active == 1 }
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        try supervisor.waitForService("mux", "draining") { $0.state == "draining" }
        try supervisor.process.signal(SIGTERM)
        #expect(try client.receiveToEnd().isEmpty)
        try supervisor.expectEnd(of: family)
    }
}
