import Glibc
import TestSupport
import Testing

/// route: {courier: …}, and fronts that a handler passes connections to.
@Suite struct CourierRouteTests {
    private static let table = """
        services:
          courier:
            listen: "127.0.0.1:0"
            route:
              rules:
                - {match: {courier: {program: 2, version: 2-3}}, to: clearinghouse}
                - {match: {courier: {program: 15}}, to: time}
          mixed:
            listen: "127.0.0.1:0"
            route:
              rules:
                - {match: {prefix: "GET "}, to: time}
                - {match: {courier: {program: 2}}, to: clearinghouse}
              default: time
          mux: {internal: tcpmux, listen: "127.0.0.1:0"}
          clearinghouse: {handoff: {heartbeat: false, pass_to: [courier, mux]}}
          time: {exec: [cat], tcpmux: +time}
        """

    /// Words of 16 bits, as they go over the wire.
    private static func wire(_ words: UInt16...) -> [UInt8] {
        words.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    }

    private static let range = wire(2, 3)

    @Test("the client is told our range, and its own words stay in the stream for the program's handler")
    func program() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("clearinghouse", at: supervisor)
            for front in ["courier", "mixed"] {
                let client = try TestSocket.tcp(port: supervisor.port(front))
                try client.send(Self.wire(3, 3))
                // It may wait for the range before it calls.
                #expect(try client.receive(exactly: 4) == Self.range)
                let call = Self.wire(0, 7, 0, 2, 3, 1)
                try client.send(call)
                let baton = try handler.receiveBaton()
                #expect(baton.listener == front)
                try handler.acknowledge(baton.id)
                #expect(try baton.socket.receive(exactly: 16) == Self.wire(3, 3) + call)
                try baton.socket.send(Self.wire(2, 7))
                baton.socket.close()
                #expect(try client.receiveToEnd() == Self.wire(2, 7), "our range is said once")
                try handler.done(baton.id)
            }
            handler.die()
        }
    }

    @Test("where only Courier is served, the range is said before the client speaks")
    func speaksFirst() throws {
        try withSupervisor(Self.table) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("courier"))
            #expect(try client.receive(exactly: 4) == Self.range)
            try client.send(Self.wire(3, 3, 0, 1, 0, 15, 1, 0))
            try client.finishSending()
            #expect(try client.receiveToEnd() == Self.wire(3, 3, 0, 1, 0, 15, 1, 0))
        }
    }

    @Test("a program or version that nobody has is answered with REJECT, and counted")
    func reject() throws {
        try withSupervisor(Self.table) { supervisor in
            for (call, answer) in [
                (Self.wire(3, 3, 0, 7, 0, 9, 1, 1), Self.wire(1, 7, 0)),
                (Self.wire(3, 3, 0, 8, 0, 2, 9, 1), Self.wire(1, 8, 1, 2, 3)),
            ] {
                let client = try TestSocket.tcp(port: supervisor.port("courier"))
                try client.send(call)
                #expect(try client.receiveToEnd() == Self.range + answer)
            }
            let counts = try supervisor.waitForService("courier", "refused") { $0.connections.refused["route"] == 2 }
            #expect(counts.connections.active == 0)
            _ = try supervisor.log.wait(for: "nobody has Courier program 9")
        }
    }

    @Test("a connection that a handler passes back to the front is routed by what it has drained")
    func again() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("clearinghouse", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("courier"))
            try client.send(Self.wire(3, 3, 0, 7, 0, 2, 3, 1))
            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            _ = try baton.socket.receive(exactly: 16)
            #expect(try client.receive(exactly: 4) == Self.range)
            // The next call is for another program. Half of it is drained, the rest is still in the socket.
            let call = Self.wire(0, 8, 0, 15, 1, 2)
            try client.send(call)
            let drained = try baton.socket.receive(exactly: 6)
            try handler.pass(baton.id, to: "courier", drained: drained, baton.socket)
            #expect(try handler.receivePassed(baton.id) == nil)
            baton.socket.close()
            #expect(try client.receive(exactly: 12) == call, "no second range")
            client.close()
            handler.die()
            try supervisor.waitForService("time", "ended") { $0.connections.ended == 1 }
        }
    }

    @Test("tcpmux takes its line off the drained bytes first", arguments: ["time\r\nrest", "ti", "time\r\n"])
    func multiplexed(_ drained: String) throws {
        let whole = "time\r\nrest of it"
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("clearinghouse", at: supervisor)
            let (client, socket) = try TestSocket.pair()
            try handler.pass(1 << 63, to: "mux", drained: Array(drained.utf8), socket)
            #expect(try handler.receivePassed(1 << 63) == nil)
            socket.close()
            try client.send(Array(whole.utf8.dropFirst(drained.utf8.count)))
            try client.finishSending()
            #expect(try client.receiveText() == "+Go\r\nrest of it")
            handler.die()
        }
    }

    @Test("a client that drips its head costs no more looks than its time allows, and is served all the same")
    func drip() throws {
        let table = """
            services:
              front:
                listen: "127.0.0.1:0"
                route: {timeout: 20s, rules: [{match: {http: {host: a.example}}, to: web}]}
              web: {exec: [cat]}
            """
        try withSupervisor(table) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            try client.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
            let head = "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 600))\r\nHost: a.example\r\n\r\n"
            for byte in head.utf8 { try client.send([byte]) }
            try client.finishSending()
            #expect(try client.receiveText() == head)
        }
    }
}
