internal import LinuxSystem
internal import SystemPackage

/// Connects to the first of a target's addresses that answers, in bounded time and without waiting.
final class TargetConnection: EventSource {
    /// What came of it.
    enum Outcome: ~Copyable {
        case connected(OwnedDescriptor, SocketAddress)
        /// The address tried last, and the kernel's word.
        case failed(SocketAddress, Errno)
    }

    private let addresses: [SocketAddress]
    private let loop: EventLoop
    private let limits: RedirectLimits
    private let deadline: Duration
    private let done: (consuming Outcome) -> Void
    private var next = 0
    private var socket: OwnedDescriptor?
    private var registration: RegistrationID?
    private var timer: TimerID?
    /// By when the address being tried must answer.
    private var addressDeadline = Duration.zero

    /// - Parameters:
    ///   - addresses: in the order of trying; at least one.
    ///   - done: Called once, possibly from within `start`; not after `cancel`.
    init(
        _ addresses: [SocketAddress], loop: EventLoop, limits: RedirectLimits,
        done: @escaping (consuming Outcome) -> Void
    ) {
        self.addresses = addresses
        self.loop = loop
        self.limits = limits
        self.done = done
        deadline = loop.now + limits.totalConnectTimeout
    }

    func start() {
        addressDeadline = min(loop.now + limits.connectTimeout, deadline)
        attempt()
    }

    func cancel() {
        clear()
        socket = nil
    }

    private func attempt() {
        let address = addresses[next]
        do throws(Errno) {
            let socket = try Socket.make(family: address.family, .stream, nonblocking: true)
            do throws(Errno) {
                try Socket.connect(socket.borrowed, to: address)
            } catch .nowInProgress {
                return try wait(for: socket)
            }
            finish(.connected(socket, address))
        } catch .wouldBlock {
            // unix(7): the backlog is full.
            later()
        } catch {
            failed(error)
        }
    }

    private func wait(for socket: consuming OwnedDescriptor) throws(Errno) {
        registration = try loop.watch(socket.borrowed, for: .writable, self)
        self.socket = consume socket
        timer = loop.schedule(after: addressDeadline - loop.now) { [weak self] in self?.failed(.timedOut) }
    }

    private func later() {
        guard loop.now < addressDeadline else { return failed(.wouldBlock) }
        timer = loop.schedule(after: limits.backlogRetry) { [weak self] in self?.attempt() }
    }

    func ready(_ interest: Epoll.Interest) {
        guard let descriptor = socket?.borrowed else { return }
        let error = (try? Socket.value(.error, of: descriptor)) ?? 0
        guard error == 0 else { return failed(Errno(rawValue: CInt(error))) }
        clear()
        guard let socket = socket.take() else { return }
        finish(.connected(socket, addresses[next]))
    }

    private func failed(_ error: Errno) {
        cancel()
        let address = addresses[next]
        guard next + 1 < addresses.count, loop.now < deadline, !error.isShortage else {
            return finish(.failed(address, error))
        }
        next += 1
        start()
    }

    /// Before the socket goes anywhere else.
    private func clear() {
        if let registration { loop.forget(registration) }
        if let timer { loop.cancel(timer) }
        registration = nil
        timer = nil
    }

    private func finish(_ outcome: consuming Outcome) {
        done(outcome)
    }
}

extension Errno {
    /// Ours, and not the target's: another address would fail alike.
    var isShortage: Bool {
        switch self {
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noBufferSpace, .noMemory, .tooManyReferences: true
        default: false
        }
    }
}
