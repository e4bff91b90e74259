internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// What a client of the control socket may take.
struct ControlLimits {
    /// To take what was answered.
    var patience = Duration.seconds(10)
    /// To take the next few of the events that it asked for: whoever reads them may do so page by page.
    var followingPatience = Duration.seconds(60)
    var stream = EventStream.Limits()
}

/// One client: a request at a time, and a reply that it must take in time.
final class ControlConnection: EventSource {
    private let socket: OwnedDescriptor
    private let credentials: PeerCredentials
    /// May only look.
    private let isGuest: Bool
    private weak var server: ControlServer?
    private let runtime: Runtime
    private let limits: ControlLimits
    private var registration: RegistrationID?
    private var framer = LineFramer(limit: JSONLimits.request.bytes)
    private var state = State.reading
    private var unsent: [UInt8] = []
    private var slow: TimerID?
    private var lastUse: Duration

    private enum State {
        case reading
        /// A request waits for its turn.
        case asked([UInt8])
        /// It was asked of the supervisor, which has not answered.
        case waiting(ControlRequest)
        /// Its reply is made as it takes it.
        case telling(LongReply)
        /// `isQueued`: it waits for its turn.
        case streaming(EventStream, isQueued: Bool)
    }

    init(
        _ socket: consuming OwnedDescriptor, credentials: PeerCredentials, isGuest: Bool, server: ControlServer,
        runtime: Runtime, limits: ControlLimits
    ) {
        self.socket = socket
        self.credentials = credentials
        self.isGuest = isGuest
        self.server = server
        self.runtime = runtime
        self.limits = limits
        lastUse = runtime.loop.now
    }

    deinit {
        // What lies unread in a socket that was closed may hold descriptors.
        if registration == nil { runtime.keepUnread(of: socket.borrowed) }
    }

    var place: ControlPlaces.Client {
        let occupation: ControlPlaces.Occupation =
            switch state {
            case .reading: unsent.isEmpty ? .idle : .following
            case .streaming: .following
            case .asked, .waiting, .telling: .waiting
            }
        return ControlPlaces.Client(uid: credentials.uid, isGuest: isGuest, occupation: occupation, lastUse: lastUse)
    }

    func start() {
        try? Socket.setNonblocking(socket.borrowed, true)
        registration = try? runtime.loop.watch(socket.borrowed, for: [.readable, .peerClosed], self)
        if registration == nil { close() }
    }

    // MARK: Upgrade

    /// For the program that takes over, when this is who has asked for it.
    var requester: SavedRequester? {
        guard case .waiting(let request) = state, request.method == .upgrade else { return nil }
        return SavedRequester(descriptor: SavedDescriptor(socket.borrowed), id: request.id?.line ?? [])
    }

    /// The program is about to be another, which knows nothing of this client.
    func leave() {
        // A line that is cut off says nothing more.
        if case .telling = state { return close() }
        if case .waiting(let request) = state {
            let error = ControlError(.failed, "another program has taken over; what was asked for goes on")
            unsent += ControlReply(.failure(error), id: request.id).json.line
        } else {
            unsent += JSON.object(["reconnect": .bool(true)]).line
        }
        send()
        close()
    }

    func close() {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        if let slow { runtime.loop.cancel(slow) }
        slow = nil
        runtime.events.remove(self)
        server?.forget(self)
    }

    func ready(_ interest: Epoll.Interest) {
        lastUse = runtime.loop.now
        if interest.contains(.hangUp) { return close() }
        if interest.contains(.writable) { return send() }
        var buffer = [UInt8](repeating: 0, count: 4096)
        do throws(Errno) {
            let received = try DescriptorPassing.receive(
                into: &buffer, room: DescriptorPassing.mostDescriptors, on: socket.borrowed)
            // Nobody is asked for any.
            runtime.closeForeign(received.descriptors)
            guard received.count > 0, received.descriptors.isEmpty else { return close() }
            framer.append(buffer[..<received.count])
        } catch {
            return error == .wouldBlock ? () : close()
        }
        readNext()
    }

