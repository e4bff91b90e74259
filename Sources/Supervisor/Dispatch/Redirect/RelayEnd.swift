internal import LinuxSystem
internal import SystemPackage

/// One socket of a relay: connected and nonblocking.
final class RelayEnd: EventSource {
    let isUnix: Bool
    /// A program at the other end of a socketpair. When it exits the kernel tells of a reset if it has left something
    /// unread; its client is to have all that it wrote all the same.
    let isProgram: Bool
    private var socket: OwnedDescriptor?
    private var registration: RegistrationID?
    private var isReady: (Epoll.Interest) -> Void = { _ in }

    init(_ socket: consuming OwnedDescriptor, isUnix: Bool, isProgram: Bool = false) {
        self.socket = consume socket
        self.isProgram = isProgram
        self.isUnix = isUnix
    }

    convenience init(_ saved: SavedRelay.End) {
        self.init(saved.descriptor.adopt(), isUnix: saved.isUnix, isProgram: saved.isProgram)
    }

    /// Nil when it is closed.
    var saved: SavedRelay.End? {
        guard let socket = socket?.borrowed else { return nil }
        return SavedRelay.End(descriptor: SavedDescriptor(socket), isUnix: isUnix, isProgram: isProgram)
    }

    /// Edge-triggered: a side that may not be read, because the other one does not, makes no noise.
    func watch(in loop: EventLoop, isReady: @escaping (Epoll.Interest) -> Void) throws(Errno) {
        guard let socket = socket?.borrowed else { return }
        self.isReady = isReady
        registration = try loop.watch(socket, for: [.readable, .writable, .peerClosed, .edgeTriggered], self)
    }

    func ready(_ interest: Epoll.Interest) {
        isReady(interest)
    }

    func receive(into buffer: RelayBuffer) throws(Errno) -> Int {
        guard let socket = socket?.borrowed else { throw .socketNotConnected }
        return try buffer.receive(from: socket)
    }

    func send(from buffer: RelayBuffer) throws(Errno) -> Int {
        guard let socket = socket?.borrowed else { throw .socketNotConnected }
        return try buffer.send(to: socket)
    }

    /// Nothing more will be written to it.
    func finish() {
        if let socket = socket?.borrowed { Socket.shutdown(socket, reading: false) }
    }

    /// The pending error, cleared by asking for it.
    func takeError() -> Errno? {
        guard let socket = socket?.borrowed, let number = try? Socket.value(.error, of: socket), number != 0 else {
            return nil
        }
        return Errno(rawValue: CInt(number))
    }

    func close(reset: Bool, _ runtime: Runtime) {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        isReady = { _ in }
        guard let socket = socket.take() else { return }
        if reset, !isUnix { try? Socket.setResetOnClose(socket.borrowed) }
        runtime.closeUnread(socket)
    }
}
