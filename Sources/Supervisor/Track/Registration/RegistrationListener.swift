internal import LinuxSystem
internal import SystemPackage

/// One of the sockets that handlers connect to: `register.sock`, or `register.stream.sock` for languages without
/// seqpacket.
final class RegistrationListener: EventSource {
    private let socket: OwnedDescriptor
    private let kind: Channel.Kind
    private let runtime: Runtime
    private let accepted: (consuming AcceptedSocket, Channel.Kind) -> Void
    private var registration: RegistrationID?
    private var pause: TimerID?

    /// Accepted in one round of the loop.
    private static let budget = 16
    /// While there are no descriptors, or no memory.
    private static let retryDelay = Duration.seconds(1)
    /// While much waits to be closed that came with those before.
    private static let burdenDelay = Duration.milliseconds(20)

    init(
        _ socket: consuming OwnedDescriptor, _ kind: Channel.Kind, runtime: Runtime,
        accepted: @escaping (consuming AcceptedSocket, Channel.Kind) -> Void
    ) throws(Errno) {
        self.socket = socket
        self.kind = kind
        self.runtime = runtime
        self.accepted = accepted
        registration = try runtime.loop.watch(self.socket.borrowed, for: .readable, self)
    }

    var saved: SavedDescriptor { SavedDescriptor(socket.borrowed) }

    func close() {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        if let pause { runtime.loop.cancel(pause) }
        pause = nil
    }

    func ready(_ interest: Epoll.Interest) {
        for _ in 0..<Self.budget {
            if runtime.launchers.isBurdened { return rest(for: Self.burdenDelay) }
            do {
                accepted(try Socket.accept(socket.borrowed), kind)
            } catch {
                if error != .wouldBlock { rest(for: Self.retryDelay) }
                return
            }
        }
    }

    /// Out of descriptors or memory, or burdened: out of the poll set for a while, so that it does not spin.
    private func rest(for delay: Duration) {
        close()
        pause = runtime.loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            pause = nil
            do {
                registration = try runtime.loop.watch(socket.borrowed, for: .readable, self)
            } catch {
                rest(for: Self.retryDelay)
            }
        }
    }
}
