import Foundation
import TestSupport
import Testing

/// Another program takes over in the same process, and nobody notices.
@Suite struct UpgradeTests {
    @Test("connections of every way go on, and their counters")
    func connections() throws {
        let table = """
            services:
              echo: {listen: "127.0.0.1:0", internal: echo}
              cat: {listen: "127.0.0.1:0", exec: /bin/cat}
              app: {listen: "127.0.0.1:0", handoff: {}}
              unix: {listen: "@SOCKET", internal: echo}
              relay: {listen: "127.0.0.1:0", redirect: "@SOCKET"}
            """.replacing("@SOCKET", with: "@baton-test-\(getpid())-\(Deadline.now())")
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let names = ["echo", "cat", "relay"]
            let clients = try names.map { try TestSocket.tcp(port: supervisor.port($0)) }
            for client in clients {
                try client.send("before"); #expect(try client.receive(exactly: 6) == Array("before".utf8))
            }
            let held = try TestSocket.tcp(port: supervisor.port("app"))
            let first = try handler.receiveBaton()
            try handler.acknowledge(first.id)
            try supervisor.waitForService("app", "holds one") { $0.connections.active == 1 }
            let waiting = try TestSocket.tcp(port: supervisor.port("app"))
            let second = try handler.receiveBaton()
            let before = try supervisor.status()

            try supervisor.upgrade()

            let after = try supervisor.status()
            #expect(after.pid == before.pid && after.uptime_seconds > before.uptime_seconds)
            for (old, new) in zip(before.services, after.services) {
                #expect(new.listeners.map(\.address) == old.listeners.map(\.address))
                #expect(new.connections.accepted == old.connections.accepted && new.connections.isBalanced)
                #expect(new.connections.active == old.connections.active)
                #expect(new.connections.handed_off == old.connections.handed_off)
            }
            for client in clients {
                try client.send("after"); #expect(try client.receive(exactly: 5) == Array("after".utf8))
            }
            try held.send("x")
            #expect(try first.socket.receive(exactly: 1) == [120])
            first.socket.close()
            try handler.done(first.id)
            try handler.acknowledge(second.id)
            try waiting.send("y")
            #expect(try second.socket.receive(exactly: 1) == [121])
            second.socket.close()
            try handler.done(second.id)
            let next = try TestSocket.tcp(port: supervisor.port("app"))
            let third = try handler.receiveBaton()
            #expect(third.id == 3 && third.connection > second.connection)
            third.socket.close()
            try handler.done(third.id)
            #expect(try next.receiveText().isEmpty)
            (clients + [held, waiting]).forEach { $0.close() }
            try supervisor.waitForService("app", "ended three") { $0.connections.ended == 3 }
            for name in names { try supervisor.waitForService(name, "done") { $0.connections.active == 0 } }
            handler.die()
            try supervisor.waitForService("app", "without handler") { $0.handlers.isEmpty }
        }
    }

    @Test(
        "a baton that was not acknowledged goes to the next handler, over every kind of channel",
        arguments: RegisteredHandler.Transport.allCases)
    func unacknowledged(_ transport: RegisteredHandler.Transport) throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: {interval: 50ms, timeout: 20s}}}
            """
        try withSupervisor(table) { supervisor in
            let first = try RegisteredHandler.register("app", over: transport, at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try first.receiveBaton()
            try supervisor.upgrade()
            // The channel goes on: it is asked for a sign of life, and its death is seen.
            let ping = try first.receive().message
            #expect(ping.kind == .ping)
            try first.send(HandlerMessage(.pong, id: ping.id))
            first.die()
            baton.socket.close()
            let second = try RegisteredHandler.register("app", over: transport, at: supervisor)
            let again = try second.receiveBaton()
            #expect(again.isRedelivery && again.connection == baton.connection)
            try again.socket.send("second")
            again.socket.close()
            try second.done(again.id)
            #expect(try client.receiveText() == "second")
            second.die()
            try supervisor.waitForService("app", "idle") { $0.handlers.isEmpty }
        }
    }

    @Test("a connection whose drained bytes a handler has taken goes to no other after it")
    func drainedBytes() throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {pass_to: [app]}}
              app: {listen: "127.0.0.1:0", handoff: {hold: done}}
            """
        try withSupervisor(table) { supervisor in
            let front = try RegisteredHandler("front", at: supervisor)
            let app = try RegisteredHandler("app", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            let baton = try front.receiveBaton()
            try front.acknowledge(baton.id)
            try front.pass(baton.id, to: "app", drained: Array("order".utf8), baton.socket)
            #expect(try front.receivePassed(baton.id) == nil)
            baton.socket.close()
            let taken = try app.receiveBaton()
            try app.acknowledge(taken.id)
            try supervisor.waitForService("app", "held") { $0.connections.active == 1 }
            try supervisor.upgrade()
            taken.socket.close()
            app.die()
            try supervisor.waitForService("app", "cut") { $0.connections.cut == 1 && $0.connections.queued == 0 }
            #expect(try client.receiveToEnd().isEmpty)
            front.die()
            try supervisor.waitForService("front", "idle") { $0.handlers.isEmpty }
        }
    }

    @Test("clients in the queue and in the backlog are served after it")
    func waitingClients() throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {}}
              cat: {listen: "127.0.0.1:0", exec: /bin/cat, instances: 1}
            """
        try withSupervisor(table) { supervisor in
            let queued = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "one queued") { $0.connections.queued == 1 }
            let first = try TestSocket.tcp(port: supervisor.port("cat"))
            try first.send("1")
            #expect(try first.receive(exactly: 1) == [49])
            let second = try TestSocket.tcp(port: supervisor.port("cat"))
            try second.send("2")

            try supervisor.upgrade()

            #expect(try supervisor.service("cat").state == "limited")
            let handler = try RegisteredHandler("app", at: supervisor)
            let baton = try handler.receiveBaton()
            #expect(!baton.isRedelivery)
            try baton.socket.send("served")
            baton.socket.close()
            try handler.done(baton.id)
            #expect(try queued.receiveText() == "served")
            first.close()
            #expect(try second.receive(exactly: 1) == [50])
            second.close()
            handler.die()
            try supervisor.waitForService("cat", "done") { $0.connections.ended == 2 }
            try supervisor.waitForService("app", "idle") { $0.handlers.isEmpty }
        }
    }

    @Test("what a source has and what rates have left counts on")
    func limits() throws {
        let table = """
            services:
              one: {listen: "127.0.0.1:0", internal: echo, per_source: 1}
              rate: {listen: "127.0.0.1:0", internal: discard, rate: 1/min, on_rate: refuse}
              source: {listen: "127.0.0.1:0", internal: discard, rate_per_source: 1/min}
            """
        try withSupervisor(table) { supervisor in
            let held = try TestSocket.tcp(port: supervisor.port("one"))
            for name in ["rate", "source"] {
                let client = try TestSocket.tcp(port: supervisor.port(name))
                try client.finishSending()
                #expect(try client.receiveToEnd().isEmpty)
            }
            try supervisor.waitForService("one", "one there") { $0.connections.active == 1 }
            try supervisor.upgrade()
            for (name, reason) in [("one", "per_source"), ("rate", "rate"), ("source", "rate_per_source")] {
                let client = try TestSocket.tcp(port: supervisor.port(name))
                #expect(try client.receiveToEnd().isEmpty)
                try supervisor.waitForService(name, "refused one") { $0.connections.refused == [reason: 1] }
            }
            held.close()
            try supervisor.waitForService("one", "free again") { $0.connections.active == 0 }
            let again = try TestSocket.tcp(port: supervisor.port("one"))
            try again.send("x")
            #expect(try again.receive(exactly: 1) == [120])
            again.close()
            try supervisor.waitForService("one", "done") { $0.connections.active == 0 }
        }
    }

    @Test("connections that have not found their service yet find it")
    func undecided() throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", route: {rules: [{match: {prefix: "GO"}, to: echo}]}}
              mux: {listen: "127.0.0.1:0", internal: tcpmux}
              proxied: {listen: "127.0.0.1:0", internal: echo, proxy_protocol: {from: [127.0.0.1/32]}}
              echo: {internal: echo, tcpmux: +echo}
            """
        try withSupervisor(table) { supervisor in
            let names = ["front", "mux", "proxied"]
            let clients = try names.map { try TestSocket.tcp(port: supervisor.port($0)) }
            try clients[0].send("G")
            try clients[1].send("ec")
            try clients[2].send("PRO")
            for name in names {
                try supervisor.waitForService(name, "has it") { $0.connections.accepted == 1 }
            }
            try supervisor.upgrade()
            try clients[0].send("O!")
            #expect(try clients[0].receive(exactly: 3) == Array("GO!".utf8))
            try clients[1].send("ho\r\nhey")
            #expect(try clients[1].receive(exactly: 8) == Array("+Go\r\nhey".utf8))
            try clients[2].send("XY TCP4 192.0.2.1 127.0.0.1 5 6\r\nhey")
            #expect(try clients[2].receive(exactly: 3) == Array("hey".utf8))
            clients.forEach { $0.close() }
            for name in names + ["echo"] {
                try supervisor.waitForService(name, "done") {
                    $0.connections.active + $0.connections.queued == 0 && $0.connections.isBalanced
                }
            }
        }
    }

    @Test("a wait handler keeps its socket, and its end is seen")
    func waitHandler() throws {
        let table = """
            services:
              once: {listen: "127.0.0.1:0", wait: true, exec: [/bin/sleep, "300"]}
            """
        try withSupervisor(table, leakCheck: false) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("once"))
            let handler = try supervisor.onlyHandler()
            try supervisor.waitForService("once", "waits") { $0.listeners[0].state == "waiting" }
            try supervisor.upgrade()
            #expect(try supervisor.service("once").listeners[0].state == "waiting")
            kill(handler.pid, SIGKILL)
            // The client is still there: the next one is started for it.
            #expect(eventually { supervisor.handlers().contains { $0.pid != handler.pid } })
            client.close()
        }
    }

    @Test("supervised handlers stay, and one that dies after it is started again")
    func supervised() throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {exec: ["@HANDLER"], start: eager, handlers: 2}
            """.replacing("@HANDLER", with: Repository.product("baton-example-handler"))
        try withSupervisor(table) { supervisor in
            let before = try supervisor.waitForService("app", "both ready") {
                $0.handlers.count == 2 && $0.handlers.allSatisfy { $0.state == "ready" }
            }
            supervisor.markBaseline()
            try supervisor.upgrade()
            let after = try supervisor.service("app")
            #expect(after.handlers.map(\.pid) == before.handlers.map(\.pid))
            #expect(after.handlers.map(\.started) == before.handlers.map(\.started))
            kill(before.handlers[0].pid, SIGKILL)
            try supervisor.waitForService("app", "two again") {
                $0.handlers.count == 2
                    && $0.handlers.allSatisfy { $0.state == "ready" && $0.pid != before.handlers[0].pid }
            }
            #expect(try supervisor.baton("restart", "app").status == .exited(0))
        }
    }

    @Test("listeners keep their sockets, and nothing leaks in twenty upgrades")
    func repeated() throws {
        let table = """
            services:
              echo: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: echo}
              cat: {listen: "127.0.0.1:0", exec: /bin/cat}
            """
        try withSupervisor(table) { supervisor in
            let sockets = supervisor.view.descriptors.values.filter { $0.hasPrefix("socket:") }
            for _ in 1...20 { try supervisor.upgrade() }
            let kept = Set(supervisor.view.descriptors.values).intersection(sockets)
            // Three listeners, and the sockets of the runtime directory.
            #expect(kept.count >= 7)
            let client = try TestSocket.tcp(port: supervisor.port("cat"))
            try client.send("x")
            #expect(try client.receive(exactly: 1) == [120])
            client.close()
            try supervisor.waitForService("cat", "done") { $0.connections.ended == 1 }
        }
    }

    @Test("regression: who has connected to register and has not been heard yet is heard by the next program")
    func unheard() throws {
        try withSupervisor("services: {app: {listen: \"127.0.0.1:0\", handoff: {heartbeat: false}}}") { supervisor in
            let silent = try RegisteredHandler(connectedTo: supervisor.runtimeDirectory + "/register.sock")
            let slow = try TestSocket.unix(supervisor.runtimeDirectory + "/register.stream.sock")
            let message = RegisteredHandler.registration("app").packet
            try slow.send(Array(message.prefix(5)))
            try supervisor.upgrade()
            try silent.register("app")
            #expect(try silent.receive().message.kind == .welcome)
            try slow.send(Array(message.dropFirst(5)))
            #expect(try HandlerMessage(packet: slow.receiveMessage().bytes).kind == .welcome)
            #expect(try supervisor.service("app").handlers.count == 2)
            silent.die()
            slow.close()
        }
    }

    @Test("USR2 upgrades; other clients of the control socket are told to connect again")
    func signal() throws {
        try withSupervisor("services: {echo: {listen: \"127.0.0.1:0\", internal: echo}}") { supervisor in
            let other = try TestSocket.unix(supervisor.runtimeDirectory + "/control.sock")
            try other.send("{\"method\": \"status\"}\n")
            _ = try other.receiveLine()
            try supervisor.process.signal(SIGUSR2)
            _ = try supervisor.log.wait(for: "has taken over")
            #expect(try other.receiveLine() == "{\"reconnect\":true}")
            #expect(try other.receiveToEnd().isEmpty)
        }
    }
}

extension RunningSupervisor {
    /// `baton upgrade`, which must work.
    func upgrade() throws {
        let output = try baton("upgrade")
        guard output.status == .exited(0), output.standardOutput.contains("has taken over from") else {
            throw TestFailure("\(output)")
        }
    }
}
