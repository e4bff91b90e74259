/// What came along with a message (unix(7), SCM_RIGHTS).
package enum CarriedDescriptor<Descriptor> {
    case none
    case one(Descriptor)
    /// One was sent, and the kernel dropped it: there was no room for it here (MSG_CTRUNC).
    case dropped
}

/// Cuts a stream into messages, and gives each the descriptor that belongs to it: pure.
///
/// A descriptor travels with the first byte of its message, so among the bytes of one call it belongs to a message that
/// begins there. Which one the order tells: PASS and BATON always carry one, and REGISTER only as the last message, for
/// what follows goes over the channel that it brings.
package struct MessageFramer<Descriptor> {
    private var bytes: [UInt8] = []
    /// Where the next message begins in `bytes`.
    private var start = 0
    private var arrived: [CarriedDescriptor<Descriptor>] = []
    private var last = MessageType.register
    /// The call that received last had no room for more: what it brought may be for what follows.
    private var isCutShort = false

    package init() {}

    /// What has come of messages that are not complete, to be carried over to another program.
    package struct Content {
        package var bytes: [UInt8]
        package var arrived: [CarriedDescriptor<Descriptor>]
        package var last: MessageType
        package var isCutShort: Bool

        package init(bytes: [UInt8], arrived: [CarriedDescriptor<Descriptor>], last: MessageType, isCutShort: Bool) {
            self.bytes = bytes
            self.arrived = arrived
            self.last = last
            self.isCutShort = isCutShort
        }
    }

    package var content: Content {
        Content(bytes: Array(bytes[start...]), arrived: arrived, last: last, isCutShort: isCutShort)
    }

    package init(_ content: Content) {
        bytes = content.bytes
        arrived = content.arrived
        last = content.last
        isCutShort = content.isCutShort
    }

    /// A whole message.
    package struct Frame {
        package var bytes: [UInt8]
        package var carried: CarriedDescriptor<Descriptor>
    }

    /// Takes the bytes that one call has received.
    ///
    /// - Parameters:
    ///   - carried: What came with them; a call brings at most one.
    ///   - filled: The bytes filled the buffer.
    package mutating func append(
        _ piece: ArraySlice<UInt8>, _ carried: CarriedDescriptor<Descriptor>, filled: Bool = false
    ) {
        isCutShort = filled
        if start > 0 {
            bytes.removeSubrange(..<start)
            start = 0
        }
        bytes += piece
        switch carried {
        case .none: break
        case .one, .dropped: arrived.append(carried)
        }
    }

    /// The next message; nil when it is not complete.
    ///
    /// - Throws: When the stream is no sequence of messages. Nothing can be read of it any more then.
    package mutating func next() throws(ProtocolError) -> Frame? {
        guard bytes.count - start >= MessageHeader.size else {
            try checkArrived(for: nil)
            return nil
        }
        let header = try MessageHeader(decoding: bytes.span.extracting(start..<bytes.count))
        let end = start + Int(header.length)
        guard bytes.count >= end else {
            try checkArrived(for: header.type)
            return nil
        }
        defer { start = end }
        last = header.type
        return Frame(bytes: Array(bytes[start..<end]), carried: take(for: header.type, isLast: end == bytes.count))
    }

    /// Takes out the descriptors that no message has got.
    package mutating func takeRest() -> [Descriptor] {
        defer { arrived = [] }
        return arrived.compactMap { if case .one(let descriptor) = $0 { descriptor } else { nil } }
    }

    private mutating func take(for type: MessageType, isLast: Bool) -> CarriedDescriptor<Descriptor> {
        let takes =
            switch type.carriesDescriptor {
            case .none: false
            case .exactlyOne: true
            case .optional: isLast
            }
        return takes && !arrived.isEmpty ? arrived.removeFirst() : .none
    }

    /// What has arrived can only be for the message that has begun.
    ///
    /// - Parameter type: Nil while its header is not complete.
    private func checkArrived(for type: MessageType?) throws(ProtocolError) {
        let isExpected = bytes.count > start && type?.carriesDescriptor != MessageType.Descriptors.none
        let room = isExpected || isCutShort ? 1 : 0
        if arrived.count > room { throw .surplusDescriptor(type ?? last) }
    }
}
