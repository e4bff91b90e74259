internal import HandoffProtocol
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// The program's side of one channel: what any thread may say. Only the channel's own thread (`ChannelLoop`) touches
/// the socket, so a supervisor that does not read makes nobody wait, and a program that is busy keeps no heartbeat
/// waiting.
final class Channel: Sendable {
    /// What the program is told, on the channel's thread; none of it may block.
    struct Observer: Sendable {
        /// Whether connections may be acknowledged: the program can take them. After a no, `Channel.goOn` asks again.
        var hasRoom: @Sendable () -> Bool
        /// A connection that is acknowledged.
        var deliver: @Sendable (Connection) -> Void
        /// Once: no connection comes any more, for this reason unless it was a drain.
        var finish: @Sendable (HandlerError?) -> Void
        /// Once, after `finish`: everything is said, and the channel is closed.
        var close: @Sendable () -> Void
    }

    private let outbox = Mutex(Outbox())
    private let socket: Mutex<OwnedDescriptor?>
    private let wake: WakePair
    private let reportsEnds: Bool

    /// Registers; nothing is read before the loop runs.
    init(_ configuration: HandlerConfiguration) throws(HandlerError) {
        reportsEnds = configuration.reportsEnds
        wake = try WakePair()
        socket = Mutex(try configuration.openChannel())
        if let status = configuration.status { setStatus(status) }
    }

    /// The socket, for the one loop.
    func takeSocket() -> OwnedDescriptor? {
        socket.withLock { $0.take() }
    }

    /// Readable when the loop has something to say.
    var wakeDescriptor: FileDescriptor { wake.descriptor }

    func setCapacity(_ capacity: UInt32) {
        say { $0.capacity = capacity }
    }

    func setStatus(_ text: String) {
        say { $0.status = text.cut(toBytes: ProtocolLimits.text) }
    }

    func drain() {
        say {
            guard !$0.drainsByItself else { return }
            $0.drainsByItself = true
            $0.sendsDrain = !$0.isDraining
            $0.isDraining = true
        }
    }

    /// There is room again.
    func goOn() {
        say { _ in }
    }

    /// A connection of the program's has ended.
    func ended(_ id: UInt64) {
        say {
            $0.held -= 1
            if reportsEnds { $0.ended.append(id) }
        }
    }

    /// A connection of the program's is somebody else's.
    func passed() {
        say { $0.held -= 1 }
    }

    /// Gives a connection on. The answer comes on the channel's thread, once.
    func pass(_ pass: Outbox.Pass) {
        var isOver = false
        say {
            isOver = $0.isOver
            if !isOver { $0.append(pass) }
        }
        if isOver { pass.answer(.none) }
    }

    private func say(_ change: (inout Outbox) -> Void) {
        outbox.withLock { outbox in
            change(&outbox)
            guard !outbox.isAwake else { return }
            outbox.isAwake = true
            wake.send()
        }
    }
}

extension Channel {
    /// For the loop: looks at what is to be said, or changes it, without waking itself.
    func withOutbox<Result: Sendable>(_ body: (inout sending Outbox) -> sending Result) -> Result {
        outbox.withLock(body)
    }

    /// For the loop: takes the wake-up that brought it here.
    func clearWake() {
        outbox.withLock { outbox in
            guard outbox.isAwake else { return }
            outbox.isAwake = false
            wake.clear()
        }
    }

    /// For the loop: nothing is said or answered any more.
    func close() {
        let waiting = outbox.withLock { outbox in
            outbox.isOver = true
            return outbox.abandonPasses()
        }
        for answer in waiting { answer(.none) }
    }
}

extension String {
    /// The longest beginning of so many bytes that cuts no character's scalar.
    fileprivate func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: limit)
        while end > utf8.startIndex, UTF8.isContinuation(utf8[end]) { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
