internal import HandoffProtocol
internal import LinuxSystem

/// The connection on which a datagram channel was registered. It stays open as the sign of life: a datagram socket
/// does not hang up when its peer is closed.
final class Lifeline: ChannelOwner {
    let connection: Channel
    private weak var channel: Channel?

    init(_ connection: Channel, of channel: Channel) {
        self.connection = connection
        self.channel = channel
        connection.adopt(self)
    }

    func close() {
        channel = nil
        connection.close()
    }

    func received(_ message: HandlerMessage, _ carried: CarriedDescriptor<DescriptorBox>, on connection: Channel) {
        channel?.discard(carried)
        channel?.refuse("\(message.type) beside the datagram channel")
    }

    func brokeProtocol(_ error: String, on connection: Channel) {
        channel?.refuse(error)
    }

    func lostLifeline(of channel: Channel) {}

    func hungUp(_ connection: Channel) {
        channel?.lifelineEnded()
    }

    func writable(_ connection: Channel) {}
}
