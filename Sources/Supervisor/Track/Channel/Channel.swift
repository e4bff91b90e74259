internal import ControlProtocol
internal import DequeModule
internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// Our end of a handler's Unix-domain socket: whole messages in and out, nothing decided.
///
/// All descriptors that come are taken: the kernel might wait where it drops them. What is not wanted is closed elsewhere.
final class Channel: EventSource {
    let socket: OwnedDescriptor
    let runtime: Runtime
    /// Held until `close`: who looks at a weak reference pays for it with each message, and so does all that holds the owner.
    private(set) var owner: (any ChannelOwner)?
    var registration: RegistrationID?
    /// Of a stream; nil where a packet is a message.
    var framer: MessageFramer<DescriptorBox>?
    /// Of a datagram channel.
    var lifeline: Lifeline?
    /// Of the handler that has it.
    var line: RosterLine?
    /// Whether descriptors are taken from the handler.
    var takesDescriptors: Bool
    /// What met a full socket, in order; of a stream, first the rest of a message that went out in part.
    var unsent: Deque<[UInt8]> = []
    private var encoder = BatonEncoder()
    var waitsForRoom = false
    var retry: TimerID?
    /// The handler is let go: it is sent nothing more, and what it says are its last words.
    var ended = false
    /// Of what it has said since, something could not be read.
    var isIllegible = false

    enum Kind {
        /// Of a seqpacket or datagram socket: each is a message.
        case packets
        case stream
    }

    enum SendOutcome {
        case sent
        /// The socket's buffer is full: `writable` will be told.
        case full
        /// Kernel memory or descriptors in flight are short: try after a moment.
        case short
        /// For another reason, a security module's for example, which may not hold for ever, nor for others.
        case refused
        /// Nobody holds the other end; its hang-up follows.
        case broken
    }

    /// Calls that read in one round of the loop.
    private static let budget = 64
    /// Calls that read what lies there: more messages than a socket's buffer takes. A handler that writes on meanwhile
    /// must not keep the loop.
    private static let everything = 4096
    /// Bytes: room for the batons of a whole window.
    private static let sendBuffer = 256 * 1024
    /// Messages that wait for room. A handler that does not read what it asks for (PASSED) is not read any more.
    private static let mostUnsent = 64
    private static let news: Epoll.Interest = [.readable, .peerClosed]
    private static let somethingToRead: Epoll.Interest = [.readable, .peerClosed, .error]
    /// After a send that failed for lack of kernel memory.
    static let shortDelay = Duration.milliseconds(20)

    /// Takes over a connected Unix-domain socket. Somebody has to `adopt` it before the loop turns.
    init(_ socket: consuming OwnedDescriptor, _ kind: Kind, takesDescriptors: Bool, runtime: Runtime) throws(Errno) {
        self.socket = socket
        self.takesDescriptors = takesDescriptors
        self.runtime = runtime
        framer = kind == .stream ? MessageFramer() : nil
        try Socket.setNonblocking(self.socket.borrowed, true)
        Self.widen(self.socket.borrowed)
        registration = try runtime.loop.watch(self.socket.borrowed, for: Self.news, self)
    }

    /// Gives one end of a channel its buffer.
    static func widen(_ socket: FileDescriptor) {
        Socket.widen(socket, to: sendBuffer)
    }

    deinit {
        // What lies unread in a socket that was closed may hold descriptors.
        if registration == nil { runtime.keepUnread(of: socket.borrowed) }
    }

    /// What tells who the handler is, and whether it is there.
    var descriptor: FileDescriptor { lifeline?.connection.descriptor ?? socket.borrowed }

    /// Makes `owner` the one who is told, and who closes it.
    func adopt(_ owner: any ChannelOwner) {
        self.owner = owner
    }

    /// Lets the handler read the end of the channel after what was sent, and listens on for its hang-up only. What it
    /// has said by then is told before that.
    func end() {
        guard !ended else { return }
        ended = true
        unsent = []
        if let registration { runtime.loop.change(registration, to: []) }
        // The end of a datagram pair is not seen at the other one.
        if let lifeline { return lifeline.connection.end() }
        // With both halves ended the kernel tells of a hang-up, though somebody holds the other end.
        if !socket.borrowed.endsReading { Socket.shutdown(socket.borrowed, reading: false, writing: true) }
    }

    func close() {
        ended = true
        owner = nil
        line = nil
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        if let retry { runtime.loop.cancel(retry) }
        retry = nil
        lifeline?.close()
        for box in framer?.takeRest() ?? [] { runtime.closeForeign(box) }
    }

    func ready(_ interest: Epoll.Interest) {
        if interest.contains(.writable) { flush() }
        if interest.contains(.hangUp) { return finish() }
        if !interest.isDisjoint(with: Self.somethingToRead) { read(atMost: Self.budget) }
    }

    func finish() {
        read(atMost: .max)  // nobody can write any more
        guard registration != nil, let owner else { return }
        close()
        owner.hungUp(self)
    }

    /// The handler has broken the protocol.
    func refuse(_ error: String) {
        guard !ended else { return }
        owner?.brokeProtocol(error, on: self)
    }

    /// A descriptor that nobody wants.
    func discard(_ carried: CarriedDescriptor<DescriptorBox>) {
        if case .one(let box) = carried { runtime.closeForeign(box) }
    }
}

// MARK: - Sending

extension Channel {
    /// Sends a message that must not be lost while the channel lives: what does not fit now goes out first
    /// when there is room.
    func post(_ message: SupervisorMessage) {
        guard !ended, let bytes = try? MessageCoder.encode(message) else { return }
        if !unsent.isEmpty {
            unsent.append(bytes)
            updateInterest()
        } else {
            settle(bytes, write(bytes))
        }
    }

