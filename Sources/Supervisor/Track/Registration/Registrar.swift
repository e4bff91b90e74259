internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// Who knows the services that handlers join.
protocol RegistrarTarget: AnyObject {
    /// Whether somebody of these credentials may join any service at all, or pass a connection to one.
    func admitsHandler(_ credentials: PeerCredentials) -> Bool
    /// Takes over the channel of a handler that has registered, or says why not.
    func join(
        _ registration: HandlerMessage.Registration, _ credentials: PeerCredentials, channel: Channel
    ) -> String?
    /// Takes over a connection from a process that is no handler, or says why it may not ask. Else `answer` is called
    /// once, now or later: nil when it was taken, else the reason.
    func pass(
        _ pass: HandlerMessage.Pass, _ socket: DescriptorBox, _ credentials: PeerCredentials,
        answer: @escaping (RefusalReason?) -> Void
    ) -> String?
}

/// The registration sockets: handlers that Baton did not start connect here and send REGISTER; scripts that pass a
/// connection send PASS.
final class Registrar {
    private let runtime: Runtime
    private weak var target: (any RegistrarTarget)?
    private var listeners: [RegistrationListener] = []
    private var applicants: [Applicant] = []
    private var refusals = RefusalPace()

    /// The names of the sockets in the runtime directory.
    static let socketName = "register.sock"
    static let streamSocketName = "register.stream.sock"
    private static let mostApplicants = 256
    private static let mostOfOneUser = 16

    init(runtime: Runtime, target: any RegistrarTarget) {
        self.runtime = runtime
        self.target = target
    }

    /// Takes applicants from `socket`, which listens.
    func listen(_ socket: consuming OwnedDescriptor, _ kind: Channel.Kind) throws(Errno) {
        listeners.append(
            try RegistrationListener(socket, kind, runtime: runtime) { [unowned self] in admit($0, $1) })
    }

    /// Nobody waits to hear what has become of a connection that he passes.
    var isAtRest: Bool { applicants.allSatisfy(\.isExpectedToSpeak) }

    /// The sockets, in the order in which `listen` was told of them.
    var sockets: [SavedDescriptor] { listeners.map(\.saved) }

    /// Those who have not said yet what they want.
    var savedApplicants: [SavedApplicant] { applicants.compactMap(\.saved) }

    /// Goes on waiting for what they say.
    func resume(_ saved: [SavedApplicant]) {
        applicants += saved.compactMap { try? Applicant($0, runtime: runtime, registrar: self) }
    }

    func close() {
        for listener in listeners { listener.close() }
        listeners = []
        for applicant in applicants { applicant.close() }
        applicants = []
    }

    private func admit(_ accepted: consuming AcceptedSocket, _ kind: Channel.Kind) {
        guard let credentials = try? Socket.peerCredentials(of: accepted.descriptor.borrowed),
            hasPlace(for: credentials)
        else { return runtime.closeUnread(accepted.descriptor) }
        guard
            let applicant = try? Applicant(
                accepted.descriptor, kind, credentials: credentials, runtime: runtime, registrar: self)
        else { return }
        applicants.append(applicant)
    }

    private func hasPlace(for credentials: PeerCredentials) -> Bool {
        guard target?.admitsHandler(credentials) == true else {
            refuse(credentials, "it is on no service's list")
            return false
        }
        let ofUser = applicants.lazy.filter { $0.credentials.uid == credentials.uid }.count
        guard ofUser < Self.mostOfOneUser, applicants.count < Self.mostApplicants else {
            refuse(credentials, "too many processes are registering")
            return false
        }
        return true
    }

    // MARK: What applicants say

    /// - Parameter channel: The connection itself, or the datagram channel that came over it.
    func decide(_ registration: HandlerMessage.Registration, _ applicant: Applicant, _ channel: Channel) {
        guard let refusal = target?.join(registration, applicant.credentials, channel: channel) else {
            return remove(applicant)
        }
        // Of a datagram channel, on both: the connection ends with it.
        if channel !== applicant.channel { channel.post(.reject(reason: refusal)) }
        refuse(applicant, refusal)
        channel.close()
    }

    func pass(_ pass: HandlerMessage.Pass, _ carried: CarriedDescriptor<DescriptorBox>, _ applicant: Applicant) {
        guard pass.isFromElsewhere else {
            applicant.channel.discard(carried)
            return refuse(applicant, ProtocolError.notSent(.pass, id: pass.id).description)
        }
        applicant.stopWaiting()
        guard case .one(let socket) = carried else { return answer(pass, .global, applicant) }
        let rejection = target?.pass(pass, socket, applicant.credentials) { [weak self, weak applicant] reason in
            guard let self, let applicant else { return }
            answer(pass, reason, applicant)
        }
        if let rejection { refuse(applicant, rejection) }
    }

    private func answer(_ pass: HandlerMessage.Pass, _ reason: RefusalReason?, _ applicant: Applicant) {
        applicant.channel.post(.passed(id: pass.id, reason.map { .refused(reason: $0.rawValue) } ?? .taken))
        applicant.close()
        remove(applicant)
    }

    func refuse(_ applicant: Applicant, _ why: String) {
        applicant.channel.post(.reject(reason: why))
        refuse(applicant.credentials, why)
        applicant.close()
        remove(applicant)
    }

    func remove(_ applicant: Applicant) {
        applicant.stopWaiting()
        applicants.removeAll { $0 === applicant }
    }

    private func refuse(_ credentials: PeerCredentials, _ why: String) {
        guard refusals.admits(credentials.uid, at: runtime.loop.now) else { return }
        runtime.events.report(
            .handler(.registrationRefused(pid: Int(credentials.pid), uid: credentials.uid, why: why)))
    }
}
