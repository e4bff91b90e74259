internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

// A datagram channel does not hang up: what stands for that.

extension Channel {
    /// How often is looked whether a datagram channel without its sign of life is still held by somebody.
    private static let firstLook = Duration.milliseconds(10)
    private static let longestLook = Duration.seconds(1)

    /// Makes `connection`, on which this datagram channel was registered, its sign of life.
    func hang(on connection: Channel) {
        lifeline = Lifeline(connection, of: self)
    }

    /// Nothing keeps its holder from reading on what lies in it: it has hung up only when nobody holds it.
    func lifelineEnded() {
        // Who sees later whether the pair is held loses what lies in it (a send to a closed datagram socket empties
        // the sender's queue): so nothing may come any more that is not read now. Its holder meets EPIPE.
        Socket.shutdown(socket.borrowed, reading: true, writing: false)
        drain()
        guard registration != nil else { return }
        guard !isAbandoned else { return finish() }
        owner?.lostLifeline(of: self)
        lookAgain(after: Self.firstLook)
    }

    private func lookAgain(after delay: Duration) {
        guard registration != nil else { return }
        retry = runtime.loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            retry = nil
            if isAbandoned { finish() } else { lookAgain(after: min(delay * 2, Self.longestLook)) }
        }
    }

    /// ECONNREFUSED tells that the other end is closed (unix(7)), once: what was sent to it may have heard that before, and
    /// since then there is no other end (ENOTCONN). Whoever holds it reads that it is to finish.
    private var isAbandoned: Bool {
        guard let drain = try? MessageCoder.encode(SupervisorMessage.drain) else { return false }
        do {
            try DescriptorPassing.send(drain, on: socket.borrowed)
            return false
        } catch {
            return error == .connectionRefused || error == .socketNotConnected
        }
    }
}
