internal import LinuxSystem
internal import SystemPackage

/// Takes the line off a connection that names its service, and nothing behind it.
final class TCPMuxReception: EventSource {
    enum Outcome: Equatable {
        case name(String)
        case help
        case malformed(String)
        /// Not a whole line in time.
        case late
        /// The client has gone before it.
        case ended
        /// The kernel has no memory for it.
        case failed(Errno)
    }

    private let connection: DescriptorBox
    private let runtime: Runtime
    private let done: (Outcome) -> Void
    private var registration: RegistrationID?
    private var timer: TimerID?

    /// - Parameters:
    ///   - connection: Stays the caller's.
    ///   - done: Called once, possibly from within `start`; not after `cancel`.
    init(_ connection: DescriptorBox, runtime: Runtime, done: @escaping (Outcome) -> Void) {
        self.connection = connection
        self.runtime = runtime
        self.done = done
    }

    /// - Parameter timeout: for the whole line.
    func start(timeout: Duration) {
        timer = runtime.loop.schedule(after: timeout) { [weak self] in self?.finish(.late) }
        guard let socket = connection.borrowed else { return }
        do {
            // Edge-triggered: what is looked at and left in the socket must not wake us again and again.
            registration = try runtime.loop.watch(socket, for: [.readable, .peerClosed, .edgeTriggered], self)
        } catch {
            return finish(.failed(error))
        }
        look(isAll: false)
    }

    func cancel() {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        if let timer { runtime.loop.cancel(timer) }
        timer = nil
    }

    func ready(_ interest: Epoll.Interest) {
        look(isAll: !interest.isDisjoint(with: [.peerClosed, .hangUp]))
    }

    /// - Parameter isAll: The client sends no more.
    private func look(isAll: Bool) {
        guard let socket = connection.borrowed else { return }
        do {
            let bytes = try Socket.peek(socket, most: TCPMuxLine.longest)
            switch TCPMuxLine(bytes) {
            case .incomplete:
                guard isAll || bytes.isEmpty else { return }
                // A close with unread input would be a reset.
                _ = try Socket.receive(socket, most: TCPMuxLine.longest)
                finish(.ended)
            case .malformed(let why): finish(.malformed(why))
            case .name(let name, let length): try take(length, socket, .name(name))
            case .help(let length): try take(length, socket, .help)
            }
        } catch .wouldBlock {
            if isAll { finish(.ended) }
        } catch {
            finish(.ended)
        }
    }

    /// The line was there a moment ago, and nobody else reads: it comes in one piece.
    private func take(_ length: Int, _ socket: FileDescriptor, _ outcome: Outcome) throws(Errno) {
        var line = [UInt8](repeating: 0, count: length)
        let room = Socket.isUnix(socket) ? DescriptorPassing.mostDescriptors : 0
        let taken = try DescriptorPassing.receive(into: &line, room: room, on: socket)
        for box in taken.descriptors {
            if let descriptor = box.take() { runtime.launchers.close(descriptor) }
        }
        guard taken.descriptors.isEmpty else { return finish(.malformed("a name takes no descriptors")) }
        finish(taken.count == length ? outcome : .ended)
    }

    private func finish(_ outcome: Outcome) {
        guard timer != nil else { return }
        cancel()
        done(outcome)
    }
}
