internal import LinuxSystem
internal import SystemPackage

/// Looks at the first bytes of a connection as they come, and leaves them in it.
///
/// A client that sends its head in very small pieces is looked at less and less often, so that what it costs is
/// bounded by the time that it is given, not by the packets that it sends.
final class FirstBytes: EventSource {
    enum News: Equatable {
        /// All that have come so far; none at the beginning, perhaps.
        ///
        /// `isAll`: No more will come, or come in time.
        case bytes([UInt8], isAll: Bool)
        /// The client has gone without a word.
        case ended
        /// The kernel has no memory for it.
        case failed(Errno)
    }

    private let connection: DescriptorBox
    private let drained: [UInt8]
    private let most: Int
    private let loop: EventLoop
    private let tell: (News) -> Void
    private var registration: RegistrationID?
    private var deadline: TimerID?
    private var pause: TimerID?
    private var looks = 0
    private var isOver = false

    /// Looks without a pause between them.
    static let promptLooks = 64
    private static let pauseBetweenLooks = Duration.milliseconds(20)

    /// - Parameters:
    ///   - connection: Stays the caller's.
    ///   - drained: Bytes that stand before those in the socket.
    ///   - most: Bytes that are looked at, the drained ones included.
    ///   - tell: Called with each news until `stop`, possibly from within `start`.
    init(
        _ connection: DescriptorBox, behind drained: [UInt8], most: Int, loop: EventLoop, tell: @escaping (News) -> Void
    ) {
        self.connection = connection
        self.drained = drained
        self.most = most
        self.loop = loop
        self.tell = tell
    }

    /// When the bytes that are there are all; nil is never.
    var due: Duration? { loop.time(of: deadline) }

    /// - Parameter due: When the bytes that are there are all. Nil is never.
    func start(until due: Duration?) {
        guard let socket = connection.borrowed else { return }
        if let due {
            deadline = loop.schedule(at: due) { [weak self] in
                self?.deadline = nil
                self?.look(isAll: true)
            }
        }
        do {
            // Edge-triggered: what is looked at and left in the socket must not wake us again and again.
            registration = try loop.watch(socket, for: [.readable, .peerClosed, .edgeTriggered], self)
        } catch {
            return tell(.failed(error))
        }
        look(isAll: false)
    }

    func stop() {
        isOver = true
        if let registration { loop.forget(registration) }
        registration = nil
        for timer in [deadline, pause] { timer.map(loop.cancel) }
        (deadline, pause) = (nil, nil)
    }

    func ready(_ interest: Epoll.Interest) {
        let isAll = !interest.isDisjoint(with: [.peerClosed, .hangUp])
        if isAll || looks < Self.promptLooks { return look(isAll: isAll) }
        guard pause == nil else { return }
        pause = loop.schedule(after: Self.pauseBetweenLooks) { [weak self] in
            self?.pause = nil
            self?.look(isAll: false)
        }
    }

    private func look(isAll: Bool) {
        guard !isOver, let socket = connection.borrowed else { return }
        looks += 1
        do {
            let bytes = try Socket.peek(socket, most: max(1, most - drained.count))
            if bytes.isEmpty, drained.isEmpty { return tell(.ended) }
            tell(.bytes(drained + bytes, isAll: isAll || bytes.isEmpty))
        } catch .wouldBlock {
            // Nothing has come: there may be somebody for those who wait to be spoken to.
            tell(.bytes(drained, isAll: isAll))
        } catch {
            tell(.ended)
        }
    }
}
