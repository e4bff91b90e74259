import LinuxSystem
import Testing

@testable import Supervisor

@Suite struct InternalAnswerTests {
    private let client = SocketAddress.ipv4(IPv4Address(bits: 0xc000_0201), port: 40_000)

    private func address(_ text: String, port: UInt16 = 40_000) throws -> SocketAddress {
        if let address = IPv4Address(text) { return .ipv4(address, port: port) }
        return .ipv6(try #require(IPv6Address(text)), port: port)
    }

    private func verdict(
        _ source: SocketAddress?, ports: InternalPorts = InternalPorts()
    ) -> AnswerPolicy.Verdict {
        var policy = AnswerPolicy(at: .zero)
        return policy.verdict(on: source, internalPorts: ports, at: .zero)
    }

    @Test("a port below 1024 is not answered", arguments: [0, 7, 13, 17, 19, 37, 53, 1023] as [UInt16])
    func lowPorts(_ port: UInt16) throws {
        #expect(try verdict(address("192.0.2.1", port: port)) == .drop(.loop))
        #expect(try verdict(address("2001:db8::1", port: port)) == .drop(.loop))
    }

    @Test("hosts are answered", arguments: ["192.0.2.1", "127.0.0.1", "::1", "2001:db8::1", "::ffff:192.0.2.1"])
    func hosts(_ text: String) throws {
        #expect(try verdict(address(text, port: 1024)) == .answer)
    }

    @Test(
        "what is not one host is not answered",
        arguments: [
            "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "ff02::1",
            "::ffff:224.0.0.1", "::ffff:255.255.255.255", "::224.0.0.1",
        ])
    func others(_ text: String) throws {
        #expect(try verdict(address(text)) == .drop(.loop))
    }

    @Test("the port of an internal service is not answered while one listener has it")
    func ownPorts() throws {
        let ports = InternalPorts()
        try ports.add(address("127.0.0.1"))
        try ports.add(address("192.0.2.1"))
        ports.add(.unix(path: "/run/echo"))
        #expect(verdict(client, ports: ports) == .drop(.loop))
        try ports.remove(address("127.0.0.1"))
        #expect(verdict(client, ports: ports) == .drop(.loop))
        try ports.remove(address("192.0.2.1"))
        try ports.remove(address("192.0.2.1"))
        #expect(verdict(client, ports: ports) == .answer)
    }

    @Test("a Unix-domain source is answered if it has a name, and dropped without a count if not")
    func unix() {
        #expect(verdict(.unix(path: "/run/client")) == .answer)
        #expect(verdict(.abstract(name: "client")) == .answer)
        #expect(verdict(.unix(path: "")) == .ignore)
        #expect(verdict(nil) == .ignore)
    }

    @Test("one source gets its burst, then its rate; its ports share them, others have their own")
    func sourceRate() throws {
        var policy = AnswerPolicy(at: .seconds(100))
        let ports = InternalPorts()
        func answers(_ text: String, _ count: Int, at time: Duration) throws -> Int {
            try (0..<count).reduce(0) { sum, number in
                let source = try address(text, port: UInt16(2000 + number))
                return sum + (policy.verdict(on: source, internalPorts: ports, at: time) == .answer ? 1 : 0)
            }
        }
        #expect(try answers("192.0.2.1", 50, at: .seconds(100)) == 20)
        #expect(try answers("::ffff:192.0.2.1", 50, at: .seconds(100)) == 0)
        #expect(try answers("192.0.2.2", 5, at: .seconds(100)) == 5)
        #expect(try answers("192.0.2.1", 50, at: .milliseconds(100_500)) == 5)
        #expect(try answers("192.0.2.1", 50, at: .seconds(200)) == 20)
        #expect(try answers("2001:db8:0:1::1", 20, at: .seconds(200)) == 20)
        #expect(try answers("2001:db8:0:1::2", 20, at: .seconds(200)) == 0, "the same network of 64 bits")
        #expect(try answers("2001:db8:0:2::1", 20, at: .seconds(200)) == 20)
    }

    @Test("a flood of forged sources gets the service's rate, and the table of sources stays small")
    func serviceRate() {
        var policy = AnswerPolicy(at: .zero)
        let ports = InternalPorts()
        var answered = 0
        var next: UInt32 = 0x0a00_0000
        for millisecond in 0..<10_000 {
            for _ in 0..<20 {
                next += 1
                let source = SocketAddress.ipv4(IPv4Address(bits: next), port: 4000)
                if policy.verdict(on: source, internalPorts: ports, at: .milliseconds(millisecond)) == .answer {
                    answered += 1
                }
                #expect(policy.knownSources <= 1024)
            }
        }
        #expect((5_490...5_500).contains(answered))
        // The flood is over: everybody is answered again.
        #expect(policy.verdict(on: client, internalPorts: ports, at: .seconds(12)) == .answer)
    }

    @Test("a full table answers no new source until an old one is forgotten")
    func fullTable() throws {
        var limits = InternalLimits()
        limits.sources = 2
        var policy = AnswerPolicy(limits: limits, at: .zero)
        let ports = InternalPorts()
        func verdict(_ text: String, at time: Duration) throws -> AnswerPolicy.Verdict {
            policy.verdict(on: try address(text), internalPorts: ports, at: time)
        }
        #expect(try verdict("192.0.2.1", at: .zero) == .answer)
        #expect(try verdict("192.0.2.2", at: .zero) == .answer)
        #expect(try verdict("192.0.2.3", at: .zero) == .drop(.rate))
        #expect(try verdict("192.0.2.1", at: .zero) == .answer)
        #expect(try verdict("192.0.2.3", at: .milliseconds(100)) == .answer)
    }
}
