/// A message of the handoff protocol as its page describes it, written independently of the program's own coder.
package struct HandlerMessage {
    package enum Kind: UInt16, Sendable {
        case register = 1, ack, done, pong, pass, capacity, drain, status, nack
        case welcome = 16, baton, ping, drainHandler, reject, passed
    }

    package let kind: Kind
    package let flags: UInt16
    package let id: UInt64
    package let body: [UInt8]

    package init(_ kind: Kind, flags: UInt16 = 0, id: UInt64 = 0, body: [UInt8] = []) {
        self.kind = kind
        self.flags = flags
        self.id = id
        self.body = body
    }

    /// The message in a packet; throws unless its length field and its type are right.
    package init(packet: [UInt8]) throws {
        guard packet.count >= 16, packet.integer(at: 0, as: UInt32.self) == packet.count,
            let kind = Kind(rawValue: packet.integer(at: 4, as: UInt16.self))
        else { throw TestFailure("no message: \(packet.prefix(32))") }
        self.init(
            kind, flags: packet.integer(at: 6, as: UInt16.self), id: packet.integer(at: 8, as: UInt64.self),
            body: Array(packet[16...]))
    }

    package var packet: [UInt8] {
        .init(integer: UInt32(16 + body.count)) + .init(integer: kind.rawValue) + .init(integer: flags)
            + .init(integer: id) + body
    }

    package static func pass(_ id: UInt64, to service: String, drained: [UInt8] = []) -> HandlerMessage {
        let name = Array(service.utf8)
        let lengths: [UInt8] =
            .init(integer: UInt16(name.count)) + .init(integer: UInt16(0)) + .init(integer: UInt32(drained.count))
        return HandlerMessage(.pass, id: id, body: lengths + name + drained)
    }

    /// The text of a REJECT, STATUS or NACK.
    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// A BATON message and the socket that came with it.
package struct ReceivedBaton {
    package let id: UInt64
    package let connection: UInt64
    package let service: String
    package let listener: String
    package let drained: [UInt8]
    package let proxyHeader: [UInt8]
    /// It was sent to another handler before.
    package let isRedelivery: Bool
    package let socket: TestSocket

    package init(_ message: HandlerMessage, socket: TestSocket) throws {
        let body = message.body
        guard body.count >= 16 else { throw TestFailure("BATON is too short: \(body)") }
        let serviceLength = Int(body.integer(at: 8, as: UInt16.self))
        let listenerLength = Int(body.integer(at: 10, as: UInt16.self))
        let drainedLength = Int(body.integer(at: 12, as: UInt32.self))
        guard body.count >= 16 + serviceLength + listenerLength + drainedLength else {
            throw TestFailure("BATON's fields are longer than it: \(body)")
        }
        var rest = body[16...]
        func take(_ count: Int) -> [UInt8] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        id = message.id
        connection = body.integer(at: 0, as: UInt64.self)
        service = String(decoding: take(serviceLength), as: UTF8.self)
        listener = String(decoding: take(listenerLength), as: UTF8.self)
        drained = take(drainedLength)
        proxyHeader = Array(rest)
        isRedelivery = message.flags & 1 != 0
        self.socket = socket
    }
}

extension [UInt8] {
    /// An integer's bytes in host order.
    package init(integer: some FixedWidthInteger) {
        self = Swift.withUnsafeBytes(of: integer) { Array($0) }
    }

    package func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type) -> Value {
        withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }
}
