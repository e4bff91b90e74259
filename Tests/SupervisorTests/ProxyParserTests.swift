import HandoffProtocol
import LinuxSystem
import ServiceTable
import Testing

@testable import Supervisor

/// The PROXY header, byte for byte: what is taken, and that nothing behind it ever is.
@Suite struct ProxyParserTests {
    private static let behind = Array("GET / HTTP/1.0\r\n\r\nPROXY TCP4 9.9.9.9 9.9.9.9 9 9\r\n".utf8)

    private static let four = StatedAddresses(
        source: .ipv4(IPv4Address(bits: 0xc000_0201), port: 51_000),
        destination: .ipv4(IPv4Address(bits: 0xc633_6401), port: 443))
    private static let six = StatedAddresses(
        source: .ipv6(IPv6Address(high: 0x2001_0db8 << 32, low: 1), port: 1),
        destination: .ipv6(IPv6Address(high: 0x2001_0db8 << 32, low: 2), port: 65_535))

    /// Gives a parser the stream in pieces: `chunk` more bytes arrive whenever it has what was there.
    ///
    /// - Returns: The outcome, and how many bytes were taken from the stream.
    private func parse(
        _ stream: [UInt8], _ version: ProxyVersion = .any, chunk: Int, ends: Bool = true
    ) -> (step: ProxyParser.Step, taken: Int) {
        var parser = ProxyParser(version)
        var taken = 0
        var arrived = min(chunk, stream.count)
        while true {
            let here = Array(stream[taken..<arrived])
            switch parser.step {
            case .look(let least):
                let isAll = arrived == stream.count
                guard here.count >= least || isAll else {
                    arrived = min(stream.count, arrived + chunk)
                    continue
                }
                if isAll, !ends, here.count < least { return (parser.step, taken) }
                parser.looked(at: Array(here.prefix(ProxyParser.longestLook)), isAll: isAll && ends)
            case .take(let most):
                if here.isEmpty, arrived < stream.count {
                    arrived = min(stream.count, arrived + chunk)
                    continue
                }
                let piece = Array(here.prefix(most))
                taken += piece.count
                parser.took(piece)
            case .done, .malformed: return (parser.step, taken)
            }
        }
    }

    struct Good: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let header: [UInt8]
        let addresses: StatedAddresses?

