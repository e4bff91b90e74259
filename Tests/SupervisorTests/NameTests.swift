import LinuxSystem
import Testing

@testable import Supervisor

/// Questions to the resolver's processes, and what is remembered of their answers.
@Suite struct NameTests {
    private static let four = SocketAddress.ipv4(.loopback, port: 0)
    private static let six = SocketAddress.ipv6(IPv6Address(high: 0x2001_0db8 << 32, low: 7), port: 0)

    @Test("questions and answers come back as they were")
    func messages() {
        for question in [
            NameQuestion.addresses(host: "host.example.org"), .name(Self.four), .name(Self.six),
        ] {
            #expect(NameQuestion(decoding: question.encoded) == question)
        }
        for bytes in [[], [0x4e], Array("Nfoo".utf8), Array("X127.0.0.1".utf8)] as [[UInt8]] {
            #expect(NameQuestion(decoding: bytes) == nil)
        }
        let answer = NameAnswer(["192.0.2.1", "2001:db8::1", "nonsense"])
        #expect(NameAnswer(decoding: answer.encoded) == answer)
        #expect(answer.addresses.count == 2)
        #expect(NameAnswer(decoding: NameAnswer([]).encoded).lines.isEmpty && !NameAnswer([]).encoded.isEmpty)
        let long = NameAnswer((0..<2000).map { "192.0.2.\($0 % 256)" })
        #expect(long.encoded.count <= NameAnswer.most)
    }

    @Test("a name is known for five minutes, the lack of one for half a minute")
    func lifetimes() {
        var cache = NameCache()
        cache.remember("a.example.org", of: Self.four, at: .seconds(100))
        cache.remember(nil, of: Self.six, at: .seconds(100))
        #expect(cache.name(of: Self.four, at: .seconds(399)) == .some("a.example.org"))
        #expect(cache.name(of: Self.four, at: .seconds(400)) == nil)
        #expect(cache.name(of: Self.six, at: .seconds(129)) == .some(nil))
        #expect(cache.name(of: Self.six, at: .seconds(130)) == nil)
    }

    @Test("the cache is bounded, whatever comes")
    func bounded() {
        var cache = NameCache()
        for number in 0..<5000 {
            let source = SocketAddress.ipv4(IPv4Address(bits: UInt32(number)), port: 0)
            cache.remember("x", of: source, at: .seconds(1))
            #expect(cache.name(of: source, at: .seconds(1)) == .some("x"))
            #expect(cache.count <= NameCache.most)
        }
    }

    @Test("a name counts only when it has the address in turn")
    func confirmed() {
        // The one name that every machine has.
        let name = NameService.confirmedName(of: Self.four)
        #expect(name == nil || NameService.addresses(of: name ?? "", family: nil).addresses.contains(Self.four))
        #expect(NameService.confirmedName(of: .ipv4(IPv4Address(bits: 0), port: 0)) == nil)
    }
}
