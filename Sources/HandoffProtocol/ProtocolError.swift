/// What is wrong with a message, or with its place in the channel's history. Any of them ends the
/// channel and nothing else.
package enum ProtocolError: Error, Hashable, Sendable {
    /// Fewer bytes than a header.
    case truncatedHeader(bytes: Int)
    /// The header's length is below 16 or above 65,536.
    case lengthOutOfRange(UInt32)
    /// The header's length is not that of the packet.
    case lengthMismatch(stated: UInt32, actual: Int)
    case unknownType(UInt16)
    /// A message that only the other side sends.
    case wrongDirection(MessageType)
    case unknownFlags(MessageType, UInt16)
    /// An id where the contract says 0, or 0 where it says a number.
    case badID(MessageType, UInt64)
    /// The body's length does not agree with its type or with the lengths inside it.
    case badBodyLength(MessageType, bytes: Int)
    case unsupportedVersion(UInt16)
    case unknownTraits(UInt16)
    /// A field that must be 0 is not.
    case reservedFieldSet(MessageType)
    case fieldTooLong(MessageType, field: Field, bytes: Int, limit: Int)
    case invalidUTF8(MessageType, field: Field)
    case emptyDone
    case missingDescriptor(MessageType)
    case surplusDescriptor(MessageType)
    /// A message that has no place here: a second REGISTER, or anything before the first.
    case unexpected(MessageType)
    /// ACK, DONE or NACK of an id that no baton had.
    case notSent(MessageType, id: UInt64)
    case negativeAfterAcknowledge(id: UInt64)
    /// DONE of an id that is done, or that was given back by NACK.
    case alreadyDone(id: UInt64)
    /// PASS of a connection that has ended, or is being passed already.
    case notHeld(id: UInt64)

    /// A field of a message that has a limit of its own.
    package enum Field: String, Hashable, Sendable {
        case service
        case listener
        case drained
        case proxyHeader = "PROXY header"
        case text
        case ids
    }
}

extension ProtocolError: CustomStringConvertible {
    /// One line for the log; nothing in it is text from outside.
    package var description: String {
        switch self {
        case .truncatedHeader(let bytes): "a message of \(bytes) bytes has no whole header (\(MessageHeader.size))"
        case .lengthOutOfRange(let length):
            "length \(length) is not between \(MessageHeader.size) and \(ProtocolLimits.message)"
        case .lengthMismatch(let stated, let actual): "the header says \(stated) bytes, the packet has \(actual)"
        case .unknownType(let type): "unknown message type \(type)"
        case .wrongDirection(let type): "\(type) came from the wrong side"
        case .unknownFlags(let type, let flags): "\(type) with unknown flags \(flags)"
        case .badID(let type, let id): "\(type) with id \(id)"
        case .badBodyLength(let type, let bytes): "\(type) cannot have a body of \(bytes) bytes"
        case .unsupportedVersion(let version):
            "protocol version \(version), only \(ProtocolVersion.current.rawValue) is spoken"
        case .unknownTraits(let traits): "REGISTER with unknown traits \(traits)"
        case .reservedFieldSet(let type): "\(type) with a reserved field that is not 0"
        case .fieldTooLong(let type, let field, let bytes, let limit):
            "\(type) with \(field.rawValue) of \(bytes), at most \(limit) are allowed"
        case .invalidUTF8(let type, let field): "\(type) with \(field.rawValue) that is not UTF-8"
        case .emptyDone: "DONE without an id"
        case .unexpected(let type): "\(type) has no place here"
        case .missingDescriptor(let type): "\(type) without its descriptor"
        case .surplusDescriptor(let type): "\(type) with a descriptor too many"
        case .notSent(let type, let id): "\(type) of \(id), which was not sent"
        case .negativeAfterAcknowledge(let id): "NACK of \(id), which is acknowledged"
        case .alreadyDone(let id): "DONE of \(id), which is done already"
        case .notHeld(let id): "PASS of \(id), which the handler does not hold"
        }
    }
}
