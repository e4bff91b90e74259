import Testing

@testable import HandoffProtocol

/// Batons one behind another are as if each were alone.
@Suite struct BatonEncoderTests {
    private typealias Baton = SupervisorMessage.Baton

    private static let header = [UInt8](repeating: 7, count: 28)
    private static let batons = [
        Baton(id: 1, connection: 10, service: "app", listener: "127.0.0.1:80"),
        Baton(id: 2, connection: 0x1122_3344_5566_7788, service: "app", listener: "127.0.0.1:80"),
        Baton(id: .max, connection: 12, service: "app", listener: "127.0.0.1:80", wasSentBefore: true),
        Baton(id: 4, connection: 13, service: "app", listener: "127.0.0.1:80"),
        Baton(id: 5, connection: 14, service: "app", listener: "[::1]:80"),
        Baton(id: 6, connection: 15, service: "ap", listener: "p[::1]:80"),
        Baton(id: 7, connection: 16, service: "app", listener: "[::1]:80", drained: [1, 2, 3]),
        Baton(id: 8, connection: 17, service: "app", listener: "[::1]:80"),
        Baton(id: 9, connection: 18, service: "app", listener: "[::1]:80", proxyHeader: header),
        Baton(id: 10, connection: 19, service: "app", listener: "[::1]:80", proxyHeader: header),
    ]

    @Test("whatever came before, the bytes are those of the message")
    func sequence() throws {
        var encoder = BatonEncoder()
        for first in Self.batons {
            for second in Self.batons {
                for baton in [first, second, second] {
                    try encoder.encode(baton)
                    #expect(try encoder.bytes == MessageCoder.encode(.baton(baton)))
                }
            }
        }
    }

    @Test("one that cannot be said leaves nothing that the next would be made of")
    func failure() throws {
        let good = Self.batons[0]
        var nameless = good
        nameless.id = 0
        var long = good
        long.listener = String(repeating: "l", count: ProtocolLimits.name + 1)
        var encoder = BatonEncoder()
        for bad in [nameless, long] {
            try encoder.encode(good)
            #expect(throws: ProtocolError.self) { try encoder.encode(bad) }
            try encoder.encode(good)
            #expect(try encoder.bytes == MessageCoder.encode(.baton(good)))
        }
    }
}
