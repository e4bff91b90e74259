import Testing

@testable import HandoffProtocol

@Suite struct ProxyHeaderTests {
    static let samples: [ProxyHeader] = [
        .local,
        .tcp4(source: .init(bits: 0xc000_0201, port: 54321), destination: .init(bits: 0x7f00_0001, port: 80)),
        .tcp6(
            source: .init(high: 0x2001_0db8_0000_0000, low: 1, port: 1),
            destination: .init(high: 0, low: 1, port: 65535)
        ),
        .unix(source: [], destination: Array("/run/app.sock".utf8)),
        .unix(source: [0, 65, 0, 66], destination: [UInt8](repeating: 97, count: 108)),
    ]

    @Test("A header comes back as it was made", arguments: samples)
    func roundTrip(header: ProxyHeader) throws {
        let bytes = header.encoded
        #expect(bytes.count <= ProtocolLimits.proxyHeader)
        #expect(try ProxyHeader(decoding: bytes.span) == header)
        let more = bytes + Array("GET".utf8)
        let (prefix, length) = try ProxyHeader.decodePrefix(of: more.span)
        #expect(prefix == header && length == bytes.count)
        #expect(throws: ProxyHeader.Fault.trailingBytes) { try ProxyHeader(decoding: more.span) }
    }

    @Test("The bytes are those of the specification")
    func bytes() {
        let header = ProxyHeader.tcp4(
            source: .init(bits: 0xc000_0201, port: 0x1234), destination: .init(bits: 0x0a00_0001, port: 443))
        #expect(
            header.encoded == [
                0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12,
                192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb,
            ])
    }

    @Test("Cut anywhere, it is truncated, never misread", arguments: samples)
    func truncation(header: ProxyHeader) {
        let bytes = header.encoded
        for count in 0..<bytes.count {
            let cut = Array(bytes.prefix(count))
            #expect(throws: ProxyHeader.Fault.truncated) { try ProxyHeader.decodePrefix(of: cut.span) }
        }
    }

    @Test("TLVs after the addresses are passed over; LOCAL may carry anything")
    func tail() throws {
        var bytes = Self.samples[1].encoded + [0x04, 0, 1, 0]
        bytes[15] += 4
        #expect(try ProxyHeader(decoding: bytes.span) == Self.samples[1])
        bytes[12] = 0x20
        #expect(try ProxyHeader(decoding: bytes.span) == .local)
        for family: UInt8 in [0x00, 0x12, 0x22, 0x32] {
            bytes[12] = 0x21
            bytes[13] = family
            #expect(try ProxyHeader(decoding: bytes.span) == .local)
        }
    }

    @Test("What is no header of version 2 is refused")
    func faults() {
        let good = Self.samples[1].encoded
        func changed(_ index: Int, _ value: UInt8) -> [UInt8] {
            var bytes = good
            bytes[index] = value
            return bytes
        }
        #expect(throws: ProxyHeader.Fault.badSignature) { try ProxyHeader(decoding: changed(0, 0x0a).span) }
        #expect(throws: ProxyHeader.Fault.badSignature) { try ProxyHeader(decoding: Array("PROXY TCP4 ".utf8).span) }
        #expect(throws: ProxyHeader.Fault.badVersion(0x11)) { try ProxyHeader(decoding: changed(12, 0x11).span) }
        #expect(throws: ProxyHeader.Fault.badVersion(0x22)) { try ProxyHeader(decoding: changed(12, 0x22).span) }
        #expect(throws: ProxyHeader.Fault.unknownFamily(0x41)) { try ProxyHeader(decoding: changed(13, 0x41).span) }
        #expect(throws: ProxyHeader.Fault.shortAddresses) { try ProxyHeader(decoding: changed(13, 0x21).span) }
        #expect(throws: ProxyHeader.Fault.truncated) { try ProxyHeader(decoding: changed(15, 13).span) }
        var short = good
        short[15] = 11
        short.removeLast()
        #expect(throws: ProxyHeader.Fault.shortAddresses) { try ProxyHeader(decoding: short.span) }
    }

    @Test("Whatever the bytes: no crash")
    func fuzz() {
        var random = SplitMix(state: 7)
        for _ in 0..<20_000 {
            var bytes = Self.samples[Int(random.next() % UInt64(Self.samples.count))].encoded
            for _ in 0...(random.next() % 4) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            bytes.removeLast(Int(random.next() % UInt64(bytes.count)))
            if let header = try? ProxyHeader(decoding: bytes.span) { _ = header.encoded }
        }
    }
}
