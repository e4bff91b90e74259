/// Version 1 of the handoff protocol, in numbers. Lengths are bytes.
package enum ProtocolLimits {
    /// A message with its header. On seqpacket and datagram channels it is also the most a read must take.
    package static let message = 65_536
    /// Bytes that were drained from a connection's stream and travel with it.
    package static let drained = 61_440
    /// A service's or listener's name.
    package static let name = 255
    /// The PROXY protocol header of a BATON.
    package static let proxyHeader = 536
    /// A reason or a status.
    package static let text = 1_024
    /// The connections that one DONE can name.
    package static let doneIDs = (message - MessageHeader.size) / MemoryLayout<UInt64>.size
    /// The batons that may stand unacknowledged on one channel, whatever its capacity.
    package static let unacknowledged = 64
}

/// The version of the protocol that a REGISTER or WELCOME speaks of.
package struct ProtocolVersion: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The only version there is.
    package static let current = ProtocolVersion(rawValue: 1)
}

/// What a handler says of itself in REGISTER.
package struct HandlerTraits: OptionSet, Hashable, Sendable {
    package var rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Serves in the thread that reads the channel: while it holds a connection it gets no PING and no
    /// further baton.
    package static let servesOnChannelThread = HandlerTraits(rawValue: 1)
    /// Sends no DONE: its connections count only until ACK.
    package static let sendsNoDone = HandlerTraits(rawValue: 2)

    /// The traits that version 1 knows; any other bit is a protocol error.
    package static let known: HandlerTraits = [.servesOnChannelThread, .sendsNoDone]
}
