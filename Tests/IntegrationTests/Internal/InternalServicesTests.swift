import Glibc
import TestSupport
import Testing

/// echo, discard, daytime, time, chargen and qotd (RFC 862, 863, 867, 868, 864, 865), stream and datagram.
@Suite struct InternalServicesTests {
    private static let table = """
        services:
          echo: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: echo}
          discard: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: discard}
          daytime: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: daytime}
          time: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: time}
          chargen: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: chargen}
          qotd: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: qotd}
        """

    /// Seconds since 1900 in four bytes, as RFC 868 counts.
    private func secondsSince1900(_ bytes: [UInt8]) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    private func expectNow(_ bytes: [UInt8]) {
        #expect(bytes.count == 4)
        let now = UInt32(truncatingIfNeeded: Glibc.time(nil) + 2_208_988_800)
        #expect(secondsSince1900(bytes) &- (now &- 5) <= 6)
    }

    @Test("over TCP each answers as its RFC says")
    func streams() throws {
        try withSupervisor(Self.table) { supervisor in
            let status = try supervisor.status()
            func connect(_ name: String) throws -> TestSocket {
                try .tcp(port: #require(status.service(name).listeners[0].port))
            }
            let echo = try connect("echo")
            let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
            for chunk in stride(from: 0, to: bytes.count, by: 10_000) {
                try echo.send(Array(bytes[chunk..<chunk + 10_000]))
                #expect(try echo.receive(exactly: 10_000) == Array(bytes[chunk..<chunk + 10_000]))
            }
            try echo.finishSending()
            #expect(try echo.receiveToEnd().isEmpty)

            let discard = try connect("discard")
            try discard.send(bytes)
            try discard.finishSending()
            #expect(try discard.receiveToEnd().isEmpty)

            let daytime = try connect("daytime").receiveText()
            #expect(daytime.hasSuffix("\r\n") || daytime.hasSuffix("\n"))
            #expect(daytime.contains("20"), "a year: \(daytime)")
            expectNow(try connect("time").receiveToEnd())

            let quote = try connect("qotd").receiveToEnd()
            #expect((1...512).contains(quote.count))

            let chargen = try connect("chargen")
            let lines = try chargen.receive(exactly: 74 * 95 + 74)
            #expect(lines.prefix(74).suffix(2) == [13, 10])
            #expect(lines[74...74] == lines[1...1], "each line begins one character later")
            #expect(Array(lines.prefix(74)) == Array(lines.suffix(74)), "the pattern repeats after 95 lines")
        }
    }

    @Test("over UDP each answers with one datagram, and discard with none")
    func datagrams() throws {
        try withSupervisor(Self.table) { supervisor in
            let status = try supervisor.status()
            func ask(_ name: String) throws -> TestSocket {
                let client = try TestSocket.udp(port: #require(status.service(name).listeners[1].port))
                try client.send("question")
                return client
            }
            #expect(try ask("echo").receive() == Array("question".utf8))
            #expect(try String(decoding: ask("daytime").receive(), as: UTF8.self).contains("20"))
            expectNow(try ask("time").receive())
            #expect(try (1...512).contains(ask("qotd").receive().count))
            #expect(try (0...512).contains(ask("chargen").receive().count))
            #expect(try !ask("discard").isReadable(within: 0.2))
        }
    }

    @Test("a datagram from a port below 1024 or from another internal service is never answered: no loop begins")
    func amplification() throws {
        try withSupervisor(Self.table) { supervisor in
            let status = try supervisor.status()
            let echo = try #require(status.service("echo").listeners[1].port)
            if geteuid() == 0 {
                let low = try #require(
                    (600..<1024).lazy.compactMap {
                        try? TestSocket.bound(type: TestSocket.datagram, port: UInt16($0))
                    }.first)
                try low.connect(to: SocketName(host: "127.0.0.1", port: echo))
                try low.send("loop")
                try supervisor.waitForService("echo", "dropped") { $0.connections.dropped["loop"] == 1 }
                #expect(!low.isReadable(within: 0.1))
            }
            // And other clients are still answered.
            let client = try TestSocket.udp(port: echo)
            try client.send("fine")
            #expect(try client.receive() == Array("fine".utf8))
        }
    }

    @Test("a flood of questions from one address is answered at a limited rate")
    func rateLimit() throws {
        try withSupervisor("services: {chargen: {listen: 'udp://127.0.0.1:0', internal: chargen}}") { supervisor in
            let client = try TestSocket.udp(port: supervisor.port("chargen"))
            for _ in 0..<5_000 { try client.send("more") }
            try supervisor.waitForService("chargen", "dropping") { ($0.connections.dropped["rate"] ?? 0) > 0 }
        }
    }

    @Test("a client that never reads costs no memory without limit and stops nobody")
    func unreadEcho() throws {
        try withSupervisor(Self.table) { supervisor in
            let port = try supervisor.port("echo")
            let stalled = try TestSocket.tcp(port: port)
            try stalled.setTimeout(seconds: 1)
            // Until the kernel's buffers and the service's own are full.
            #expect(throws: TestFailure.self) {
                for _ in 0..<10_000 { try stalled.send([UInt8](repeating: 1, count: 65_536)) }
            }
            let client = try TestSocket.tcp(port: port)
            try client.send("hello")
            #expect(try client.receive(exactly: 5) == Array("hello".utf8))
            try stalled.reset()
        }
    }
}