    /// Sends a baton, or says why it is still the caller's.
    func send(_ baton: SupervisorMessage.Baton, passing descriptor: FileDescriptor) -> SendOutcome {
        guard !ended else { return .broken }
        guard unsent.isEmpty else { return .full }
        guard (try? encoder.encode(baton)) != nil else { return .broken }
        let outcome = write(encoder.bytes, passing: descriptor)
        if outcome == .full { wait() }
        return outcome
    }

    /// On a stream a message may go out in part. Its descriptor is on its way then, with the first byte, and the rest
    /// goes before all else.
    private func write(_ bytes: [UInt8], passing descriptor: FileDescriptor? = nil) -> SendOutcome {
        do {
            let count = try DescriptorPassing.send(bytes, passing: descriptor, on: socket.borrowed)
            if count < bytes.count {
                unsent.prepend(Array(bytes[count...]))
                wait()
            }
            return .sent
        } catch {
            switch error {
            case .wouldBlock: return .full
            case .noBufferSpace, .noMemory, .tooManyReferences: return .short
            case .brokenPipe, .connectionReset, .connectionRefused, .socketNotConnected: return .broken
            default: return .refused
            }
        }
    }

    /// Keeps what could not be sent. False when nothing can be sent now.
    @discardableResult
    private func settle(_ bytes: [UInt8], _ outcome: SendOutcome) -> Bool {
        switch outcome {
        case .sent, .broken: return true
        case .full: wait()
        case .short, .refused: tryLater()
        }
        unsent.prepend(bytes)
        return false
    }

    private func flush() {
        waitsForRoom = false
        while let bytes = unsent.popFirst() {
            guard settle(bytes, write(bytes)) else { return updateInterest() }
        }
        updateInterest()
        owner?.writable(self)
    }

    private func wait() {
        waitsForRoom = true
        updateInterest()
    }

    /// The kernel does not tell when it has memory again.
    func tryLater() {
        guard retry == nil else { return }
        retry = runtime.loop.schedule(after: Self.shortDelay) { [weak self] in
            self?.retry = nil
            self?.flush()
        }
    }

    func updateInterest() {
        guard let registration, !ended else { return }
        var interest: Epoll.Interest = unsent.count < Self.mostUnsent ? Self.news : []
        if waitsForRoom { interest.insert(.writable) }
        runtime.loop.change(registration, to: interest)
    }
}

// MARK: - Receiving

extension CarriedDescriptor {
    var isNone: Bool { if case .none = self { true } else { false } }
}

extension Channel {
    /// Reads everything that has come so far.
    func drain() {
        read(atMost: Self.everything)
    }

    private func read(atMost budget: Int) {
        if let line { line.roster.handler(line.place, isRead: true) }
        // Its place is another's when it is gone by then.
        defer { if let line { line.roster.handler(line.place, isRead: false) } }
        var taken = 0
        while taken < budget, registration != nil {
            do {
                let received = try DescriptorPassing.receive(
                    into: &runtime.packets.bytes, room: DescriptorPassing.mostDescriptors, on: socket.borrowed)
                taken += 1 + received.descriptors.count
                guard take(received) else { return }
            } catch .connectionReset {
                continue  // told once, when the other end closed with something unread; what it sent is still there
            } catch {
                return
            }
        }
    }

    /// Whether reading goes on.
    private func take(_ received: DescriptorPassing.Received) -> Bool {
        guard received.count > 0 else {
            runtime.closeForeign(received.descriptors)
            // The end, or a handler that sends nothing any more but still holds the channel: poll tells
            // which. A message without bytes looks the same and is as wrong.
            if !socket.borrowed.hasHungUp { refuse("an empty message, or the end of its messages before its end") }
            // Behind an empty message there may be others.
            return ended && ((try? Socket.inputQueue(socket.borrowed)) ?? 0) > 0
        }
        do throws(ProtocolError) {
            let carried = try carried(by: received)
            let bytes = runtime.packets.bytes
            guard framer != nil else {
                deliver(bytes.span.extracting(0..<received.count), carried)
                return true
            }
            framer?.append(bytes[..<received.count], carried, filled: received.count == bytes.count)
            while registration != nil {
                guard let frame = try framer?.next() else { return true }
                deliver(frame.bytes.span, frame.carried)
            }
            return false
        } catch {
            // Where the next message of a stream begins is not known any more; of packets it is.
            isIllegible = framer != nil
            refuse(error.description)
            return !isIllegible
        }
    }

    private func carried(
        by received: DescriptorPassing.Received
    ) throws(ProtocolError) -> CarriedDescriptor<DescriptorBox> {
        guard let first = received.descriptors.first else { return received.descriptorsTruncated ? .dropped : .none }
        if takesDescriptors, received.descriptors.count == 1, !received.descriptorsTruncated { return .one(first) }
        runtime.closeForeign(received.descriptors)
        guard !takesDescriptors else { throw .surplusDescriptor(.pass) }
        return .dropped
    }

    private func deliver(_ bytes: Span<UInt8>, _ carried: CarriedDescriptor<DescriptorBox>) {
        do throws(ProtocolError) {
            let message = try MessageCoder.decodeHandlerMessage(bytes)
            try message.type.check(descriptors: carried.isNone ? 0 : 1)
            owner?.received(message, carried, on: self)
        } catch {
            discard(carried)
            refuse(error.description)
        }
    }
}
