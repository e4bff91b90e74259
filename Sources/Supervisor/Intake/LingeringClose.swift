internal import LinuxSystem
internal import SystemPackage

/// Ends a connection with a last word that its client can read.
///
/// A close with unread input sends RST, and that may overtake the word (RFC 1122 4.2.2.13): so what the client goes
/// on sending is taken and thrown away, for a while, until it closes too.
final class LingeringClose: EventSource {
    private let connection: DescriptorBox
    private let runtime: Runtime
    private let ended: () -> Void
    private var registration: RegistrationID?
    private var timer: TimerID?
    private let isUnix: Bool
    private var left = LingeringClose.most

    /// The longest that a client is waited for, and the most it may send meanwhile.
    private static let timeout = Duration.seconds(2)
    private static let most = 64 * 1024
    private static let chunk = 4096
    /// Reads in one round of the loop.
    private static let passes = 4

    /// - Parameter ended: Called once, when the connection is closed, if it did not end at once.
    init(_ connection: DescriptorBox, runtime: Runtime, ended: @escaping () -> Void) {
        self.connection = connection
        self.runtime = runtime
        self.ended = ended
        isUnix = connection.borrowed.map(Socket.isUnix) ?? false
    }

    /// Says `word`. A fresh socket has room for it; what it does not take is lost.
    ///
    /// - Returns: Whether the client is still to be waited for; else the connection is closed.
    func start(_ word: [UInt8], waits: Bool) -> Bool {
        guard let socket = connection.borrowed else { return false }
        _ = try? DescriptorPassing.send(word, on: socket)
        Socket.shutdown(socket, reading: false)
        return wait(on: socket, until: waits ? runtime.loop.now + Self.timeout : nil)
    }

    private func wait(on socket: FileDescriptor, until due: Duration?) -> Bool {
        guard let due, let id = try? runtime.loop.watch(socket, for: .readable, self) else {
            close()
            return false
        }
        registration = id
        timer = runtime.loop.schedule(at: due) { [weak self] in self?.finish() }
        return true
    }

    /// To be carried over; nil when it is closed.
    func saved(_ number: UInt64) -> SavedLingering? {
        guard let descriptor = connection.saved, let due = runtime.loop.time(of: timer) else { return nil }
        return SavedLingering(number: number, descriptor: descriptor, left: left, due: due)
    }

    /// Goes on where the program before left off; false when the connection is closed.
    func resume(_ saved: SavedLingering) -> Bool {
        left = saved.left
        guard let socket = connection.borrowed else { return false }
        return wait(on: socket, until: saved.due)
    }

    func ready(_ interest: Epoll.Interest) {
        guard let socket = connection.borrowed else { return }
        do {
            var buffer = [UInt8](repeating: 0, count: Self.chunk)
            for _ in 0..<Self.passes {
                let received = try DescriptorPassing.receive(
                    into: &buffer, room: isUnix ? DescriptorPassing.mostDescriptors : 0, on: socket)
                // Nobody asked for descriptors; closing them may block, and the loop must not.
                for box in received.descriptors {
                    if let descriptor = box.take() { runtime.launchers.close(descriptor) }
                }
                left -= received.count
                if received.count == 0 || left <= 0 { return finish() }
            }
        } catch .wouldBlock {
            return
        } catch {
            finish()
        }
    }

    /// Waits no longer.
    func finish() {
        guard let registration else { return }
        runtime.loop.forget(registration)
        self.registration = nil
        if let timer { runtime.loop.cancel(timer) }
        close()
        ended()
    }

    private func close() {
        if let descriptor = connection.take() { runtime.closeUnread(descriptor) }
    }
}
