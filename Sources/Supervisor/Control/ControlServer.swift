internal import ControlProtocol
internal import DequeModule
internal import LinuxSystem
internal import SystemPackage

/// Who does what clients of the control socket ask for.
protocol ControlTarget: AnyObject {
    /// `answer` is called once, now or later.
    func perform(_ method: ControlRequest.Method, answer: @escaping (ControlOutcome) -> Void)
}

/// What comes of a request.
enum ControlOutcome {
    case done(Result<JSON, ControlError>)
    /// A result that is made bit by bit.
    case long(LongReply)
}

/// The control socket: accepts clients, by the kernel's word on who they are, and bounds them.
final class ControlServer: EventSource {
    private let socket: OwnedDescriptor
    private let runtime: Runtime
    private weak var target: (any ControlTarget)?
    /// Others than root and the supervisor's own user are let in to look (`control.group`).
    var admitsGroup: Bool
    private let limits: ControlLimits
    private var registration: RegistrationID?
    private var clients: [ControlConnection] = []
    /// Clients with something to be done for them.
    private var turns: Deque<ControlConnection> = []
    private var isTurnDue = false
    private var time = TimeShare()
    private var pause: TimerID?
    /// The place of the client that comes when there is no other descriptor left: it may ask why.
    private var spare: DescriptorBox?
    private var refusals = RefusalPace()

    private static let acceptBudget = 16
    private static let retryDelay = Duration.seconds(1)

    init(
        _ socket: consuming OwnedDescriptor, admitsGroup: Bool, runtime: Runtime, target: any ControlTarget,
        limits: ControlLimits = ControlLimits()
    ) throws(Errno) {
        self.socket = socket
        self.admitsGroup = admitsGroup
        self.runtime = runtime
        self.target = target
        self.limits = limits
        registration = try runtime.loop.watch(self.socket.borrowed, for: .readable, self)
        keepSpare()
    }

    func ready(_ interest: Epoll.Interest) {
        for _ in 0..<Self.acceptBudget {
            do {
                admit(try accept())
            } catch {
                if error != .wouldBlock { rest() }
                return
            }
        }
    }

    private func accept() throws(Errno) -> AcceptedSocket {
        do {
            return try Socket.accept(socket.borrowed)
        } catch {
            guard error == .tooManyOpenFiles, spare.take() != nil else { throw error }
            return try Socket.accept(socket.borrowed)
        }
    }

    private func keepSpare() {
        guard spare == nil, let descriptor = try? OwnedDescriptor.placeholder() else { return }
        spare = DescriptorBox(descriptor)
    }

    /// Out of descriptors or memory: out of the poll set for a while, so that it does not spin.
    private func rest() {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        pause = runtime.loop.schedule(after: Self.retryDelay) { [weak self] in
            guard let self else { return }
            keepSpare()
            do { registration = try runtime.loop.watch(socket.borrowed, for: .readable, self) } catch { rest() }
        }
    }

    private func admit(_ accepted: consuming AcceptedSocket) {
        guard let credentials = try? Socket.peerCredentials(of: accepted.descriptor.borrowed),
            let isGuest = takePlace(credentials)
        else { return runtime.closeUnread(accepted.descriptor) }
        let client = ControlConnection(
            accepted.descriptor, credentials: credentials, isGuest: isGuest, server: self, runtime: runtime,
            limits: limits)
        clients.append(client)
        client.start()
    }

    /// Makes room for a newcomer; nil when it is not let in.
    ///
    /// - Returns: Whether it may only look.
    private func takePlace(_ credentials: PeerCredentials) -> Bool? {
        let isOwner = credentials.uid == 0 || credentials.uid == CurrentProcess.uid
        guard isOwner || admitsGroup else {
            refused(ControlError(.notAllowed, "uid \(credentials.uid) is not let in"), credentials)
            return nil
        }
        switch ControlPlaces.decide(uid: credentials.uid, isGuest: !isOwner, among: clients.map(\.place)) {
        case .admit: break
        case .replace(let index): clients[index].close()
        case .refuse: return nil
        }
        return !isOwner
    }

    func forget(_ client: ControlConnection) {
        clients.removeAll { $0 === client }
        turns.removeAll { $0 === client }
        // Its descriptor goes with it, at the end of the round.
        runtime.loop.afterThisRound { [weak self] in self?.keepSpare() }
    }

    // MARK: Upgrade

    var saved: SavedDescriptor { SavedDescriptor(socket.borrowed) }

    /// Who has asked for the upgrade that is under way.
    var requester: SavedRequester? { clients.lazy.compactMap(\.requester).first }

    /// The others are told to connect again.
    func leave() {
        for client in clients where client.requester == nil { client.leave() }
    }

    /// Answers who asked the program before.
    func answer(_ requester: SavedRequester, _ outcome: Result<JSON, ControlError>) {
        let descriptor = requester.descriptor.adopt()
        guard let credentials = try? Socket.peerCredentials(of: descriptor.borrowed) else { return }
        let client = ControlConnection(
            descriptor, credentials: credentials, isGuest: false, server: self, runtime: runtime, limits: limits)
        clients.append(client)
        let id = requester.id.isEmpty ? nil : try? JSON(parsing: requester.id, limits: .request)
        runtime.loop.afterThisRound {
            client.start()
            client.answer(ControlReply(outcome, id: id))
        }
    }

    // MARK: Requests

    /// Something is to be done for `client`. One client is served in a round of the loop, in turn, and not in every one:
    /// whatever they ask for, connections are accepted and handed on between two requests.
    func wantsTurn(_ client: ControlConnection) {
        turns.append(client)
        scheduleTurn()
    }

    private func scheduleTurn() {
        guard !isTurnDue, !turns.isEmpty else { return }
        isTurnDue = true
        if let pause = time.pause(at: Clock.now()) {
            _ = runtime.loop.schedule(after: pause) { [weak self] in self?.takeTurn() }
        } else {
            runtime.loop.afterThisRound { [weak self] in self?.takeTurn() }
        }
    }

    private func takeTurn() {
        isTurnDue = false
        let begin = Clock.now()
        turns.popFirst()?.takeTurn()
        time.spent(from: begin, to: Clock.now())
        scheduleTurn()
    }

    func perform(
        _ method: ControlRequest.Method, for client: PeerCredentials,
        answer: @escaping (ControlOutcome) -> Void
    ) {
        if !method.onlyLooks {
            report(.requested(method, uid: client.uid, pid: Int(client.pid)))
        }
        target?.perform(method, answer: answer)
    }

    func refused(_ error: ControlError, _ client: PeerCredentials) {
        guard refusals.admits(client.uid, at: runtime.loop.now) else { return }
        report(.refused(error, uid: client.uid, pid: Int(client.pid)))
    }

    private func report(_ event: ControlEvent) {
        runtime.events.report(.control(event))
    }
}
