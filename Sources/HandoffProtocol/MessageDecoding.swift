extension MessageCoder {
    /// Reads one whole packet from a handler. Every length in it is checked before it is used.
    package static func decodeHandlerMessage(_ packet: Span<UInt8>) throws(ProtocolError) -> HandlerMessage {
        let header = try MessageHeader(packet: packet)
        let reader = MessageReader(type: header.type, count: packet.count)
        switch header.type {
        case .register: return .register(try reader.registration(packet))
        case .acknowledge:
            try reader.requireBody(of: 0)
            return .acknowledge(upTo: header.id)
        case .done: return .done(try reader.ids(packet))
        case .pong:
            try reader.requireBody(of: 0)
            return .pong(id: header.id)
        case .pass: return .pass(try reader.pass(packet, id: header.id))
        case .capacity:
            try reader.requireBody(of: 4)
            return .capacity(packet.integer(at: MessageHeader.size))
        case .handlerDrain:
            try reader.requireBody(of: 0)
            return .drain
        case .status: return .status(try reader.text(packet))
        case .negative: return .negative(id: header.id, reason: try reader.text(packet))
        case .welcome, .baton, .ping, .supervisorDrain, .reject, .passed: throw .wrongDirection(header.type)
        }
    }

    /// Reads one whole packet from the supervisor. Every length in it is checked before it is used.
    package static func decodeSupervisorMessage(_ packet: Span<UInt8>) throws(ProtocolError) -> SupervisorMessage {
        let header = try MessageHeader(packet: packet)
        let reader = MessageReader(type: header.type, count: packet.count)
        switch header.type {
        case .welcome: return .welcome(heartbeatMilliseconds: try reader.heartbeat(packet))
        case .baton: return .baton(try reader.baton(packet, header: header))
        case .ping:
            try reader.requireBody(of: 0)
            return .ping(id: header.id)
        case .supervisorDrain:
            try reader.requireBody(of: 0)
            return .drain
        case .reject: return .reject(reason: try reader.text(packet))
        case .passed:
            let reason = try reader.text(packet)
            return .passed(id: header.id, header.flags == 0 ? .taken : .refused(reason: reason))
        case .register, .acknowledge, .done, .pong, .pass, .capacity, .handlerDrain, .status, .negative:
            throw .wrongDirection(header.type)
        }
    }
}

/// The body of one packet of `count` bytes; the fields' limits in one place.
private struct MessageReader {
    let type: MessageType
    let count: Int

    private var bodyLength: Int { count - MessageHeader.size }

    func requireBody(of bytes: Int) throws(ProtocolError) {
        guard bodyLength == bytes else { throw .badBodyLength(type, bytes: bodyLength) }
    }

    private func requireBody(atLeast bytes: Int) throws(ProtocolError) {
        guard bodyLength >= bytes else { throw .badBodyLength(type, bytes: bodyLength) }
    }

    func text(_ packet: Span<UInt8>) throws(ProtocolError) -> String {
        try string(packet, MessageHeader.size..<count, as: .text)
    }

    func registration(_ packet: Span<UInt8>) throws(ProtocolError) -> HandlerMessage.Registration {
        try requireBody(atLeast: 8)
        try requireVersion(packet)
        let traits = HandlerTraits(rawValue: packet.integer(at: 18))
        guard traits.isSubset(of: .known) else { throw .unknownTraits(traits.rawValue) }
        return HandlerMessage.Registration(
            service: try string(packet, 24..<count, as: .service), traits: traits,
            capacity: packet.integer(at: 20))
    }

    func heartbeat(_ packet: Span<UInt8>) throws(ProtocolError) -> UInt32 {
        try requireBody(atLeast: 8)
        try requireVersion(packet)
        try requireBody(of: 8)
        try requireZero(packet, at: 18)
        return packet.integer(at: 20)
    }

    func ids(_ packet: Span<UInt8>) throws(ProtocolError) -> [UInt64] {
        guard bodyLength > 0 else { throw .emptyDone }
        let size = MemoryLayout<UInt64>.size
        guard bodyLength.isMultiple(of: size) else { throw .badBodyLength(type, bytes: bodyLength) }
        return stride(from: MessageHeader.size, to: count, by: size).map { packet.integer(at: $0) }
    }

    func pass(_ packet: Span<UInt8>, id: UInt64) throws(ProtocolError) -> HandlerMessage.Pass {
        try requireBody(atLeast: 8)
        try requireZero(packet, at: 18)
        let service = 24..<(24 + length16(packet, at: 16))
        let drained = service.upperBound..<(service.upperBound + length32(packet, at: 20))
        guard drained.upperBound == count else { throw .badBodyLength(type, bytes: bodyLength) }
        return HandlerMessage.Pass(
            id: id, service: try string(packet, service, as: .service),
            drained: try data(packet, drained, as: .drained))
    }

    func baton(_ packet: Span<UInt8>, header: MessageHeader) throws(ProtocolError) -> SupervisorMessage.Baton {
        try requireBody(atLeast: 16)
        let service = 32..<(32 + length16(packet, at: 24))
        let listener = service.upperBound..<(service.upperBound + length16(packet, at: 26))
        let drained = listener.upperBound..<(listener.upperBound + length32(packet, at: 28))
        guard drained.upperBound <= count else { throw .badBodyLength(type, bytes: bodyLength) }
        return SupervisorMessage.Baton(
            id: header.id, connection: packet.integer(at: 16),
            service: try string(packet, service, as: .service),
            listener: try string(packet, listener, as: .listener),
            drained: try data(packet, drained, as: .drained),
            proxyHeader: try data(packet, drained.upperBound..<count, as: .proxyHeader),
            wasSentBefore: header.flags != 0)
    }

    /// The version comes before anything that another version might lay out differently.
    private func requireVersion(_ packet: Span<UInt8>) throws(ProtocolError) {
        let version = ProtocolVersion(rawValue: packet.integer(at: 16))
        guard version == .current else { throw .unsupportedVersion(version.rawValue) }
    }

    private func requireZero(_ packet: Span<UInt8>, at offset: Int) throws(ProtocolError) {
        guard length16(packet, at: offset) == 0 else { throw .reservedFieldSet(type) }
    }

    private func length16(_ packet: Span<UInt8>, at offset: Int) -> Int {
        let value: UInt16 = packet.integer(at: offset)
        return Int(value)
    }

    private func length32(_ packet: Span<UInt8>, at offset: Int) -> Int {
        let value: UInt32 = packet.integer(at: offset)
        return Int(value)
    }

    /// The caller has checked that `range` is inside the packet.
    private func data(
        _ packet: Span<UInt8>, _ range: Range<Int>, as field: ProtocolError.Field
    ) throws(ProtocolError) -> [UInt8] {
        guard range.count <= field.limit else {
            throw .fieldTooLong(type, field: field, bytes: range.count, limit: field.limit)
        }
        return packet.bytes(range)
    }

    private func string(
        _ packet: Span<UInt8>, _ range: Range<Int>, as field: ProtocolError.Field
    ) throws(ProtocolError) -> String {
        guard let text = String(validating: try data(packet, range, as: field), as: UTF8.self) else {
            throw .invalidUTF8(type, field: field)
        }
        return text
    }
}
