internal import HandoffProtocol
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// The program's side of the channel: what any thread may say. Only the channel's own thread
/// (`ChannelLoop`) touches the socket, so a supervisor that does not read makes nobody wait, and a program
/// that is busy keeps no heartbeat waiting.
final class Channel: Sendable {
    /// What the program is told, on the channel's thread; none of it may block.
    struct Observer: Sendable {
        /// A connection that is acknowledged.
        var deliver: @Sendable (Connection) -> Void
        /// Once: no connection comes any more, for this reason unless it was a drain.
        var finish: @Sendable (HandlerError?) -> Void
        /// Once, after `finish`: everything is said, and the channel is closed.
        var close: @Sendable () -> Void
    }

    private let outbox = Mutex(Outbox())
    private let socket: Mutex<OwnedDescriptor?>
    /// A byte from ours to theirs wakes the loop.
    private let wakePair: Mutex<SocketPair>
    private let reportsEnds: Bool

    /// Registers; nothing is read before `start`.
    init(_ configuration: HandlerConfiguration) throws(HandlerError) {
        reportsEnds = configuration.reportsEnds
        do throws(Errno) {
            wakePair = Mutex(try Socket.pair(.stream, nonblocking: true))
        } catch {
            throw HandlerError("socketpair", error)
        }
        socket = Mutex(try configuration.openChannel())
        if let status = configuration.status { setStatus(status) }
    }

    /// Starts the thread of the channel, once.
    func start(_ observer: Observer) throws(HandlerError) {
        do throws(Errno) {
            try DetachedThread.start { [self] in
                guard let socket = takeSocket() else { return }
                ChannelLoop(self, socket, observer).run()
            }
        } catch {
            throw HandlerError("pthread_create", error)
        }
    }

    private func takeSocket() -> OwnedDescriptor? {
        socket.withLock { $0.take() }
    }

    /// Readable when the loop has something to say.
    var wakeDescriptor: FileDescriptor { wakePair.withLock { $0.theirs.borrowed } }

    func setCapacity(_ capacity: UInt32) {
        say { $0.capacity = capacity }
    }

    func setStatus(_ text: String) {
        say { $0.status = text.cut(toBytes: ProtocolLimits.text) }
    }

    func drain() {
        say {
            guard !$0.isDraining else { return }
            $0.isDraining = true
            $0.sendsDrain = true
        }
    }

    /// A connection of the program's has ended.
    func ended(_ id: UInt64) {
        say {
            $0.held -= 1
            if reportsEnds { $0.ended.append(id) }
        }
    }

    private func say(_ change: (inout Outbox) -> Void) {
        outbox.withLock { outbox in
            change(&outbox)
            guard !outbox.isAwake else { return }
            outbox.isAwake = true
            // When it fails, the loop is over and nobody is left to tell.
            wakePair.withLock { _ = try? DescriptorPassing.send([0], on: $0.ours.borrowed) }
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
            var byte: [UInt8] = [0]
            _ = try? DescriptorPassing.receive(into: &byte, room: 0, on: wakeDescriptor)
        }
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
