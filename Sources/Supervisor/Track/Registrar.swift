internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// Who knows the services that handlers join.
protocol RegistrarTarget: AnyObject {
    /// Whether somebody of these credentials may join any service at all.
    func admitsHandler(_ credentials: PeerCredentials) -> Bool
    /// Takes over the channel of a handler that has registered, or says why not.
    func join(
        _ registration: HandlerMessage.Registration, _ credentials: PeerCredentials, channel: Channel
    ) -> String?
}

/// The registration socket: handlers that Baton did not start connect here and send REGISTER.
final class Registrar: EventSource {
    private let socket: OwnedDescriptor
    private let runtime: Runtime
    private let packets: PacketBuffer
    private weak var target: (any RegistrarTarget)?
    private var registration: RegistrationID?
    private var applicants: [Applicant] = []

    /// The name of the socket in the runtime directory.
    static let socketName = "register.sock"
    private static let mostApplicants = 256
    private static let mostOfOneUser = 16
    /// Accepted in one round of the loop.
    private static let budget = 16
    private static let retryDelay = Duration.seconds(1)

    init(
        _ socket: consuming OwnedDescriptor, packets: PacketBuffer, runtime: Runtime, target: any RegistrarTarget
    ) throws(Errno) {
        self.socket = socket
        self.packets = packets
        self.runtime = runtime
        self.target = target
        registration = try runtime.loop.watch(self.socket.borrowed, for: .readable, self)
    }

    func close() {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        for applicant in applicants { applicant.close() }
        applicants = []
    }

    func ready(_ interest: Epoll.Interest) {
        for _ in 0..<Self.budget {
            do {
                admit(try Socket.accept(socket.borrowed))
            } catch {
                if error == .tooManyOpenFiles || error == .tooManyOpenFilesInSystem { rest() }
                return
            }
        }
    }

    private func rest() {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        _ = runtime.loop.schedule(after: Self.retryDelay) { [weak self] in
            guard let self else { return }
            registration = try? runtime.loop.watch(socket.borrowed, for: .readable, self)
        }
    }

    private func admit(_ accepted: consuming AcceptedSocket) {
        guard let target, let credentials = try? Socket.peerCredentials(of: accepted.descriptor.borrowed) else {
            return
        }
        guard target.admitsHandler(credentials) else { return refuse(credentials, "it is on no service's list") }
        let ofUser = applicants.lazy.filter { $0.credentials.uid == credentials.uid }.count
        guard ofUser < Self.mostOfOneUser, applicants.count < Self.mostApplicants else {
            return refuse(credentials, "too many processes are registering")
        }
        guard (try? Socket.setNonblocking(accepted.descriptor.borrowed, true)) != nil,
            let applicant = try? Applicant(
                accepted.descriptor, credentials: credentials, packets: packets, loop: runtime.loop, registrar: self)
        else { return }
        applicants.append(applicant)
    }

    fileprivate func decide(_ registration: HandlerMessage.Registration, _ applicant: Applicant) {
        guard let refusal = target?.join(registration, applicant.credentials, channel: applicant.channel) else {
            return remove(applicant)
        }
        refuse(applicant, refusal)
    }

    fileprivate func refuse(_ applicant: Applicant, _ why: String) {
        applicant.channel.post(.reject(reason: why))
        refuse(applicant.credentials, why)
        applicant.close()
        remove(applicant)
    }

    fileprivate func remove(_ applicant: Applicant) {
        applicant.stopWaiting()
        applicants.removeAll { $0 === applicant }
    }

    private func refuse(_ credentials: PeerCredentials, _ why: String) {
        runtime.events.report(
            .handler(.registrationRefused(pid: Int(credentials.pid), uid: credentials.uid, why: why)))
    }
}

/// A process that has connected and not yet said what it is.
final class Applicant: ChannelOwner {
    let credentials: PeerCredentials
    let channel: Channel
    private weak var registrar: Registrar?
    private let loop: EventLoop
    private var timer: TimerID?

    /// To send REGISTER.
    private static let patience = Duration.seconds(5)

    init(
        _ socket: consuming OwnedDescriptor, credentials: PeerCredentials, packets: PacketBuffer, loop: EventLoop,
        registrar: Registrar
    ) throws(Errno) {
        self.credentials = credentials
        self.registrar = registrar
        self.loop = loop
        channel = try Channel(socket, packets: packets, loop: loop)
        channel.adopt(self)
        timer = loop.schedule(after: Self.patience) { [weak self] in
            guard let self else { return }
            self.registrar?.refuse(self, "no REGISTER within 5 s")
        }
    }

    func stopWaiting() {
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    func close() {
        channel.close()
    }

    func received(_ message: HandlerMessage, on channel: Channel) {
        switch message {
        case .register(let registration): registrar?.decide(registration, self)
        case .pass(let pass):
            channel.post(.passed(id: pass.id, .refused(reason: RefusalReason.passed.rawValue)))
            registrar?.refuse(self, "PASS from outside a handler is not supported yet")
        default: registrar?.refuse(self, "\(message.type) before REGISTER")
        }
    }

    func brokeProtocol(_ error: String, on channel: Channel) {
        registrar?.refuse(self, error)
    }

    func hungUp(_ channel: Channel) {
        registrar?.remove(self)
    }

    func writable(_ channel: Channel) {}
}
