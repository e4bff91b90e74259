internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// The thread of the channel: reads batons, acknowledges them at once, answers heartbeats, and says what
/// the program left in the outbox.
///
/// The order of what goes out keeps the protocol: answers (a NACK among them) before an ACK, the ACK before
/// the connection is delivered. While the channel has no room nothing is read, so what waits stays small.
final class ChannelLoop {
    private let channel: Channel
    private let socket: OwnedDescriptor
    private let observer: Channel.Observer
    /// The supervisor's DRAIN is the end; else there will be another channel.
    private let endsWithDrain: Bool
    private static let draining = "draining"
    private var buffer = [UInt8](repeating: 0, count: ProtocolLimits.message)
    private var packet: [UInt8] = []
    /// PONG and NACK.
    private var answers: [HandlerMessage] = []
    /// Came, and not acknowledged yet: not ours.
    private var received: [Connection] = []
    private var isFull = false
    /// The program has been told that no more will come.
    private(set) var hasFinished = false
    /// DRAIN has come: what follows it goes to another handler.
    private var isToldToDrain = false
    /// The supervisor has taken the handler in.
    private(set) var isWelcome = false

    init(
        _ channel: Channel, _ socket: consuming OwnedDescriptor, _ observer: Channel.Observer, endsWithDrain: Bool
    ) {
        self.channel = channel
        self.socket = socket
        self.observer = observer
        self.endsWithDrain = endsWithDrain
    }

    /// Until everything is said and done, or the channel breaks: then why.
    func run() -> HandlerError? {
        let error = exchangeAll()
        // The supervisor gives them to another handler, so they are not ours to shut down.
        for connection in received { connection.abandon() }
        Socket.shutdown(socket.borrowed)
        channel.close()
        return error
    }

    private func exchangeAll() -> HandlerError? {
        do {
            var waiter = try Waiter(channel: socket.borrowed, wake: channel.wakeDescriptor)
            while try exchange() {
                try waiter.wait(forRoom: isFull)
            }
            return nil
        } catch let error as HandlerError {
            return error
        } catch {
            return HandlerError("epoll", error as? Errno ?? .ioError)
        }
    }

    /// No more will come, and the program need not wait for those that it holds. What is not acknowledged goes back.
    private func finish() {
        guard !hasFinished else { return }
        hasFinished = true
        for connection in received {
            connection.abandon()
            answers.append(.negative(id: connection.id, reason: Self.draining))
        }
        channel.withOutbox { [count = received.count] in $0.held -= count }
        received = []
        observer.finish(nil)
    }

    private enum Reading {
        case something, nothing, end
    }

    /// Says what waits and reads what is there; false when it is over.
    private func exchange() throws(HandlerError) -> Bool {
        channel.clearWake()
        while true {
            // Whether or not the supervisor listens: the program waits for this.
            if channel.withOutbox(\.drainsByItself) { finish() }
            isFull = try !flush()
            if isFull { return true }
            switch try readBatch() {
            case .something: continue
            case .end: return false
            case .nothing: break
            }
            if endsWithDrain, channel.withOutbox(\.isDraining) { finish() }
            guard answers.isEmpty else { continue }
            return channel.withOutbox { outbox in
                !(outbox.isDraining && outbox.held == 0 && outbox.next == nil && !outbox.isPassing)
            }
        }
    }
}

// MARK: - Saying

extension ChannelLoop {
    /// False when the channel is full.
    private func flush() throws(HandlerError) -> Bool {
        while let answer = answers.first {
            guard try send(answer) else { return false }
            answers.removeFirst()
        }
        if let last = received.last, observer.hasRoom() {
            guard try send(.acknowledge(upTo: last.id)) else { return false }
            for connection in received { observer.deliver(connection) }
            received = []
        }
        while let message = channel.withOutbox({ $0.next }) {
            guard try send(message) else { return false }
            channel.withOutbox { $0.remove(message) }
        }
        while let pass = channel.withOutbox({ $0.nextPass }) {
            guard try send(.pass(pass.message), passing: [pass.descriptor]) else { return false }
            channel.withOutbox { $0.sentPass() }
        }
        return true
    }

