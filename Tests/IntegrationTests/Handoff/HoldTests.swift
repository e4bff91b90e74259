import Glibc
import TestSupport
import Testing

/// `hold: done`: what a handler that died had taken but not touched goes to the next one (service-table.md, `hold`).
@Suite struct HoldTests {
    private static func supervised(_ behaviour: String) -> String {
        """
        services:
          app:
            listen: "127.0.0.1:0"
            handoff:
              exec: [/usr/bin/python3, \(Repository.path("Tests/Fixtures/supervised.py")), \(behaviour)]
              restart: {backoff: {first: 20ms, longest: 200ms}}
              max_deliveries: 3
              hold: done
        """
    }

    private static let table = """
        services:
          app: {listen: "127.0.0.1:0", handoff: {heartbeat: false, hold: done}, per_source: unlimited}
        """

    /// Takes the next connection and says so.
    private func take(_ handler: RegisteredHandler) throws -> ReceivedBaton {
        let baton = try handler.receiveBaton()
        try handler.acknowledge(baton.id)
        return baton
    }

    @Test("a connection that was acknowledged and not touched goes to the next handler; one that was, is cut")
    func redelivery() throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let clients = try (0..<3).map { _ in try TestSocket.tcp(port: port) }
            let taken = try clients.map { _ in try take(first) }
            try clients[0].send("untouched")
            try taken[1].socket.send("answer")
            try clients[2].send("peeked at")
            var byte: UInt8 = 0
            #expect(recv(taken[2].socket.descriptor, &byte, 1, Int32(MSG_PEEK)) == 1)
            try supervisor.waitForService("app", "taken") { $0.connections.active == 3 }
            taken.forEach { $0.socket.close() }
            first.die()
            try supervisor.waitForService("app", "requeued") { $0.connections.queued == 2 && $0.connections.cut == 1 }
            #expect(try clients[1].receiveText() == "answer")
            let second = try RegisteredHandler("app", at: supervisor)
            for (place, text) in [(0, "untouched"), (2, "peeked at")] {
                let baton = try take(second)
                #expect(baton.connection == taken[place].connection && baton.isRedelivery)
                #expect(try baton.socket.receive(exactly: 9) == Array(text.utf8))
                try baton.socket.shutDown()
                #expect(try clients[place].receiveToEnd().isEmpty)
                baton.socket.close()
                try second.done(baton.id)
            }
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 2 }.connections
            #expect(counts.requeued == 2 && counts.handed_off == 5 && counts.abandoned == 0)
            second.die()
        }
    }

    @Test("the supervisor's copy lives until DONE: a handler ends a connection with shutdown, DONE closes the copy")
    func copyUntilDone() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let client = try TestSocket.tcp(port: port)
            let baton = try take(handler)
            baton.socket.close()
            #expect(!client.isReadable(within: 0.1), "close alone sends no FIN")
            try handler.done(baton.id)
            #expect(try client.receiveToEnd().isEmpty)
            let other = try TestSocket.tcp(port: port)
            let ended = try take(handler)
            try ended.socket.shutDown()
            #expect(try other.receiveToEnd().isEmpty)
            ended.socket.close()
            try handler.done(ended.id)
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 2 }
            handler.die()
        }
    }

    @Test("regression: drained bytes may be acted on without a touch of the socket, so what was taken with them is cut")
    func drained() throws {
        let table = """
            services:
              front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [app]}}
              app: {handoff: {heartbeat: false, hold: done}}
            """
        try withSupervisor(table) { supervisor in
            let held = try HeldConnection(supervisor)
            let first = try RegisteredHandler("app", at: supervisor)
            try held.front.pass(held.baton.id, to: "app", drained: Array("the request".utf8), held.baton.socket)
            #expect(try held.front.receivePassed(held.baton.id) == nil)
            held.baton.socket.close()
            let baton = try first.receiveBaton()
            try first.acknowledge(baton.id)
            try supervisor.waitForService("app", "acknowledged") { $0.connections.handed_off == 1 }
            baton.socket.close()
            first.die()
            let counts = try supervisor.waitForService("app", "cut") { $0.connections.cut == 1 }.connections
            #expect(counts.requeued == 0)
            held.front.die()
        }
    }

    @Test("many silent clients of a handler that died go to the next one together")
    func silentClients() throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try RegisteredHandler("app", at: supervisor)
            let port = try supervisor.port("app")
            let clients = try (0..<200).map { _ in try TestSocket.tcp(port: port) }
            for _ in clients { try take(first).socket.close() }
            try supervisor.waitForService("app", "taken") { $0.connections.active == 200 }
            first.die()
            try supervisor.waitForService("app", "requeued") { $0.connections.queued == 200 }
            let second = try RegisteredHandler("app", at: supervisor)
            let begin = Deadline.now()
            let batons = try clients.map { _ in try take(second) }
            #expect(Deadline.now() - begin < 5_000_000_000)
            for (client, baton) in zip(clients, batons) {
                try baton.socket.send("here")
                try baton.socket.shutDown()
                #expect(try client.receiveText() == "here")
                baton.socket.close()
                try second.done(baton.id)
            }
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 200 && $0.connections.cut == 0 }
            second.die()
        }
    }

    @Test("a connection whose first bytes kill whoever looks at them is found and given up; the others are served")
    func poisonAfterAcknowledgement() throws {
        try withSupervisor(Self.supervised("peek")) { supervisor in
            let port = try supervisor.port("app")
            let clients = try (0..<6).map { number in
                let client = try TestSocket.tcp(port: port)
                try client.send(number == 2 ? "poison\n" : "number \(number)\n")
                return client
            }
            for (number, client) in clients.enumerated() {
                let text = try? client.receiveText()
                if number == 2 {
                    #expect(text?.isEmpty != false)
                } else {
                    #expect(text?.hasSuffix("number \(number)\n") == true, "\(number): \(text ?? "reset")")
                }
            }
            let counts = try supervisor.waitForService("app", "settled") { $0.connections.active == 0 }.connections
            #expect(counts.abandoned == 1 && counts.ended == 5 && counts.cut == 0)
            _ = try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
            supervisor.markBaseline()
        }
    }

    @Test(
        "regression: silent connections whose handler dies of each are given up, alone or many; the others are served",
        arguments: [1, 3])
    func silentPoison(count: Int) throws {
        try withSupervisor(Self.supervised("mute")) { supervisor in
            let port = try supervisor.port("app")
            let silent = try (0..<count).map { _ in try TestSocket.tcp(port: port) }
            for client in silent { try client.finishSending() }
            try supervisor.waitForService("app", "given up") { $0.connections.abandoned == count }
            for client in silent { #expect((try? client.receiveToEnd())?.isEmpty != false) }
            let client = try TestSocket.tcp(port: port)
            try client.send("hello\n")
            #expect(try client.receiveText().hasSuffix(" hello\n"))
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }.connections
            #expect(counts.cut == 0 && counts.active == 0)
            supervisor.markBaseline()
        }
    }

    @Test(
        "handlers of the libraries end their connections, and nothing is held for longer",
        arguments: ExampleHandler.allCases)
    func libraries(handler: ExampleHandler) throws {
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                handoff: {exec: [\(try handler.command.joined(separator: ", "))], start: eager, hold: done}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("app")
            try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
            supervisor.markBaseline()
            for number in 0..<50 {
                let client = try TestSocket.tcp(port: port)
                try client.send("\(number)\n")
                #expect(try client.receiveText().hasSuffix(" \(number)\n"))
            }
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 50 && $0.connections.active == 0 }
        }
    }

    @Test("a handler that sends no DONE is not taken")
    func noDone() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler(connectedTo: supervisor.runtimeDirectory + "/register.sock")
            try handler.register("app", traits: 2)
            let answer = try handler.receive().message
            #expect(answer.kind == .reject && answer.text.contains("trait 2"))
        }
    }
}
