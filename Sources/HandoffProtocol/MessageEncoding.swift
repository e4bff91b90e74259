/// Messages to bytes and back. Pure; descriptors travel beside the bytes (`MessageType.carriesDescriptor`).
package enum MessageCoder {
    /// The message as one packet. Fails when a field is over its limit.
    package static func encode(_ message: HandlerMessage) throws(ProtocolError) -> [UInt8] {
        var buffer: [UInt8] = []
        try encode(message, into: &buffer)
        return buffer
    }

    /// The message as one packet. Fails when a field is over its limit.
    package static func encode(_ message: SupervisorMessage) throws(ProtocolError) -> [UInt8] {
        var buffer: [UInt8] = []
        try encode(message, into: &buffer)
        return buffer
    }

    /// Replaces what is in `buffer` with the message; the buffer's memory is kept, so a sender that uses
    /// one buffer allocates nothing. When it fails, the buffer's content means nothing.
    package static func encode(_ message: HandlerMessage, into buffer: inout [UInt8]) throws(ProtocolError) {
        var writer = MessageWriter(type: message.type)
        swap(&writer.buffer, &buffer)
        defer { swap(&writer.buffer, &buffer) }
        switch message {
        case .register(let registration):
            writer.begin()
            writer.buffer.append(hostOrder: ProtocolVersion.current.rawValue)
            writer.buffer.append(hostOrder: registration.traits.rawValue)
            writer.buffer.append(hostOrder: registration.capacity)
            try writer.append(registration.service, as: .service)
        case .acknowledge(let id), .pong(let id):
            writer.begin(id: id)
        case .done(let ids):
            guard !ids.isEmpty else { throw .emptyDone }
            try writer.check(ids.count, as: .ids)
            writer.begin()
            for id in ids { writer.buffer.append(hostOrder: id) }
        case .pass(let pass):
            writer.begin(id: pass.id)
            writer.buffer.append(hostOrder: UInt16(truncatingIfNeeded: pass.service.utf8.count))
            writer.buffer.append(hostOrder: UInt16(0))
            writer.buffer.append(hostOrder: UInt32(truncatingIfNeeded: pass.drained.count))
            try writer.append(pass.service, as: .service)
            try writer.append(pass.drained, as: .drained)
        case .capacity(let capacity):
            writer.begin()
            writer.buffer.append(hostOrder: capacity)
        case .drain:
            writer.begin()
        case .status(let text):
            writer.begin()
            try writer.append(text, as: .text)
        case .negative(let id, let reason):
            writer.begin(id: id)
            try writer.append(reason, as: .text)
        }
        writer.end()
    }

    /// Replaces what is in `buffer` with the message; the buffer's memory is kept, so a sender that uses
    /// one buffer allocates nothing. When it fails, the buffer's content means nothing.
    package static func encode(_ message: SupervisorMessage, into buffer: inout [UInt8]) throws(ProtocolError) {
        var writer = MessageWriter(type: message.type)
        swap(&writer.buffer, &buffer)
        defer { swap(&writer.buffer, &buffer) }
        switch message {
        case .welcome(let heartbeat):
            writer.begin()
            writer.buffer.append(hostOrder: ProtocolVersion.current.rawValue)
            writer.buffer.append(hostOrder: UInt16(0))
            writer.buffer.append(hostOrder: heartbeat)
        case .baton(let baton):
            guard baton.id != 0 else { throw .badID(.baton, 0) }
            writer.begin(flags: baton.wasSentBefore ? 1 : 0, id: baton.id)
            writer.buffer.append(hostOrder: baton.connection)
            writer.buffer.append(hostOrder: UInt16(truncatingIfNeeded: baton.service.utf8.count))
            writer.buffer.append(hostOrder: UInt16(truncatingIfNeeded: baton.listener.utf8.count))
            writer.buffer.append(hostOrder: UInt32(truncatingIfNeeded: baton.drained.count))
            try writer.append(baton.service, as: .service)
            try writer.append(baton.listener, as: .listener)
            try writer.append(baton.drained, as: .drained)
            try writer.append(baton.proxyHeader, as: .proxyHeader)
        case .ping(let id):
            writer.begin(id: id)
        case .drain:
            writer.begin()
        case .reject(let reason):
            writer.begin()
            try writer.append(reason, as: .text)
        case .passed(let id, .taken):
            writer.begin(id: id)
        case .passed(let id, .refused(let reason)):
            writer.begin(flags: 1, id: id)
            try writer.append(reason, as: .text)
        }
        writer.end()
    }

    /// Makes a BATON of another with the same names, and with nothing behind them in either.
    static func restate(_ baton: SupervisorMessage.Baton, in buffer: inout [UInt8]) {
        var bytes = buffer.mutableSpan
        bytes.put(hostOrder: UInt16(baton.wasSentBefore ? 1 : 0), at: 6)
        bytes.put(hostOrder: baton.id, at: 8)
        bytes.put(hostOrder: baton.connection, at: MessageHeader.size)
    }
}

/// One message on its way into a buffer. The header goes first with length 0 and is completed at the end.
private struct MessageWriter {
    let type: MessageType
    var buffer: [UInt8] = []

    mutating func begin(flags: UInt16 = 0, id: UInt64 = 0) {
        buffer.removeAll(keepingCapacity: true)
        MessageHeader(length: 0, type: type, flags: flags, id: id).write(to: &buffer)
    }

    /// Every field is within its limit, so the whole is within that of a message.
    mutating func end() {
        var bytes = UInt32(buffer.count).littleEndian
        for index in 0..<MemoryLayout<UInt32>.size {
            buffer[index] = UInt8(truncatingIfNeeded: bytes)
            bytes >>= 8
        }
    }

    func check(_ count: Int, as field: ProtocolError.Field) throws(ProtocolError) {
        guard count <= field.limit else {
            throw .fieldTooLong(type, field: field, bytes: count, limit: field.limit)
        }
    }

    mutating func append(_ text: String, as field: ProtocolError.Field) throws(ProtocolError) {
        try check(text.utf8.count, as: field)
        buffer.append(contentsOf: text.utf8)
    }

    mutating func append(_ bytes: [UInt8], as field: ProtocolError.Field) throws(ProtocolError) {
        try check(bytes.count, as: field)
        if !bytes.isEmpty { buffer.append(contentsOf: bytes) }
    }
}

extension ProtocolError.Field {
    /// The most of it, in bytes (of ids, in ids).
    var limit: Int {
        switch self {
        case .service, .listener: ProtocolLimits.name
        case .drained: ProtocolLimits.drained
        case .proxyHeader: ProtocolLimits.proxyHeader
        case .text: ProtocolLimits.text
        case .ids: ProtocolLimits.doneIDs
        }
    }
}