    private func send(
        _ message: HandlerMessage, passing descriptors: [FileDescriptor] = []
    ) throws(HandlerError) -> Bool {
        do throws(ProtocolError) {
            try MessageCoder.encode(message, into: &packet)
        } catch {
            throw .protocolViolation("\(error)")
        }
        do throws(Errno) {
            try DescriptorPassing.send(packet, passing: descriptors, on: socket.borrowed)
            return true
        } catch {
            switch error {
            case .wouldBlock, .noBufferSpace, .noMemory, .tooManyReferences: return false
            case .brokenPipe, .connectionReset:
                try readRest()
                throw .supervisorGone
            default: throw HandlerError("sendmsg", error)
            }
        }
    }
}

// MARK: - Reading

extension ChannelLoop {
    /// After the channel broke for writing: a supervisor that refuses says so and closes, and its reason may
    /// still be there to read. Nothing can be answered any more, so what comes is not ours.
    private func readRest() throws(HandlerError) {
        while true {
            answers = []
            for connection in received { connection.abandon() }
            received = []
            switch try readBatch() {
            case .something: continue
            case .nothing: return
            case .end: return
            }
        }
    }

    /// One batch of batons has one ACK; an answer goes out before anything else is read. No more batons come than may stand
    /// unacknowledged, so one of them more is read behind those that the program has no room for.
    private func readBatch() throws(HandlerError) -> Reading {
        let before = received.count
        while received.count - before < ProtocolLimits.unacknowledged, answers.isEmpty {
            guard received.count <= ProtocolLimits.unacknowledged else {
                throw .protocolViolation("more than \(ProtocolLimits.unacknowledged) batons unacknowledged")
            }
            let message: DescriptorPassing.Received
            do throws(Errno) {
                message = try DescriptorPassing.receive(into: &buffer, room: 2, on: socket.borrowed)
            } catch {
                switch error {
                case .wouldBlock: return received.count == before ? .nothing : .something
                // The supervisor closed with something unread. This is said once, then comes what it sent.
                case .connectionReset: continue
                default: throw HandlerError("recvmsg", error)
                }
            }
            guard message.count > 0 else {
                guard channel.withOutbox({ $0.isDraining }) else { throw .supervisorGone }
                return .end
            }
            try take(message)
        }
        return .something
    }

    private func take(_ message: DescriptorPassing.Received) throws(HandlerError) {
        let decoded: SupervisorMessage
        do throws(ProtocolError) {
            guard !message.dataTruncated else { throw .lengthOutOfRange(.max) }
            let bytes = buffer
            let room = bytes.span
            decoded = try MessageCoder.decodeSupervisorMessage(room.extracting(first: message.count))
            if decoded.type.carriesDescriptor == .none {
                try decoded.type.check(descriptors: message.descriptors.count)
            }
        } catch {
            throw .protocolViolation("\(error)")
        }
        switch decoded {
        case .welcome: isWelcome = true
        case .baton(let baton): take(baton, message)
        case .ping(let id): answers.append(.pong(id: id))
        case .drain:
            isToldToDrain = true
            channel.withOutbox { $0.isDraining = true }
        case .reject(let reason): throw .refused(reason)
        case .passed(let id, let outcome):
            guard let answer = channel.withOutbox({ $0.answered(id) }) else {
                throw .protocolViolation("PASSED \(id), which was not passed")
            }
            switch outcome {
            case .taken: answer(.taken)
            case .refused(let reason): answer(.refused(reason))
            }
        }
    }

    private func take(_ baton: SupervisorMessage.Baton, _ message: DescriptorPassing.Received) {
        guard !message.descriptorsTruncated, message.descriptors.count == 1,
            let descriptor = message.descriptors[0].take()
        else {
            answers.append(.negative(id: baton.id, reason: "out of descriptors"))
            return
        }
        guard !hasFinished, !isToldToDrain else {
            answers.append(.negative(id: baton.id, reason: Self.draining))
            return
        }
        channel.withOutbox { $0.held += 1 }
        received.append(Connection(baton, descriptor, channel))
    }
}

/// Waits for the channel and for the program, on the channel's thread.
private struct Waiter: ~Copyable {
    private let channel: FileDescriptor
    private var epoll: Epoll
    private var waitsForRoom = false

    init(channel: FileDescriptor, wake: FileDescriptor) throws(Errno) {
        let epoll = try Epoll(batch: 2)
        try epoll.add(channel, .readable, token: 0)
        try epoll.add(wake, .readable, token: 1)
        self.channel = channel
        self.epoll = epoll
    }

    mutating func wait(forRoom: Bool) throws(Errno) {
        if forRoom != waitsForRoom {
            try epoll.modify(channel, forRoom ? .writable : .readable, token: 0)
            waitsForRoom = forRoom
        }
        _ = try epoll.wait(timeout: nil)
    }
}
