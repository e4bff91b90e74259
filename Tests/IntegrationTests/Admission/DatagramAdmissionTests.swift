import TestSupport
import Testing

/// Who gets in, where there is no connection: datagrams are dropped, with a reason.
@Suite struct DatagramAdmissionTests {
    @Test("internal: only_from drops the others")
    func source() throws {
        let table = """
            services:
              echo: {listen: "udp://127.0.0.1:0", internal: echo, only_from: [127.0.0.2]}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("echo")
            let unwanted = try TestSocket.udp(port: port, from: "127.0.0.3")
            for _ in 0..<5 { try unwanted.send("x") }
            let wanted = try TestSocket.udp(port: port, from: "127.0.0.2")
            #expect(try wanted.isServed())
            #expect(try supervisor.service("echo").connections.dropped == ["source": 5])
            #expect(!unwanted.isReadable(within: 0.01))
        }
    }

    @Test("internal: rate drops what is over it")
    func rate() throws {
        let table = """
            services:
              echo: {listen: "udp://127.0.0.1:0", internal: echo, rate: {rate: 1/h, burst: 3}, on_rate: refuse}
            """
        try withSupervisor(table) { supervisor in
            let client = try TestSocket.udp(port: supervisor.port("echo"))
            for _ in 0..<3 { #expect(try client.isServed()) }
            for _ in 0..<4 { try client.send("x") }
            try supervisor.waitForService("echo", "dropped") { $0.connections.dropped == ["rate": 4] }
        }
    }

    @Test("wait: each start takes one token of rate, and the others wait in the socket")
    func startRate() throws {
        let table = """
            services:
              one:
                listen: "udp://127.0.0.1:0"
                exec: [/bin/dd, bs=10, count=1, of=/dev/null]
                stderr: null
                wait: true
                rate: {rate: 1/h, burst: 2}
            """
        try withSupervisor(table) { supervisor in
            let client = try TestSocket.udp(port: supervisor.port("one"))
            for _ in 0..<4 { try client.send("x") }
            try supervisor.waitForService("one", "over its rate") {
                $0.connections.spawned == 2 && $0.state == "limited" && $0.listeners[0].state == "paused"
            }
            #expect(try supervisor.service("one").connections.dropped.isEmpty)
        }
    }

    @Test("wait: a datagram of an unwanted source is eaten and starts nothing; a wanted one starts the handler")
    func wait() throws {
        let program = """
            import socket
            s = socket.socket(fileno=0)
            data, peer = s.recvfrom(100)
            s.sendto(data.upper(), peer)
            """.split(separator: "\n").joined(separator: "; ")
        let table = """
            services:
              upper:
                listen: "udp://127.0.0.1:0"
                exec: [/usr/bin/python3, -c, "\(program)"]
                wait: true
                only_from: [127.0.0.2]
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("upper")
            let unwanted = try TestSocket.udp(port: port, from: "127.0.0.3")
            for _ in 0..<40 { try unwanted.send("x") }
            try supervisor.waitForService("upper", "dropped") { $0.connections.dropped == ["source": 40] }
            #expect(try supervisor.service("upper").connections.spawned == 0)
            let wanted = try TestSocket.udp(port: port, from: "127.0.0.2")
            try wanted.send("hello")
            #expect(try wanted.receive() == Array("HELLO".utf8))
            try supervisor.waitForService("upper", "spawned") { $0.connections.spawned == 1 }
        }
    }
}
