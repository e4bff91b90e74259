internal import HandoffProtocol

/// Where packets are received: one for all channels, since each is decoded before the next is read.
final class PacketBuffer {
    /// One byte more than a message may have, so that a longer one shows.
    var bytes = [UInt8](repeating: 0, count: ProtocolLimits.message + 1)
}
