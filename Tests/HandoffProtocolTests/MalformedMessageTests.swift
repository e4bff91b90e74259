import Testing

@testable import HandoffProtocol

/// A packet by hand: `length` nil is the true one.
private func packet(
    type: UInt16, flags: UInt16 = 0, id: UInt64 = 0, length: UInt32? = nil, body: [UInt8] = []
) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(hostOrder: length ?? UInt32(16 + body.count))
    bytes.append(hostOrder: type)
    bytes.append(hostOrder: flags)
    bytes.append(hostOrder: id)
    return bytes + body
}

private func body(_ fields: (inout [UInt8]) -> Void) -> [UInt8] {
    var bytes: [UInt8] = []
    fields(&bytes)
    return bytes
}

private func registerBody(version: UInt16 = 1, traits: UInt16 = 0, name: [UInt8]) -> [UInt8] {
    body {
        $0.append(hostOrder: version)
        $0.append(hostOrder: traits)
        $0.append(hostOrder: UInt32(0))
        $0 += name
    }
}

private func batonBody(service: UInt16 = 0, listener: UInt16 = 0, drained: UInt32 = 0, rest: [UInt8] = []) -> [UInt8] {
    body {
        $0.append(hostOrder: UInt64(1))
        $0.append(hostOrder: service)
        $0.append(hostOrder: listener)
        $0.append(hostOrder: drained)
        $0 += rest
    }
}

private func passBody(service: UInt16, reserved: UInt16 = 0, drained: UInt32, rest: [UInt8]) -> [UInt8] {
    body {
        $0.append(hostOrder: service)
        $0.append(hostOrder: reserved)
        $0.append(hostOrder: drained)
        $0 += rest
    }
}

