/// The 16 bytes before every message, in the machine's own byte order: both ends are on one machine.
package struct MessageHeader: Hashable, Sendable {
    /// The whole message, header included, in bytes.
    package var length: UInt32
    package var type: MessageType
    package var flags: UInt16
    package var id: UInt64

    /// Its length in bytes.
    package static let size = 16

    package init(length: UInt32, type: MessageType, flags: UInt16 = 0, id: UInt64 = 0) {
        self.length = length
        self.type = type
        self.flags = flags
        self.id = id
    }

    /// Reads the header at the beginning of `bytes` and checks each of its fields against the message's
    /// type. On a stream this says how many bytes to wait for; nothing after the header is looked at.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        guard bytes.count >= Self.size else { throw .truncatedHeader(bytes: bytes.count) }
        length = bytes.integer(at: 0)
        guard (Self.size...ProtocolLimits.message).contains(Int(length)) else { throw .lengthOutOfRange(length) }
        let number: UInt16 = bytes.integer(at: 4)
        guard let type = MessageType(rawValue: number) else { throw .unknownType(number) }
        self.type = type
        flags = bytes.integer(at: 6)
        guard flags & ~type.knownFlags == 0 else { throw .unknownFlags(type, flags) }
        id = bytes.integer(at: 8)
        guard id == 0 || type.hasID, id != 0 || type != .baton else { throw .badID(type, id) }
    }

    /// The header of a whole packet: as `init(decoding:)`, and the length must be the packet's.
    init(packet: Span<UInt8>) throws(ProtocolError) {
        try self.init(decoding: packet)
        guard Int(length) == packet.count else { throw .lengthMismatch(stated: length, actual: packet.count) }
    }

    func write(to buffer: inout [UInt8]) {
        buffer.append(hostOrder: length)
        buffer.append(hostOrder: type.rawValue)
        buffer.append(hostOrder: flags)
        buffer.append(hostOrder: id)
    }
}
