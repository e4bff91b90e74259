import LinuxSystem
import ServiceTable
import Testing

@testable import Supervisor

/// A block of IPv4 addresses, as `10.0.0.0/8`.
func four(_ text: String) -> AddressBlock {
    let parts = text.split(separator: "/")
    return AddressBlock(IPv4Address(parts[0]) ?? .any, length: parts.count > 1 ? Int(parts[1]) ?? 32 : 32)
}

func six(_ text: String) -> AddressBlock {
    let parts = text.split(separator: "/")
    return AddressBlock(IPv6Address(parts[0]) ?? .any, length: parts.count > 1 ? Int(parts[1]) ?? 128 : 128)
}

@Suite("Source lists")
struct SourceListTests {
    private func answer(
        _ address: AddressBlock, only: [Source]?, no: [Source] = [], name: SourceName = .notAsked
    ) -> SourceList.Answer {
        SourceList(onlyFrom: only, noAccess: no).answer(for: address, name: name)
    }

    private let address = four("10.1.2.3")

    @Test("without lists everybody comes in; an empty only_from admits nobody")
    func empty() {
        #expect(answer(address, only: nil) == .admitted)
        #expect(answer(address, only: []) == .refused)
        #expect(answer(address, only: nil, no: [.block(four("11.0.0.0/8"))]) == .admitted)
    }

    @Test("the most exact match decides, and between equals no_access")
    func exactness() {
        let (wide, narrow) = (Source.block(four("10.0.0.0/8")), Source.block(four("10.1.0.0/16")))
        #expect(answer(address, only: [wide]) == .admitted)
        #expect(answer(four("11.1.2.3"), only: [wide]) == .refused)
        #expect(answer(address, only: [wide], no: [narrow]) == .refused)
        #expect(answer(address, only: [narrow], no: [wide]) == .admitted)
        #expect(answer(address, only: [wide], no: [wide]) == .refused)
        #expect(answer(address, only: [.block(four("10.1.2.3"))], no: [narrow]) == .admitted)
        #expect(answer(address, only: nil, no: [narrow]) == .refused)
        #expect(answer(four("10.2.2.3"), only: nil, no: [narrow]) == .admitted)
    }

    @Test("the families have nothing in common, and mapped addresses are IPv4")
    func families() {
        #expect(answer(address, only: [.block(six("::/0"))]) == .refused)
        #expect(answer(six("::1"), only: [.block(four("0.0.0.0/0"))]) == .refused)
        #expect(answer(six("::ffff:10.1.2.3"), only: [.block(four("10.0.0.0/8"))]) == .admitted)
        #expect(answer(six("2001:db8::1"), only: [.block(six("2001:db8::/32"))]) == .admitted)
    }

