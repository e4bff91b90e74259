import Glibc
import HandoffProtocol
import TestSupport
import Testing

/// PROXY headers from trusted senders, through the real program.
@Suite struct ProxyTests {
    private static func table(_ dispatch: String, _ keys: String = "", proxy: String = "") -> String {
        """
        services:
          app:
            listen: "127.0.0.1:0"
            \(dispatch)
            proxy_protocol: {from: [127.0.0.1]\(proxy)}
            \(keys)
        """
    }

    private static let two = ProxyHeader.tcp4(
        source: .init(bits: 0xc000_0205, port: 4711), destination: .init(bits: 0xc633_6409, port: 443))

    static let good: [(name: String, header: [UInt8])] = [
        ("version 1", Array("PROXY TCP4 192.0.2.5 198.51.100.9 4711 443\r\n".utf8)),
        ("version 2", two.encoded),
        (
            "version 2 with TLVs",
            Array(two.encoded.prefix(14)) + [0, 12 + 5] + two.encoded.dropFirst(16) + [4, 0, 2, 0, 0]
        ),
    ]

    @Test("the address in the header is the client's in environment and log; what follows reaches the handler")
    func environment() throws {
        let print = "exec: [/bin/sh, -c, 'echo $REMOTE_ADDR $REMOTE_PORT $TCPREMOTEIP $TCPLOCALIP $TCPLOCALPORT; cat']"
        try withSupervisor(Self.table(print)) { supervisor in
            let port = try supervisor.port("app")
            for (name, header) in Self.good {
                for chunk in [header.count + 4, 1] {
                    let client = try TestSocket.tcp(port: port)
                    try client.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
                    let stream = header + Array("body".utf8)
                    for start in stride(from: 0, to: stream.count, by: chunk) {
                        try client.send(Array(stream[start..<min(start + chunk, stream.count)]))
                    }
                    try client.finishSending()
                    let text = try client.receiveText()
                    #expect(text == "192.0.2.5 4711 192.0.2.5 198.51.100.9 443\nbody", "\(name), \(chunk)")
                }
            }
            try supervisor.log.wait(for: "192.0.2.5:4711")
        }
    }

    @Test("LOCAL and UNKNOWN leave the sender's own address")
    func local() throws {
        let print = "exec: [/bin/sh, -c, 'echo $REMOTE_ADDR; cat']"
        try withSupervisor(Self.table(print)) { supervisor in
            for header in [ProxyHeader.local.encoded, Array("PROXY UNKNOWN\r\n".utf8)] {
                let client = try TestSocket.tcp(port: supervisor.port("app"))
                try client.send(header + Array("body".utf8))
                try client.finishSending()
                #expect(try client.receiveText() == "127.0.0.1\nbody")
            }
        }
    }

    @Test("a header over Unix-domain addresses is taken, too")
    func unix() throws {
        try withSupervisor(Self.table("internal: echo")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try client.send(ProxyHeader.unix(source: Array("/run/a".utf8), destination: []).encoded)
            #expect(try client.isServed())
        }
    }

    @Test("checks and limits go by the address in the header")
    func checks() throws {
        let keys = "only_from: [192.0.2.0/24]\n    per_source: 1"
        try withSupervisor(Self.table("internal: echo", keys)) { supervisor in
            let port = try supervisor.port("app")
            func client(_ address: String) throws -> TestSocket {
                let client = try TestSocket.tcp(port: port)
                try client.send("PROXY TCP4 \(address) 198.51.100.9 1 2\r\n")
                return client
            }
            let first = try client("192.0.2.1")
            #expect(try first.isServed())
            #expect(try client("192.0.2.1").end() == .closed)
            #expect(try client("192.0.2.2").isServed())
            #expect(try client("10.0.0.1").end() == .closed)
            #expect(try supervisor.service("app").connections.refused == ["per_source": 1, "source": 1])
        }
    }

    @Test("BATON carries the header; bytes behind it are the handler's; a redelivery is no cut")
    func handoff() throws {
        try withSupervisor(Self.table("handoff: {heartbeat: false}")) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try client.send("PROXY TCP4 192.0.2.5 198.51.100.9 4711 443\r\nhello")
            let lost = try handler.receiveBaton()
            #expect(lost.proxyHeader == Self.two.encoded)
            #expect(lost.drained.isEmpty)
            handler.die()
            lost.socket.close()
            let second = try RegisteredHandler("app", at: supervisor)
            let baton = try second.receiveBaton()
            #expect(baton.isRedelivery && baton.proxyHeader == Self.two.encoded)
            try second.acknowledge(baton.id)
            #expect(try baton.socket.receive() == Array("hello".utf8))
            try second.done(baton.id)
            let counts = try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }.connections
            #expect(counts.cut == 0 && counts.requeued == 1)
            second.die()
        }
    }

    static let bad: [(name: String, bytes: [UInt8])] = [
        ("no header", Array("GET / HTTP/1.0\r\n\r\n".utf8)),
        ("a bare LF", Array("PROXY TCP4 192.0.2.5 198.51.100.9 1 2\n".utf8)),
        ("a long line", Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 0x61, count: 200)),
        ("a bad port", Array("PROXY TCP4 192.0.2.5 198.51.100.9 01 2\r\n".utf8)),
        ("version 3", Array(two.encoded.prefix(12)) + [0x31] + two.encoded.dropFirst(13)),
        ("short addresses", Array(two.encoded.prefix(14)) + [0, 4, 1, 2, 3, 4]),
    ]

    @Test("what is no header is refused and counted; so is a stream that ends in one")
    func malformed() throws {
        try withSupervisor(Self.table("internal: echo", "busy_reply: busy")) { supervisor in
            let port = try supervisor.port("app")
            for (name, bytes) in Self.bad {
                let client = try TestSocket.tcp(port: port)
                try client.send(bytes)
                #expect(try client.end() != .spoke, "\(name)")
            }
            let cut = try TestSocket.tcp(port: port)
            try cut.send("PROXY TCP4 192")
            try cut.finishSending()
            #expect(try cut.end() != .spoke)
            #expect(try supervisor.service("app").connections.refused == ["proxy": Self.bad.count + 1])
        }
    }

    @Test("nobody else may send one: refused, or with others: plain taken for what it is")
    func others() throws {
        try withSupervisor(Self.table("internal: echo")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"), from: "127.0.0.2")
            #expect(try client.end() == .closed)
            #expect(try supervisor.service("app").connections.refused == ["proxy": 1])
        }
        try withSupervisor(Self.table("internal: echo", proxy: ", others: plain")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"), from: "127.0.0.2")
            #expect(try client.isServed("PROXY TCP4 192.0.2.5 198.51.100.9 1 2\r\n"))
        }
    }

    @Test("senders that say nothing, or half of it, are refused after 3 s, cost no time, and are bounded")
    func silent() throws {
        let keys = "instances: unlimited\n    per_source: unlimited"
        try withSupervisor(Self.table("internal: echo", keys)) { supervisor in
            let port = try supervisor.port("app")
            let before = try #require(supervisor.view.processorSeconds)
            let silent = try (0..<1200).map { number in
                let client = try TestSocket.tcp(port: port)
                if number % 2 == 0 { try client.send("PROXY TCP4") }
                return client
            }
            try supervisor.waitForService("app", "bounded") { $0.connections.queued == 1024 }
            #expect(try supervisor.service("app").connections.accepted == 1024)
            try supervisor.waitForService("app", "refused") { $0.connections.refused["proxy"] == 1200 }
            #expect(try #require(supervisor.view.processorSeconds) - before < 1.5)
            silent.forEach { $0.close() }
        }
    }
}
