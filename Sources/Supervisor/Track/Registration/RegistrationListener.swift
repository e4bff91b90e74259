internal import LinuxSystem
internal import SystemPackage

/// One of the sockets that handlers connect to: `register.sock`, or `register.stream.sock` for languages without
/// seqpacket.
final class RegistrationListener: EventSource {
    private let socket: OwnedDescriptor
    private let kind: Channel.Kind
    private let loop: EventLoop
    private let accepted: (consuming AcceptedSocket, Channel.Kind) -> Void
    private var registration: RegistrationID?
    private var pause: TimerID?

    /// Accepted in one round of the loop.
    private static let budget = 16
    /// While there are no descriptors, or no memory.
    private static let retryDelay = Duration.seconds(1)

    init(
        _ socket: consuming OwnedDescriptor, _ kind: Channel.Kind, loop: EventLoop,
        accepted: @escaping (consuming AcceptedSocket, Channel.Kind) -> Void
    ) throws(Errno) {
        self.socket = socket
        self.kind = kind
        self.loop = loop
        self.accepted = accepted
        registration = try loop.watch(self.socket.borrowed, for: .readable, self)
    }

    var saved: SavedDescriptor { SavedDescriptor(socket.borrowed) }

    func close() {
        if let registration { loop.forget(registration) }
        registration = nil
        if let pause { loop.cancel(pause) }
        pause = nil
    }

    func ready(_ interest: Epoll.Interest) {
        for _ in 0..<Self.budget {
            do {
                accepted(try Socket.accept(socket.borrowed), kind)
            } catch {
                if error != .wouldBlock { rest() }
                return
            }
        }
    }

    /// Out of descriptors or memory: out of the poll set for a while, so that it does not spin.
    private func rest() {
        close()
        pause = loop.schedule(after: Self.retryDelay) { [weak self] in
            guard let self else { return }
            do { registration = try loop.watch(socket.borrowed, for: .readable, self) } catch { rest() }
        }
    }
}