    // MARK: Requests

    /// Takes the next line that is complete; what comes behind it stays in the socket until it is answered.
    private func readNext() {
        guard registration != nil, case .reading = state, unsent.isEmpty else { return }
        do {
            guard let line = try framer.next() else { return listen(for: [.readable, .peerClosed]) }
            state = .asked(line)
            listen(for: [])
            server?.wantsTurn(self)
        } catch {
            answer(ControlReply(.failure(ControlError(.badRequest, "a line over \(error.limit) bytes"))))
            close()
        }
    }

    func takeTurn() {
        guard registration != nil else { return }
        switch state {
        case .asked(let line):
            serve(line)
        case .telling(let reply): tell(reply)
        case .streaming(let stream, _): tell(stream)
        case .reading, .waiting: break
        }
    }

    private func serve(_ line: [UInt8]) {
        switch ControlRequest.read(line) {
        case .refused(let reply): answer(reply)
        case .request(let request):
            state = .waiting(request)
            guard !isGuest || request.method.onlyLooks else {
                let error = ControlError(
                    .notAllowed, "\(request.method.name) is for root and the supervisor's own user")
                server?.refused(error, credentials)
                return answer(ControlReply(.failure(error), id: request.id))
            }
            server?.perform(request.method, for: credentials) { [weak self] in
                self?.answer($0, to: request)
            }
        }
    }

    private func answer(_ outcome: ControlOutcome, to request: ControlRequest) {
        switch outcome {
        case .done(let result): answer(ControlReply(result, id: request.id), to: request.method)
        case .long(let reply): if registration != nil { tell(reply.answering(request.id)) }
        }
    }

    /// The next bit.
    private func tell(_ reply: LongReply) {
        var reply = reply
        let piece = reply.take()
        state = piece.isLast ? .reading : .telling(reply)
        unsent += piece.bytes
        send()
    }

    func answer(_ reply: ControlReply, to method: ControlRequest.Method? = nil) {
        guard registration != nil else { return }
        state = .reading
        if case .events(let query) = method, case .success = reply.outcome {
            state = .streaming(EventStream(query, in: runtime.events.ring, limits: limits.stream), isQueued: false)
            if query.follows { runtime.events.add(self) }
        }
        unsent += reply.json.line
        send()
    }

    // MARK: Replies

    private func send() {
        var written = 0
        while written < unsent.count {
            guard let count = socket.borrowed.writeOnce(unsent, from: written, to: unsent.count) else { return close() }
            if count == 0 { break }
            written += count
        }
        unsent.removeFirst(written)
        guard unsent.isEmpty else {
            listen(for: .writable)
            if slow == nil { slow = runtime.loop.schedule(after: patience) { [weak self] in self?.close() } }
            return
        }
        if let slow { runtime.loop.cancel(slow) }
        slow = nil
        listen(for: [])
        if case .streaming = state { return eventsCame() }
        if case .telling = state { return server?.wantsTurn(self) ?? () }
        runtime.loop.afterThisRound { [weak self] in self?.readNext() }
    }

    private var patience: Duration {
        if case .streaming = state { limits.followingPatience } else { limits.patience }
    }

    private func listen(for interest: Epoll.Interest) {
        if let registration { runtime.loop.change(registration, to: interest) }
    }
}

// MARK: Events

extension ControlConnection: EventFollower {
    func eventsCame() {
        guard case .streaming(let stream, isQueued: false) = state, unsent.isEmpty,
            stream.hasMore(in: runtime.events.ring)
        else { return }
        state = .streaming(stream, isQueued: true)
        server?.wantsTurn(self)
    }

    private func tell(_ stream: EventStream) {
        var stream = stream
        let batch = stream.take(from: runtime.events.ring)
        state = batch.isLast ? .reading : .streaming(stream, isQueued: false)
        unsent += batch.bytes
        send()
    }
}
