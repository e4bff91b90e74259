internal import DequeModule
internal import LinuxSystem
internal import SystemPackage

/// What a worker is told without having asked just then. One that is busy hears of it later: its channel holds a few hundred
/// messages, and ten thousand processes may end at once.
final class WorkerNews: EventSource {
    let socket: DescriptorBox
    private let loop: EventLoop
    private var unsent: Deque<(message: [UInt8], file: DescriptorBox?)> = []
    private var registration: RegistrationID?
    private var retry: TimerID?
    /// Told when nobody listens there any more.
    var broken: () -> Void = {}

    private static let retryDelay = Duration.milliseconds(100)

    init(_ socket: DescriptorBox, loop: EventLoop) {
        self.socket = socket
        self.loop = loop
    }

    /// All of it has been sent.
    var isAtRest: Bool { unsent.isEmpty }

    /// - Parameter file: In the place of one that has not been taken yet.
    func tell(_ message: [UInt8], passing file: DescriptorBox?) {
        if file != nil { unsent.removeAll { $0.file != nil } }
        unsent.append((message, file))
        if registration == nil, retry == nil { drain() }
    }

    func ready(_ interest: Epoll.Interest) {
        drain()
    }

    private func drain() {
        while let next = unsent.first, let socket = socket.borrowed {
            do {
                try DescriptorPassing.send(next.message, passing: next.file?.borrowed, on: socket)
                unsent.removeFirst()
            } catch .wouldBlock {
                return watch(socket)
            } catch  where error.isShortage {
                return tryLater()
            } catch {
                close()
                return broken()
            }
        }
        unwatch()
    }

    private func watch(_ socket: FileDescriptor) {
        guard registration == nil else { return }
        registration = try? loop.watch(socket, for: .writable, self)
        if registration == nil { tryLater() }
    }

    /// The kernel is short of memory: room for a message would not help.
    private func tryLater() {
        unwatch()
        retry = loop.schedule(after: Self.retryDelay) { [weak self] in
            self?.retry = nil
            self?.drain()
        }
    }

    private func unwatch() {
        if let registration { loop.forget(registration) }
        registration = nil
    }

    /// The worker is gone: nobody is told.
    func close() {
        unwatch()
        if let retry { loop.cancel(retry) }
        retry = nil
        unsent = []
    }
}
