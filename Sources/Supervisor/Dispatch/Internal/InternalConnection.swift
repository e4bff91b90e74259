internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// One connection of an internal service: moves bytes between its socket and its exchange.
///
/// No call on the socket waits, so its blocking mode does not matter.
final class InternalConnection: EventSource {
    private let connection: DescriptorBox
    let origin: ConnectionOrigin
    private let runtime: Runtime
    private let limits: InternalLimits
    private let ended: () -> Void
    private var exchange: InternalExchange
    private var registration: RegistrationID?
    private var timer: TimerID?
    /// When bytes moved last, by `EventLoop.now`.
    private var lastMove: Duration
    /// Until when the client may read the last word; nil while there is more to say.
    private var lingerDue: Duration?
    private(set) var traffic = Traffic()

    /// - Parameter ended: Called once, when the connection is closed.
    init(
        _ exchange: InternalExchange, _ connection: DescriptorBox, _ origin: ConnectionOrigin, runtime: Runtime,
        limits: InternalLimits, ended: @escaping () -> Void
    ) {
        self.exchange = exchange
        self.connection = connection
        self.origin = origin
        self.runtime = runtime
        self.limits = limits
        self.ended = ended
        lastMove = runtime.loop.now
    }

    /// One that was served by the program before.
    convenience init(
        _ saved: SavedProgress, _ connection: DescriptorBox, _ origin: ConnectionOrigin, runtime: Runtime,
        limits: InternalLimits, ended: @escaping () -> Void
    ) {
        self.init(
            InternalExchange(saved.exchange), connection, origin, runtime: runtime, limits: limits, ended: ended)
        traffic = saved.traffic
        lastMove = saved.lastMove
        lingerDue = saved.lingerDue
    }

    /// To be carried over; nil when it is over.
    var saved: SavedInternal? {
        SavedConnection(connection, origin).map { SavedInternal(connection: $0, progress: progress) }
    }

    var progress: SavedProgress {
        SavedProgress(exchange: exchange.content, traffic: traffic, lastMove: lastMove, lingerDue: lingerDue)
    }

    /// Begins to serve. What is thrown is a shortage of the kernel's; nothing has begun then.
    func start() throws(Errno) {
        guard let socket = connection.borrowed else { return }
        registration = try runtime.loop.watch(socket, for: interest, self)
        if let lingerDue { end(at: lingerDue) } else { expire(after: limits.idleTimeout) }
    }

    func ready(_ interest: Epoll.Interest) {
        guard let socket = connection.borrowed else { return }
        do {
            for _ in 0..<limits.passes {
                let received = exchange.reads ? try receive(from: socket) : false
                let sent = exchange.writes ? try send(on: socket) : false
                guard received || sent else { break }
                lastMove = runtime.loop.now
            }
        } catch {
            // Reset or timed out: nobody is there any more.
            return end()
        }
        settle(socket)
    }

    /// Closes the connection, wherever it stands.
    func end() {
        guard let descriptor = connection.take() else { return }
        if let registration { runtime.loop.forget(registration) }
        if let timer { runtime.loop.cancel(timer) }
        runtime.closeUnread(descriptor)
        ended()
    }

    private func settle(_ socket: FileDescriptor) {
        switch exchange.step {
        case .exchange: break
        case .linger: if lingerDue == nil { linger(socket) }
        case .end: return end()
        }
        if let registration { runtime.loop.change(registration, to: interest) }
    }

    private var interest: Epoll.Interest {
        var interest: Epoll.Interest = []
        if exchange.reads { interest.insert(.readable) }
        if exchange.writes { interest.insert(.writable) }
        return interest
    }

    private func linger(_ socket: FileDescriptor) {
        Socket.shutdown(socket, reading: false)
        if let timer { runtime.loop.cancel(timer) }
        end(at: runtime.loop.now + limits.lingerTimeout)
    }

    private func end(at time: Duration) {
        lingerDue = time
        timer = runtime.loop.schedule(at: time) { [weak self] in self?.end() }
    }

    private func expire(after delay: Duration) {
        timer = runtime.loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            let left = lastMove + limits.idleTimeout - runtime.loop.now
            if left > .zero { expire(after: left) } else { end() }
        }
    }
}

extension InternalConnection {
    /// One read. False when there is nothing now.
    private func receive(from socket: FileDescriptor) throws(Errno) -> Bool {
        var buffer = [UInt8](repeating: 0, count: limits.chunk)
        let room = origin.kind == .unix ? DescriptorPassing.mostDescriptors : 0
        do throws(Errno) {
            let received = try DescriptorPassing.receive(into: &buffer, room: room, on: socket)
            guard received.descriptors.isEmpty else { throw refuse(received.descriptors) }
            // A longer seqpacket message cannot be echoed truly.
            guard !received.dataTruncated else { throw Errno.messageTooLong }
            buffer.removeLast(buffer.count - received.count)
        } catch .wouldBlock {
            return false
        }
        // An empty seqpacket message cannot be told from the end, and is taken for it.
        traffic.received += UInt64(buffer.count)
        if buffer.isEmpty { exchange.receivedEnd() } else { exchange.received(buffer) }
        return true
    }

    /// One write of what is to be sent. False when the socket takes nothing now.
    private func send(on socket: FileDescriptor) throws(Errno) -> Bool {
        do {
            let count = try DescriptorPassing.send(exchange.output, on: socket)
            traffic.sent += UInt64(count)
            exchange.sent(count)
            return true
        } catch .wouldBlock {
            return false
        }
    }

    /// Nobody has to send descriptors here; closing them may block, and the loop must not.
    private func refuse(_ descriptors: [DescriptorBox]) -> Errno {
        for box in descriptors {
            if let descriptor = box.take() { runtime.launchers.close(descriptor) }
        }
        return .notPermitted
    }
}
