internal import HandoffProtocol
internal import LinuxSystem

/// Who is told what comes over a channel.
protocol ChannelOwner: AnyObject {
    /// - Parameter carried: As the message's type allows. It is the owner's now; what is not kept is given to
    ///   `Runtime.closeForeign`.
    func received(_ message: HandlerMessage, _ carried: CarriedDescriptor<DescriptorBox>, on channel: Channel)
    func brokeProtocol(_ error: String, on channel: Channel)
    /// The sign of life of a datagram channel has ended, and somebody still holds its other end.
    func lostLifeline(of channel: Channel)
    /// The other end is closed, by everybody who held it. Told once, after everything that was sent before.
    func hungUp(_ channel: Channel)
    /// What could not be sent may be tried again.
    func writable(_ channel: Channel)
}