    @Test("names: asked for only when they decide, less exact than an address, more than a block")
    func names() {
        let domain = [Source.domain(".example.org")]
        let block = [Source.block(four("10.0.0.0/8"))]
        #expect(answer(address, only: domain) == .nameNeeded)
        #expect(answer(address, only: domain, name: .known("a.example.org")) == .admitted)
        #expect(answer(address, only: domain, name: .known("example.org")) == .refused)
        // Canonically equivalent, and other bytes.
        let accented = [Source.domain(".\u{e9}.org")]
        #expect(answer(address, only: accented, name: .known("a.\u{e9}.org")) == .admitted)
        #expect(answer(address, only: accented, name: .known("a.e\u{301}.org")) == .refused)
        #expect(answer(address, only: domain, name: .none) == .refused)
        #expect(answer(address, only: [.block(address)], no: domain) == .admitted)
        #expect(answer(address, only: block, no: domain, name: .known("a.example.org")) == .refused)
        #expect(answer(address, only: domain, no: block, name: .known("a.example.org")) == .admitted)
        #expect(
            answer(address, only: [.domain(".a.example.org")], no: domain, name: .known("x.a.example.org")) == .admitted
        )
    }

    @Test("a host stands for its addresses, and they may change")
    func hosts() {
        let list = SourceList(onlyFrom: [.host("h", [four("10.0.0.1")])], noAccess: [])
        #expect(list.hosts == ["h"])
        #expect(list.answer(for: four("10.0.0.1"), name: .notAsked) == .admitted)
        let moved = list.replacing("h", by: [four("10.0.0.2")])
        #expect(moved.answer(for: four("10.0.0.1"), name: .notAsked) == .refused)
        #expect(moved.answer(for: four("10.0.0.2"), name: .notAsked) == .admitted)
    }

    @Test(
        "a range has its ends and nothing around them",
        arguments: [
            ("10.0.0.1", "10.0.0.9"), ("0.0.0.0", "255.255.255.255"), ("0.0.0.0", "0.0.0.0"),
            ("255.255.255.254", "255.255.255.255"), ("10.0.0.255", "10.0.1.0"), ("127.255.255.255", "128.0.0.0"),
        ])
    func ranges(first: String, last: String) {
        let blocks = AddressBlock.covering(from: four(first), to: four(last))
        func has(_ number: UInt64) -> Bool {
            let address = AddressBlock(isIPv4: true, high: number << 32, low: 0, length: 32)
            return blocks.contains { address.widened(to: $0.length) == $0 }
        }
        let (begin, end) = (four(first).high >> 32, four(last).high >> 32)
        #expect(blocks.reduce(0) { $0 + (UInt64(1) << UInt64(32 - $1.length)) } == end - begin + 1)
        #expect(has(begin) && has(end) && has((begin + end) / 2))
        #expect(begin == 0 || !has(begin - 1))
        #expect(end == 0xffff_ffff || !has(end + 1))
    }

    @Test("ranges of IPv6")
    func rangesOfSix() {
        let all = six("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
        #expect(AddressBlock.covering(from: six("::"), to: all) == [six("::/0")])
        #expect(AddressBlock.covering(from: six("::1"), to: six("::2")) == [six("::1"), six("::2")])
        #expect(AddressBlock.covering(from: six("1::"), to: six("1::ffff")) == [six("1::/112")])
        #expect(AddressBlock.covering(from: all, to: all) == [all])
    }

    @Test("the trie answers as a search through all prefixes does, and takes two nodes a prefix")
    func trie() {
        var random = SystemRandomNumberGenerator()
        for round in 0..<400 {
            let isIPv4 = round % 2 == 0
            var trie = PrefixTrie()
            var blocks: [(AddressBlock, PrefixTrie.Lists)] = []
            for _ in 0..<Int.random(in: 0...20, using: &random) {
                let block = Self.random(isIPv4, length: Int.random(in: 0...(isIPv4 ? 32 : 128), using: &random))
                let list: PrefixTrie.Lists = Bool.random(using: &random) ? .onlyFrom : .noAccess
                blocks.append((block, list))
                trie.insert(block, into: list)
            }
            #expect(trie.nodeCount <= 2 + 2 * blocks.count)
            for _ in 0..<20 {
                let address = Self.random(isIPv4, length: isIPv4 ? 32 : 128)
                func longest(_ list: PrefixTrie.Lists) -> Int? {
                    blocks.filter { $0.1 == list && address.widened(to: $0.0.length) == $0.0 }.map(\.0.length).max()
                }
                let found = trie.longest(for: address)
                #expect(found.onlyFrom == longest(.onlyFrom) && found.noAccess == longest(.noAccess))
            }
        }
    }

    @Test("the families have no prefix in common, not even that of length 0")
    func roots() {
        var trie = PrefixTrie()
        trie.insert(four("0.0.0.0/0"), into: .onlyFrom)
        trie.insert(six("::/0"), into: .noAccess)
        #expect(trie.longest(for: four("0.0.0.0")) == PrefixTrie.Longest(onlyFrom: 0, noAccess: nil))
        #expect(trie.longest(for: six("::")) == PrefixTrie.Longest(onlyFrom: nil, noAccess: 0))
        #expect(trie.nodeCount == 2)
    }

    /// Few addresses, so that prefixes meet.
    private static func random(_ isIPv4: Bool, length: Int) -> AddressBlock {
        func bits(_ octets: Int) -> UInt64 {
            (0..<octets).reduce(0) { bits, _ in bits << 8 | UInt64.random(in: 0...1) * 85 }
        }
        return AddressBlock(
            isIPv4: isIPv4, high: isIPv4 ? bits(4) << 32 : bits(8), low: isIPv4 ? 0 : bits(2) << 48, length: length)
    }
}