@Suite struct MalformedMessageTests {
    static let fromHandler: [([UInt8], ProtocolError)] = [
        ([], .truncatedHeader(bytes: 0)),
        ([UInt8](repeating: 0, count: 15), .truncatedHeader(bytes: 15)),
        (packet(type: 2, length: 0), .lengthOutOfRange(0)),
        (packet(type: 2, length: 15), .lengthOutOfRange(15)),
        (packet(type: 2, length: 65_537), .lengthOutOfRange(65_537)),
        (packet(type: 2, length: .max), .lengthOutOfRange(.max)),
        (packet(type: 2, length: 17), .lengthMismatch(stated: 17, actual: 16)),
        (packet(type: 8, length: 16, body: [65]), .lengthMismatch(stated: 16, actual: 17)),
        (packet(type: 0), .unknownType(0)),
        (packet(type: 10), .unknownType(10)),
        (packet(type: 22), .unknownType(22)),
        (packet(type: .max), .unknownType(.max)),
        (packet(type: 18), .wrongDirection(.ping)),
        (packet(type: 2, flags: 1), .unknownFlags(.acknowledge, 1)),
        (packet(type: 7, flags: 0x8000), .unknownFlags(.handlerDrain, 0x8000)),
        (packet(type: 1, id: 1, body: registerBody(name: [65])), .badID(.register, 1)),
        (packet(type: 3, id: 1, body: [UInt8](repeating: 0, count: 8)), .badID(.done, 1)),
        (packet(type: 6, id: 1, body: [0, 0, 0, 0]), .badID(.capacity, 1)),
        (packet(type: 7, id: 1), .badID(.handlerDrain, 1)),
        (packet(type: 8, id: 1), .badID(.status, 1)),
        (packet(type: 2, body: [0]), .badBodyLength(.acknowledge, bytes: 1)),
        (packet(type: 4, body: [0]), .badBodyLength(.pong, bytes: 1)),
        (packet(type: 7, body: [0]), .badBodyLength(.handlerDrain, bytes: 1)),
        (packet(type: 6), .badBodyLength(.capacity, bytes: 0)),
        (packet(type: 6, body: [0, 0, 0, 0, 0]), .badBodyLength(.capacity, bytes: 5)),
        (packet(type: 3), .emptyDone),
        (packet(type: 3, body: [1, 2, 3]), .badBodyLength(.done, bytes: 3)),
        (packet(type: 1, body: [1, 0]), .badBodyLength(.register, bytes: 2)),
        (packet(type: 1, body: registerBody(version: 0, name: [65])), .unsupportedVersion(0)),
        (packet(type: 1, body: registerBody(version: 2, name: [65])), .unsupportedVersion(2)),
        (packet(type: 1, body: registerBody(traits: 4, name: [65])), .unknownTraits(4)),
        (packet(type: 1, body: registerBody(name: [0xff])), .invalidUTF8(.register, field: .service)),
        (
            packet(type: 1, body: registerBody(name: [UInt8](repeating: 65, count: 256))),
            .fieldTooLong(.register, field: .service, bytes: 256, limit: 255)
        ),
        (packet(type: 8, body: [0xc0, 0x80]), .invalidUTF8(.status, field: .text)),
        (
            packet(type: 8, body: [UInt8](repeating: 65, count: 1025)),
            .fieldTooLong(.status, field: .text, bytes: 1025, limit: 1024)
        ),
        (packet(type: 9, id: 1, body: [0xed, 0xa0, 0x80]), .invalidUTF8(.negative, field: .text)),
        (packet(type: 5, id: 1, body: [0]), .badBodyLength(.pass, bytes: 1)),
        (
            packet(type: 5, id: 1, body: passBody(service: 0, reserved: 1, drained: 0, rest: [])),
            .reservedFieldSet(.pass)
        ),
        (
            packet(type: 5, id: 1, body: passBody(service: 2, drained: 0, rest: [65])),
            .badBodyLength(.pass, bytes: 9)
        ),
        (
            packet(type: 5, id: 1, body: passBody(service: 1, drained: 0, rest: [65, 66])),
            .badBodyLength(.pass, bytes: 10)
        ),
        (
            packet(type: 5, id: 1, body: passBody(service: 0, drained: .max, rest: [65])),
            .badBodyLength(.pass, bytes: 9)
        ),
        (
            packet(
                type: 5, id: 1, body: passBody(service: 0, drained: 61_441, rest: [UInt8](repeating: 0, count: 61_441))),
            .fieldTooLong(.pass, field: .drained, bytes: 61_441, limit: 61_440)
        ),
    ]

    @Test("What a handler must not send is refused for its own reason", arguments: fromHandler)
    func handlerMessage(bytes: [UInt8], error: ProtocolError) {
        #expect(throws: error) { try MessageCoder.decodeHandlerMessage(bytes.span) }
        #expect(!error.description.isEmpty)
    }

    static let fromSupervisor: [([UInt8], ProtocolError)] = [
        (packet(type: 2), .wrongDirection(.acknowledge)),
        (packet(type: 17, flags: 2, id: 1, body: batonBody()), .unknownFlags(.baton, 2)),
        (packet(type: 17, id: 0, body: batonBody()), .badID(.baton, 0)),
        (packet(type: 17, id: 1, body: [1]), .badBodyLength(.baton, bytes: 1)),
        (packet(type: 17, id: 1, body: batonBody(service: 1)), .badBodyLength(.baton, bytes: 16)),
        (packet(type: 17, id: 1, body: batonBody(listener: 1)), .badBodyLength(.baton, bytes: 16)),
        (packet(type: 17, id: 1, body: batonBody(drained: 1)), .badBodyLength(.baton, bytes: 16)),
        (packet(type: 17, id: 1, body: batonBody(drained: .max)), .badBodyLength(.baton, bytes: 16)),
        (
            packet(type: 17, id: 1, body: batonBody(service: 256, rest: [UInt8](repeating: 65, count: 256))),
            .fieldTooLong(.baton, field: .service, bytes: 256, limit: 255)
        ),
        (
            packet(type: 17, id: 1, body: batonBody(listener: 1, rest: [0xff])),
            .invalidUTF8(.baton, field: .listener)
        ),
        (
            packet(type: 17, id: 1, body: batonBody(rest: [UInt8](repeating: 0, count: 537))),
            .fieldTooLong(.baton, field: .proxyHeader, bytes: 537, limit: 536)
        ),
        (packet(type: 16, body: [1, 0, 0, 0, 0, 0, 0]), .badBodyLength(.welcome, bytes: 7)),
        (packet(type: 16, body: [1, 0, 0, 0, 0, 0, 0, 0, 0]), .badBodyLength(.welcome, bytes: 9)),
        (packet(type: 16, body: passBody(service: 2, drained: 0, rest: [])), .unsupportedVersion(2)),
        (packet(type: 16, body: passBody(service: 1, reserved: 1, drained: 0, rest: [])), .reservedFieldSet(.welcome)),
        (packet(type: 18, body: [0]), .badBodyLength(.ping, bytes: 1)),
        (packet(type: 19, id: 1), .badID(.supervisorDrain, 1)),
        (packet(type: 20, body: [0xff]), .invalidUTF8(.reject, field: .text)),
        (packet(type: 21, flags: 3, id: 1), .unknownFlags(.passed, 3)),
    ]

