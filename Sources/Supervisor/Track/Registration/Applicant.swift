internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// A process that has connected and not yet said what it is.
final class Applicant: ChannelOwner {
    let credentials: PeerCredentials
    let channel: Channel
    private let runtime: Runtime
    private weak var registrar: Registrar?
    private var timer: TimerID?

    /// To send its first message.
    private static let patience = Duration.seconds(5)

    convenience init(
        _ socket: consuming OwnedDescriptor, _ kind: Channel.Kind, credentials: PeerCredentials, runtime: Runtime,
        registrar: Registrar
    ) throws(Errno) {
        // Its first message may bring a datagram channel, or a connection to be passed.
        let channel = try Channel(socket, kind, takesDescriptors: true, runtime: runtime)
        self.init(
            channel, credentials: credentials, until: runtime.loop.now + Self.patience, runtime: runtime,
            registrar: registrar)
    }

    private init(
        _ channel: Channel, credentials: PeerCredentials, until due: Duration, runtime: Runtime, registrar: Registrar
    ) {
        self.credentials = credentials
        self.registrar = registrar
        self.runtime = runtime
        self.channel = channel
        channel.adopt(self)
        timer = runtime.loop.schedule(at: due) { [weak self] in
            guard let self else { return }
            self.registrar?.refuse(self, "no REGISTER within 5 s")
        }
    }

    // MARK: Carried over

    /// Nil when it has had its say.
    var saved: SavedApplicant? {
        guard let due = runtime.loop.time(of: timer) else { return nil }
        return SavedApplicant(channel: channel.saved, credentials: SavedCredentials(credentials), due: due)
    }

    /// One that the program before has waited for.
    convenience init(_ saved: SavedApplicant, runtime: Runtime, registrar: Registrar) throws(Errno) {
        self.init(
            try Channel(saved.channel, runtime: runtime), credentials: PeerCredentials(saved.credentials),
            until: saved.due, runtime: runtime, registrar: registrar)
    }

    // MARK: What it says

    /// It has not said yet what it wants.
    var isExpectedToSpeak: Bool { timer != nil }

    func stopWaiting() {
        if let timer { runtime.loop.cancel(timer) }
        timer = nil
    }

    func close() {
        channel.close()
    }

    func received(_ message: HandlerMessage, _ carried: CarriedDescriptor<DescriptorBox>, on channel: Channel) {
        // It has had its say: an answer is under way.
        guard timer != nil else { return channel.discard(carried) }
        switch message {
        case .register(let registration): register(registration, carried)
        case .pass(let pass): registrar?.pass(pass, carried, self)
        default: registrar?.refuse(self, "\(message.type) before REGISTER")
        }
    }

    private func register(
        _ registration: HandlerMessage.Registration, _ carried: CarriedDescriptor<DescriptorBox>
    ) {
        switch carried {
        case .none: registrar?.decide(registration, self, channel)
        case .dropped: registrar?.refuse(self, "no descriptor is left here for its datagram channel")
        case .one(let box):
            guard let channel = datagramChannel(box) else {
                runtime.closeForeign(box)
                registrar?.refuse(self, "the descriptor of REGISTER is no end of a socketpair(SOCK_DGRAM)")
                return
            }
            channel.hang(on: self.channel)
            registrar?.decide(registration, self, channel)
        }
    }

    /// A pair of our own family whose ends have no name: nobody else can send to it, or take its name over.
    private func datagramChannel(_ box: DescriptorBox) -> Channel? {
        guard let socket = box.borrowed, Socket.isDatagramPair(socket), let owned = box.take() else { return nil }
        return try? Channel(owned, .packets, takesDescriptors: false, runtime: runtime)
    }

    func brokeProtocol(_ error: String, on channel: Channel) {
        registrar?.refuse(self, error)
    }

    func lostLifeline(of channel: Channel) {}

    func hungUp(_ channel: Channel) {
        registrar?.remove(self)
    }

    func writable(_ channel: Channel) {}
}
