internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// Who does what clients of the control socket ask for.
protocol ControlTarget: AnyObject {
    /// `answer` is called once, now or later.
    func perform(_ method: ControlRequest.Method, answer: @escaping (Result<JSON, ControlError>) -> Void)
}

/// The control socket: accepts clients, by the kernel's word on who they are, and bounds them.
final class ControlServer: EventSource {
    private let socket: OwnedDescriptor
    private let runtime: Runtime
    private weak var target: (any ControlTarget)?
    /// Others than root and the supervisor's own user are let in to look (`control.group`).
    var admitsGroup: Bool
    private var registration: RegistrationID?
    private var clients: [ControlConnection] = []
    private var pause: TimerID?

    /// Clients at a time; one more takes the place of the one that has been idle longest.
    private static let mostClients = 64
    private static let retryDelay = Duration.seconds(1)

    init(_ socket: consuming OwnedDescriptor, admitsGroup: Bool, runtime: Runtime, target: any ControlTarget)
        throws(Errno)
    {
        self.socket = socket
        self.admitsGroup = admitsGroup
        self.runtime = runtime
        self.target = target
        registration = try runtime.loop.watch(self.socket.borrowed, for: .readable, self)
    }

    func ready(_ interest: Epoll.Interest) {
        do {
            admit(try Socket.accept(socket.borrowed))
        } catch {
            if error == .tooManyOpenFiles || error == .tooManyOpenFilesInSystem { rest() }
        }
    }

    /// Out of descriptors: out of the poll set for a while, so that it does not spin.
    private func rest() {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        pause = runtime.loop.schedule(after: Self.retryDelay) { [weak self] in
            guard let self else { return }
            registration = try? runtime.loop.watch(socket.borrowed, for: .readable, self)
        }
    }

    private func admit(_ accepted: consuming AcceptedSocket) {
        guard let credentials = try? Socket.peerCredentials(of: accepted.descriptor.borrowed) else { return }
        let isOwner = credentials.uid == 0 || credentials.uid == CurrentProcess.uid
        guard isOwner || admitsGroup else {
            let error = ControlError(.notAllowed, "uid \(credentials.uid) is not let in")
            return report(.refused(error, uid: credentials.uid, pid: Int(credentials.pid)))
        }
        if clients.count >= Self.mostClients { clients.min { $0.lastUse < $1.lastUse }?.close() }
        let client = ControlConnection(
            accepted.descriptor, credentials: credentials, mayChange: isOwner, server: self, loop: runtime.loop)
        clients.append(client)
        client.start()
    }

    fileprivate func report(_ event: ControlEvent) {
        runtime.events.report(.control(event))
    }

    fileprivate func perform(_ method: ControlRequest.Method, answer: @escaping (Result<JSON, ControlError>) -> Void) {
        target?.perform(method, answer: answer)
    }

    fileprivate func forget(_ client: ControlConnection) {
        clients.removeAll { $0 === client }
    }
}

/// One client: a request at a time, and a reply that it must take in time.
final class ControlConnection: EventSource {
    private let socket: OwnedDescriptor
    private let credentials: PeerCredentials
    /// May do more than look.
    private let mayChange: Bool
    private weak var server: ControlServer?
    private let loop: EventLoop
    private var registration: RegistrationID?
    private var framer = LineFramer(limit: JSONLimits.request.bytes)
    private var unsent: [UInt8] = []
    private var isAnswering = false
    private var slow: TimerID?
    private(set) var lastUse: Duration

    /// To take what was answered.
    private static let patience = Duration.seconds(10)

    init(
        _ socket: consuming OwnedDescriptor, credentials: PeerCredentials, mayChange: Bool, server: ControlServer,
        loop: EventLoop
    ) {
        self.socket = socket
        self.credentials = credentials
        self.mayChange = mayChange
        self.server = server
        self.loop = loop
        lastUse = loop.now
    }

    func start() {
        try? Socket.setNonblocking(socket.borrowed, true)
        registration = try? loop.watch(socket.borrowed, for: [.readable, .peerClosed], self)
        if registration == nil { close() }
    }

    func close() {
        if let registration { loop.forget(registration) }
        registration = nil
        if let slow { loop.cancel(slow) }
        slow = nil
        server?.forget(self)
    }

    func ready(_ interest: Epoll.Interest) {
        lastUse = loop.now
        if interest.contains(.hangUp) { return close() }
        if interest.contains(.writable) { return send() }
        var buffer = [UInt8](repeating: 0, count: 4096)
        guard let count = try? socket.borrowed.readOnce(into: &buffer), count > 0 else { return close() }
        framer.append(buffer[..<count])
        serveNext()
    }

    /// Serves the next line that is complete, unless one is being answered.
    private func serveNext() {
        guard !isAnswering, unsent.isEmpty, registration != nil else { return }
        do {
            guard let line = try framer.next() else { return listen(for: [.readable, .peerClosed]) }
            // What comes meanwhile stays in the socket.
            isAnswering = true
            listen(for: [])
            serve(line)
        } catch {
            answer(ControlReply(.failure(ControlError(.badRequest, "a line over \(error.limit) bytes"))))
            close()
        }
    }

    private func serve(_ line: [UInt8]) {
        switch ControlRequest.read(line) {
        case .refused(let reply):
            answer(reply)
        case .request(let request):
            guard mayChange || request.method.isForEverybody else {
                let error = ControlError(
                    .notAllowed, "\(request.method.name) is for root and the supervisor's own user")
                server?.report(.refused(error, uid: credentials.uid, pid: Int(credentials.pid)))
                return answer(ControlReply(.failure(error), id: request.id))
            }
            server?.report(
                .requested(
                    method: request.method.name, services: request.method.services, uid: credentials.uid,
                    pid: Int(credentials.pid)))
            server?.perform(request.method) { [weak self] in self?.answer(ControlReply($0, id: request.id)) }
        }
    }

    private func answer(_ reply: ControlReply) {
        guard registration != nil else { return }
        isAnswering = false
        unsent += reply.json.line
        send()
    }

    private func send() {
        var written = 0
        while written < unsent.count {
            guard let count = socket.borrowed.writeOnce(unsent, from: written, to: unsent.count) else { return close() }
            if count == 0 { break }
            written += count
        }
        unsent.removeFirst(written)
        if unsent.isEmpty {
            if let slow { loop.cancel(slow) }
            slow = nil
            loop.afterThisRound { [weak self] in self?.serveNext() }
        } else {
            listen(for: .writable)
            if slow == nil { slow = loop.schedule(after: Self.patience) { [weak self] in self?.close() } }
        }
    }

    private func listen(for interest: Epoll.Interest) {
        if let registration { loop.change(registration, to: interest) }
    }
}

extension ControlRequest.Method {
    fileprivate var services: [String] {
        switch self {
        case .status(let services), .stop(let services, _), .restart(let services): services
        case .reload: []
        }
    }
}
