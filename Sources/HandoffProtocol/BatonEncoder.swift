/// The batons of one channel as bytes. Most differ from the one before by two numbers: then nothing else is written.
package struct BatonEncoder {
    /// The last message.
    package private(set) var bytes: [UInt8] = []
    /// Of the last message, if nothing stands behind them.
    private var names: (service: String, listener: String)?

    package init() {}

    /// The message as one packet, in `bytes`. When it fails, their content means nothing.
    package mutating func encode(_ baton: SupervisorMessage.Baton) throws(ProtocolError) {
        let isPlain = baton.drained.isEmpty && baton.proxyHeader.isEmpty
        if isPlain, let names, names.service == baton.service, names.listener == baton.listener, baton.id != 0 {
            return MessageCoder.restate(baton, in: &bytes)
        }
        names = nil
        try MessageCoder.encode(.baton(baton), into: &bytes)
        if isPlain { names = (baton.service, baton.listener) }
    }
}
