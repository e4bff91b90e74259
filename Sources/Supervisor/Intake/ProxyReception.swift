internal import LinuxSystem
internal import SystemPackage

/// Takes the PROXY header off a connection, and nothing behind it, as long as its sender may take for that.
final class ProxyReception: EventSource {
    private let connection: DescriptorBox
    private let loop: EventLoop
    private let done: (Outcome) -> Void
    private var parser: ProxyParser
    private var registration: RegistrationID?
    private var timer: TimerID?
    /// SO_RCVLOWAT is not 1.
    private var waitsForMore = false

    enum Outcome {
        /// Nil: the socket's own addresses are the right ones.
        case addresses(StatedAddresses?)
        case malformed(String)
        case late
        /// The connection itself failed, or the kernel has no memory for it.
        case failed(Errno)
    }

    /// From accept to the last byte of the header.
    static let timeout = Duration.seconds(3)

    /// - Parameters:
    ///   - connection: Stays the caller's.
    ///   - done: Called once.
    init(_ connection: DescriptorBox, _ version: ProxyVersion, loop: EventLoop, done: @escaping (Outcome) -> Void) {
        self.connection = connection
        self.loop = loop
        self.done = done
        parser = ProxyParser(version)
    }

    /// Senders write the header at once: mostly it is there already.
    func start(until due: Duration) {
        timer = loop.schedule(at: due) { [weak self] in self?.finish(.late) }
        ready(.readable)
    }

    /// When it is given up, while nothing of the header has been taken; what is there was only looked at.
    var due: Duration? { parser.hasBegun ? nil : loop.time(of: timer) }

    /// Ends it without an outcome.
    func cancel() {
        if let registration { loop.forget(registration) }
        registration = nil
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    func ready(_ interest: Epoll.Interest) {
        guard let socket = connection.borrowed else { return }
        let isAll = interest.contains(.peerClosed) || interest.contains(.hangUp)
        do {
            while true {
                switch parser.step {
                case .look(let least):
                    let bytes = try Socket.peek(socket, most: ProxyParser.longestLook)
                    parser.looked(at: bytes, isAll: isAll || bytes.isEmpty)
                    // Still a look, with more asked for: what is there must not wake us again.
                    if case .look(let more) = parser.step {
                        try waitFor(max(more, least), on: socket)
                        return try watch(socket)
                    }
                case .take(let most):
                    if waitsForMore { try waitFor(1, on: socket) }
                    parser.took(try Socket.receive(socket, most: most))
                case .done(let addresses): return finish(.addresses(addresses))
                case .malformed(let why): return finish(.malformed(why))
                }
            }
        } catch .wouldBlock {
            do { try watch(socket) } catch { finish(.failed(error)) }
        } catch {
            finish(.failed(error))
        }
    }

    private func waitFor(_ bytes: Int, on socket: FileDescriptor) throws(Errno) {
        try Socket.set(.receiveLowWater, bytes, on: socket)
        waitsForMore = bytes > 1
    }

    private func watch(_ socket: FileDescriptor) throws(Errno) {
        guard registration == nil else { return }
        registration = try loop.watch(socket, for: [.readable, .peerClosed], self)
    }

    private func finish(_ outcome: Outcome) {
        guard timer != nil else { return }
        cancel()
        // Whoever reads on is promised the default.
        if waitsForMore, let socket = connection.borrowed { try? Socket.set(.receiveLowWater, 1, on: socket) }
        done(outcome)
    }
}
