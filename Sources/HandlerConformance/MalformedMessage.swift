internal import HandoffProtocol

/// A packet that no supervisor sends.
struct MalformedMessage {
    /// What is wrong with it, as in "PING with …".
    var name: String
    var bytes: [UInt8]
    /// A BATON's connection goes with it, so that nothing but its bytes is wrong.
    var bringsConnection = false

    /// Where a message's fields stand (docs/protocol.md).
    private enum Offset {
        static let length = 0
        static let type = 4
        static let flags = 6
        static let id = 8
        static let version = 16
        static let serviceLength = 24
        static let drainedLength = 28
        static let names = 32
    }

    private init(_ name: String, _ bytes: [UInt8], bringsConnection: Bool = false) {
        self.name = name
        self.bytes = bytes
        self.bringsConnection = bringsConnection
    }

    /// The 16 bytes before the body.
    static let headers: [MalformedMessage] = {
        let ping = encoded(.ping(id: 1))
        var beyondLimit = encoded(.baton(content(drained: ProtocolLimits.drained)))
        beyondLimit += [UInt8](repeating: 0, count: ProtocolLimits.message + 1 - beyondLimit.count)
        return [
            MalformedMessage("PING whose length is one too many", ping.with(UInt32(17), at: Offset.length)),
            MalformedMessage("PING whose length is one too few", ping.with(UInt32(15), at: Offset.length)),
            MalformedMessage("PING whose length is 4294967295", ping.with(UInt32.max, at: Offset.length)),
            MalformedMessage("message of type 99", ping.with(UInt16(99), at: Offset.type)),
            MalformedMessage(
                "REGISTER from the supervisor", ping.with(MessageType.register.rawValue, at: Offset.type)),
            MalformedMessage("PING with flags 1", ping.with(UInt16(1), at: Offset.flags)),
            MalformedMessage("message of 8 bytes", Array(ping.prefix(8))),
            MalformedMessage(
                "message of 65537 bytes", beyondLimit.with(UInt32(beyondLimit.count), at: Offset.length),
                bringsConnection: true),
        ]
    }()

    static let batons: [MalformedMessage] = {
        let baton = encoded(.baton(content()))
        let lengthened = { (bytes: [UInt8]) in bytes.with(UInt32(bytes.count), at: Offset.length) }
        let manyNames = baton + [UInt8](repeating: UInt8(ascii: "n"), count: 256)
        let manyBytes = encoded(.baton(content(drained: ProtocolLimits.drained))) + [0]
        let proxy = [UInt8](repeating: 0, count: ProtocolLimits.proxyHeader + 1)
        let messages: [(String, [UInt8])] = [
            ("without a body", lengthened(Array(baton.prefix(MessageHeader.size)))),
            ("with half a body", lengthened(Array(baton.prefix(Offset.drainedLength)))),
            ("with id 0", baton.with(UInt64(0), at: Offset.id)),
            ("with flags 2", baton.with(UInt16(2), at: Offset.flags)),
            ("whose service name goes beyond its end", baton.with(UInt16(200), at: Offset.serviceLength)),
            ("whose drained bytes go beyond its end", baton.with(UInt32.max, at: Offset.drainedLength)),
            ("with a service name of 256 bytes", lengthened(manyNames).with(UInt16(256), at: Offset.serviceLength)),
            (
                "with 61441 drained bytes",
                lengthened(manyBytes).with(UInt32(ProtocolLimits.drained + 1), at: Offset.drainedLength)
            ),
            ("with a PROXY header of 537 bytes", lengthened(baton + proxy)),
        ]
        return messages.map { MalformedMessage("BATON \($0.0)", $0.1, bringsConnection: true) }
    }()

    /// The messages without a connection.
    static let others: [MalformedMessage] = {
        let welcome = encoded(.welcome(heartbeatMilliseconds: 0))
        let lengthened = { (bytes: [UInt8]) in bytes.with(UInt32(bytes.count), at: Offset.length) }
        return [
            MalformedMessage("PING with a body", lengthened(encoded(.ping(id: 1)) + [0])),
            MalformedMessage("DRAIN with a body", lengthened(encoded(.drain) + [0])),
            MalformedMessage("WELCOME without a body", lengthened(Array(welcome.prefix(MessageHeader.size)))),
            MalformedMessage("WELCOME that ends too early", lengthened(Array(welcome.prefix(18)))),
            MalformedMessage("WELCOME of version 2", welcome.with(UInt16(2), at: Offset.version)),
            MalformedMessage("PASSED without a PASS", encoded(.passed(id: 1, .taken))),
        ]
    }()

    private static func content(drained: Int = 0) -> SupervisorMessage.Baton {
        SupervisorMessage.Baton(
            id: 1, connection: 1, service: "test", listener: "test", drained: [UInt8](repeating: 0, count: drained))
    }

    /// Every field is within its limit, so nothing is lost.
    private static func encoded(_ message: SupervisorMessage) -> [UInt8] {
        (try? MessageCoder.encode(message)) ?? []
    }
}

extension [UInt8] {
    /// The same bytes with an integer, in host order, at `offset`.
    fileprivate func with<Integer: FixedWidthInteger>(_ value: Integer, at offset: Int) -> [UInt8] {
        var bytes = self
        var rest = value.littleEndian
        for index in offset..<(offset + MemoryLayout<Integer>.size) {
            bytes[index] = UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        }
        return bytes
    }
}