    @Test("What a supervisor must not send is refused for its own reason", arguments: fromSupervisor)
    func supervisorMessage(bytes: [UInt8], error: ProtocolError) {
        #expect(throws: error) { try MessageCoder.decodeSupervisorMessage(bytes.span) }
    }

    @Test("A message cut at any byte is refused, with its true length in the header or without")
    func truncation() throws {
        let packets =
            try Samples.fromHandler.map { try MessageCoder.encode($0) }
            + Samples.fromSupervisor.map { try MessageCoder.encode($0) }
        for whole in packets where whole.count < 4096 {
            for count in 0..<whole.count {
                let cut = Array(whole.prefix(count))
                #expect(throws: ProtocolError.self) { try MessageCoder.decodeHandlerMessage(cut.span) }
                #expect(throws: ProtocolError.self) { try MessageCoder.decodeSupervisorMessage(cut.span) }
            }
        }
    }

    @Test("Whatever the bytes: no crash, and what is taken encodes to the same bytes")
    func fuzz() throws {
        var random = SplitMix(state: 0x2545_f491_4f6c_dd1d)
        let seeds =
            try
            (Samples.fromHandler.map { try MessageCoder.encode($0) }
            + Samples.fromSupervisor.map { try MessageCoder.encode($0) }).filter { $0.count < 2048 }
        var accepted = 0
        for _ in 0..<60_000 {
            var bytes = seeds[Int(random.next() % UInt64(seeds.count))]
            mutate(&bytes, with: &random)
            if let message = try? MessageCoder.decodeHandlerMessage(bytes.span) {
                accepted += 1
                #expect(try MessageCoder.encode(message) == bytes)
            }
            if let message = try? MessageCoder.decodeSupervisorMessage(bytes.span) {
                accepted += 1
                // The text beside "taken" has no meaning and is not kept.
                if case .passed(_, .taken) = message { continue }
                #expect(try MessageCoder.encode(message) == bytes)
            }
        }
        #expect(accepted > 1000, "the mutations must leave some messages whole, else this tests nothing")
    }

    private func mutate(_ bytes: inout [UInt8], with random: inout SplitMix) {
        for _ in 0...(random.next() % 3) where !bytes.isEmpty {
            let index = Int(random.next() % UInt64(bytes.count))
            switch random.next() % 4 {
            case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes[index] ^= 1 << UInt8(random.next() % 8)
            case 2: bytes.remove(at: index)
            default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
            }
        }
        guard bytes.count >= 4, random.next() % 2 == 0 else { return }
        var length: [UInt8] = []
        length.append(hostOrder: UInt32(bytes.count))
        bytes.replaceSubrange(0..<4, with: length)
    }
}

/// Steele, Lea, Flood: SplitMix64. The same sequence on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