        init(_ name: String, _ header: [UInt8], _ addresses: StatedAddresses?) {
            testDescription = name
            self.header = header
            self.addresses = addresses
        }
    }

    private static func two(
        _ versionAndCommand: UInt8, _ family: UInt8, _ block: [UInt8], length: Int? = nil
    ) -> [UInt8] {
        let length = length ?? block.count
        return ProxyHeader.signature + [versionAndCommand, family, UInt8(length >> 8), UInt8(length & 0xff)] + block
    }

    private static let block4 = Array(four.header.encoded.dropFirst(16))
    private static let tlvs: [UInt8] = [0x04, 0, 3, 0, 0, 0, 0x20, 0, 5, 1, 0, 0, 0, 0]

    static let good: [Good] = [
        Good("TCP4", Array("PROXY TCP4 192.0.2.1 198.51.100.1 51000 443\r\n".utf8), four),
        Good("TCP6", Array("PROXY TCP6 2001:db8::1 2001:DB8::2 1 65535\r\n".utf8), six),
        Good("port 0", Array("PROXY TCP4 192.0.2.1 198.51.100.1 0 0\r\n".utf8), with(ports: 0)),
        Good("UNKNOWN", Array("PROXY UNKNOWN\r\n".utf8), nil),
        Good("UNKNOWN and more", Array("PROXY UNKNOWN ffff::1 what ever \u{7f} 65535\r\n".utf8), nil),
        Good("the longest line", Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 0x61, count: 91) + [13, 10], nil),
        Good("v2 TCP4", four.header.encoded, four),
        Good("v2 TCP6", six.header.encoded, six),
        Good("v2 with TLVs", two(0x21, 0x11, block4 + tlvs), four),
        Good("v2 with 64 KiB of TLVs", two(0x21, 0x11, block4 + [UInt8](repeating: 0xee, count: 65_523)), four),
        Good("LOCAL", ProxyHeader.local.encoded, nil),
        Good("LOCAL with addresses and TLVs", two(0x20, 0x11, block4 + tlvs), nil),
        Good("UNSPEC with a block", two(0x21, 0x00, [1, 2, 3]), nil),
        Good(
            "UNIX", ProxyHeader.unix(source: Array("/run/a".utf8), destination: [0] + Array("b".utf8)).encoded,
            StatedAddresses(source: .unix(path: "/run/a"), destination: .abstract(name: "b"))),
    ]

    private static func with(ports: UInt16) -> StatedAddresses {
        StatedAddresses(
            source: .ipv4(IPv4Address(bits: 0xc000_0201), port: ports),
            destination: .ipv4(IPv4Address(bits: 0xc633_6401), port: ports))
    }

    @Test("a header is taken whole and exactly, however it arrives", arguments: good)
    func exact(_ case: Good) {
        let stream = `case`.header + Self.behind
        for chunk in [1, 2, 7, 16, 107, stream.count] where `case`.header.count / chunk < 5000 {
            let result = parse(stream, chunk: chunk)
            #expect(result.step == .done(`case`.addresses), "chunk \(chunk)")
            #expect(result.taken == `case`.header.count, "chunk \(chunk)")
        }
        // Nothing follows, and the stream ends.
        #expect(parse(`case`.header, chunk: 3).step == .done(`case`.addresses))
    }

    @Test("a header that is cut anywhere is none; while the stream is open, the rest is waited for", arguments: good)
    func truncated(_ case: Good) {
        let header = `case`.header
        for length in 0..<min(header.count, 300) {
            let cut = Array(header.prefix(length))
            #expect(parse(cut, chunk: 5).step == .malformed("the stream ends in it"), "\(length) bytes")
        }
    }

    struct Bad: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        let version: ProxyVersion

        init(_ name: String, _ bytes: [UInt8], _ version: ProxyVersion = .any) {
            testDescription = name
            self.bytes = bytes
            self.version = version
        }

        init(line: String) { self.init(line, Array(line.utf8)) }
    }

    static let bad: [Bad] = [
        Bad(line: "GET / HTTP/1.0\r\n"),
        Bad(line: "proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n"),
        Bad(line: "PROXYTCP4 192.0.2.1 198.51.100.1 1 2\r\n"),
        Bad(line: "PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n"),
        Bad(line: "PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n"),
        Bad(line: "PROXY \r\n"),
        Bad(line: "PROXY TCP4\r\n"),
        Bad(line: "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n"),
        Bad(line: "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n"),
        Bad(line: "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n"),
        Bad(line: "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n"),
        Bad(line: "PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n"),
        Bad(line: "PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n"),
        Bad(line: "PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n"),
        Bad(line: "PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n"),
        Bad(line: "PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n"),
        Bad(line: "PROXY TCP4 ::1 ::1 1 2\r\n"),
        Bad(line: "PROXY TCP6 192.0.2.1 192.0.2.1 1 2\r\n"),
        Bad(line: "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"),
        Bad(line: "PROXY TCP4 192.0.2.1\0 198.51.100.1 1 2\r\n"),
        Bad("a line without end", Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 0x61, count: 200)),
        Bad("a line of 108 bytes", Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 0x61, count: 92) + [13, 10]),
        Bad("version 3", two(0x31, 0x11, block4)),
        Bad("command 2", two(0x22, 0x11, block4)),
        Bad("family 4", two(0x21, 0x41, block4)),
        Bad("protocol 3", two(0x21, 0x13, block4)),
        Bad("short addresses", two(0x21, 0x11, Array(block4.prefix(11)))),
        Bad("short addresses of IPv6", two(0x21, 0x21, block4)),
        Bad("a wrong signature", Array(ProxyHeader.signature.prefix(11)) + [0x0b] + [UInt8](repeating: 0, count: 9)),
        Bad("version 2 where 1 is wanted", four.header.encoded, .v1),
        Bad("version 1 where 2 is wanted", ProxyLine.encode(four), .v2),
    ]

    @Test("what is no header is refused", arguments: bad)
    func malformed(_ case: Bad) {
        for chunk in [1, 5, 64, 1000] {
            let result = parse(`case`.bytes + Self.behind, `case`.version, chunk: chunk)
            guard case .malformed = result.step else {
                Issue.record("chunk \(chunk): \(result.step)")
                continue
            }
        }
    }

    @Test("what cannot become a header is refused at its first wrong byte, not after the timeout")
    func early() {
        #expect(parse(Array("GET".utf8), chunk: 1, ends: false).taken == 0)
        guard case .malformed = parse(Array("PROXz".utf8), chunk: 1, ends: false).step else {
            return #expect(Bool(false))
        }
    }

    @Test("what is written is what is read; families are mixed as IPv4-mapped addresses, others are UNKNOWN")
    func roundTrip() {
        let mixed = StatedAddresses(source: Self.four.source, destination: Self.six.destination)
        for addresses in [Self.four, Self.six] {
            #expect(parse(ProxyLine.encode(addresses), chunk: 9).step == .done(addresses))
            #expect(parse(addresses.header.encoded, chunk: 9).step == .done(addresses))
        }
        guard case .done(let read?) = parse(ProxyLine.encode(mixed), chunk: 9).step else {
            return #expect(Bool(false))
        }
        #expect(read.source.normalized == mixed.source && read.destination == mixed.destination)
        let unix = StatedAddresses(source: .unix(path: ""), destination: .unix(path: "/run/x"))
        #expect(ProxyLine.encode(unix) == Array("PROXY UNKNOWN\r\n".utf8))
        #expect(ProxyLine.encode(nil) == Array("PROXY UNKNOWN\r\n".utf8))
        #expect(StatedAddresses(unix.header) == unix)
        let guest = StatedAddresses(source: .vsock(cid: 3, port: 1), destination: .vsock(cid: 2, port: 1))
        #expect(guest.header == .local)
    }
}
