import Testing

@testable import HandoffProtocol

/// One of every message, with empty and full fields.
enum Samples {
    static let fromHandler: [HandlerMessage] = [
        .register(.init(service: "app", traits: [], capacity: 0)),
        .register(.init(service: "ärger", traits: [.servesOnChannelThread, .sendsNoDone], capacity: .max)),
        .register(.init(service: String(repeating: "n", count: ProtocolLimits.name))),
        .acknowledge(upTo: 0), .acknowledge(upTo: .max),
        .done([1]), .done([3, 1, 2]), .done(Array(1...UInt64(ProtocolLimits.doneIDs))),
        .pong(id: 0), .pong(id: 77),
        .pass(.init(id: 5, service: "")),
        .pass(
            .init(
                id: 1 << 63, service: String(repeating: "s", count: ProtocolLimits.name),
                drained: [UInt8](repeating: 7, count: ProtocolLimits.drained))),
        .capacity(0), .capacity(4096), .drain, .status(""),
        .status(String(repeating: "t", count: ProtocolLimits.text)),
        .negative(id: 9, reason: "out of descriptors"),
    ]

    static let fromSupervisor: [SupervisorMessage] = [
        .welcome(heartbeatMilliseconds: 0), .welcome(heartbeatMilliseconds: 5000),
        .baton(.init(id: 1, connection: 2, service: "", listener: "")),
        .baton(
            .init(
                id: .max, connection: .max, service: String(repeating: "s", count: ProtocolLimits.name),
                listener: String(repeating: "l", count: ProtocolLimits.name),
                drained: [UInt8](repeating: 1, count: ProtocolLimits.drained),
                proxyHeader: [UInt8](repeating: 2, count: ProtocolLimits.proxyHeader), wasSentBefore: true)),
        .baton(.init(id: 3, connection: 4, service: "app", listener: "web", drained: Array("GET /".utf8))),
        .ping(id: 0), .ping(id: 12), .drain, .reject(reason: "no such service"),
        .passed(id: 1, .taken), .passed(id: 2, .refused(reason: "queue_full")),
    ]
}

@Suite struct MessageCoderTests {
    @Test("A handler's message comes back as it was sent", arguments: Samples.fromHandler)
    func handlerRoundTrip(message: HandlerMessage) throws {
        let packet = try MessageCoder.encode(message)
        #expect(packet.count <= ProtocolLimits.message)
        #expect(try MessageHeader(decoding: packet.span).type == message.type)
        #expect(try MessageCoder.decodeHandlerMessage(packet.span) == message)
        #expect(throws: ProtocolError.wrongDirection(message.type)) {
            try MessageCoder.decodeSupervisorMessage(packet.span)
        }
    }

    @Test("A supervisor's message comes back as it was sent", arguments: Samples.fromSupervisor)
    func supervisorRoundTrip(message: SupervisorMessage) throws {
        let packet = try MessageCoder.encode(message)
        #expect(packet.count <= ProtocolLimits.message)
        #expect(try MessageHeader(decoding: packet.span).type == message.type)
        #expect(try MessageCoder.decodeSupervisorMessage(packet.span) == message)
        #expect(throws: ProtocolError.wrongDirection(message.type)) {
            try MessageCoder.decodeHandlerMessage(packet.span)
        }
    }

    @Test("The layout is that of the contract, byte for byte")
    func layout() throws {
        let baton = SupervisorMessage.Baton(
            id: 7, connection: 258, service: "ab", listener: "c", drained: [9, 8], proxyHeader: [1],
            wasSentBefore: true)
        var expected: [UInt8] = []
        expected.append(hostOrder: UInt32(16 + 16 + 2 + 1 + 2 + 1))
        expected.append(hostOrder: UInt16(17))
        expected.append(hostOrder: UInt16(1))
        expected.append(hostOrder: UInt64(7))
        expected.append(hostOrder: UInt64(258))
        expected.append(hostOrder: UInt16(2))
        expected.append(hostOrder: UInt16(1))
        expected.append(hostOrder: UInt32(2))
        expected += [0x61, 0x62, 0x63, 9, 8, 1]
        #expect(try MessageCoder.encode(.baton(baton)) == expected)
        #expect(
            withUnsafeBytes(of: UInt32(0x0102_0304)) { Array($0) }
                == {
                    var bytes: [UInt8] = []
                    bytes.append(hostOrder: UInt32(0x0102_0304))
                    return bytes
                }())
    }

    @Test("A used buffer holds the new message only, and keeps its memory")
    func reusedBuffer() throws {
        var buffer: [UInt8] = []
        buffer.reserveCapacity(1024)
        let capacity = buffer.capacity
        for message in [SupervisorMessage.reject(reason: "long reason"), .ping(id: 1), .drain] {
            try MessageCoder.encode(message, into: &buffer)
            #expect(try MessageCoder.decodeSupervisorMessage(buffer.span) == message)
            #expect(buffer.capacity == capacity)
        }
    }

    @Test("A field over its limit is not encoded")
    func encodingLimits() {
        let long = String(repeating: "x", count: ProtocolLimits.text + 1)
        #expect(throws: ProtocolError.self) { try MessageCoder.encode(HandlerMessage.status(long)) }
        #expect(throws: ProtocolError.self) { try MessageCoder.encode(HandlerMessage.negative(id: 1, reason: long)) }
        #expect(throws: ProtocolError.self) { try MessageCoder.encode(HandlerMessage.register(.init(service: long))) }
        #expect(throws: ProtocolError.emptyDone) { try MessageCoder.encode(HandlerMessage.done([])) }
        #expect(throws: ProtocolError.self) {
            try MessageCoder.encode(HandlerMessage.done(Array(0...UInt64(ProtocolLimits.doneIDs))))
        }
        let drained = [UInt8](repeating: 0, count: ProtocolLimits.drained + 1)
        #expect(throws: ProtocolError.self) {
            try MessageCoder.encode(HandlerMessage.pass(.init(id: 1, service: "a", drained: drained)))
        }
        for baton in [
            SupervisorMessage.Baton(id: 0, connection: 1, service: "", listener: ""),
            .init(id: 1, connection: 1, service: long, listener: ""),
            .init(id: 1, connection: 1, service: "", listener: long),
            .init(id: 1, connection: 1, service: "", listener: "", drained: drained),
            .init(
                id: 1, connection: 1, service: "", listener: "",
                proxyHeader: [UInt8](repeating: 0, count: ProtocolLimits.proxyHeader + 1)),
        ] {
            #expect(throws: ProtocolError.self) { try MessageCoder.encode(SupervisorMessage.baton(baton)) }
        }
    }

    @Test("Descriptors: BATON and PASS have one, REGISTER may, the rest have none")
    func descriptors() {
        for type in MessageType.allCases {
            let expected: MessageType.Descriptors =
                switch type {
                case .baton, .pass: .exactlyOne
                case .register: .optional
                default: .none
                }
            #expect(type.carriesDescriptor == expected)
            let allowed = (0...3).filter { count in (try? type.check(descriptors: count)) != nil }
            #expect(allowed == (expected == .exactlyOne ? [1] : expected == .optional ? [0, 1] : [0]))
        }
    }
}
