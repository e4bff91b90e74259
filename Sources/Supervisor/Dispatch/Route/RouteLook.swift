internal import LinuxSystem
internal import SystemPackage

/// Looks at the first bytes of a connection, which stay in it, until the rules have decided.
final class RouteLook: EventSource {
    enum Outcome: Equatable {
        case to(String)
        case nowhere
        /// The client has gone without a word.
        case ended
        /// The kernel has no memory for it.
        case failed(Errno)
    }

    private let connection: DescriptorBox
    private let rules: RouteRules
    private let loop: EventLoop
    private let done: (Outcome) -> Void
    private var registration: RegistrationID?
    private var timer: TimerID?
    private var isDone = false

    /// - Parameters:
    ///   - connection: Stays the caller's.
    ///   - done: Called once, possibly from within `start`; not after `cancel`.
    init(_ connection: DescriptorBox, _ rules: RouteRules, loop: EventLoop, done: @escaping (Outcome) -> Void) {
        self.connection = connection
        self.rules = rules
        self.loop = loop
        self.done = done
    }

    func start() {
        guard let socket = connection.borrowed else { return }
        if let timeout = rules.timeout {
            timer = loop.schedule(after: timeout) { [weak self] in
                self?.timer = nil
                self?.look(isAll: true)
            }
        }
        do {
            // Edge-triggered: what is looked at and left in the socket must not wake us again and again.
            registration = try loop.watch(socket, for: [.readable, .peerClosed, .edgeTriggered], self)
        } catch {
            return finish(.failed(error))
        }
        look(isAll: false)
    }

    func cancel() {
        isDone = true
        if let registration { loop.forget(registration) }
        registration = nil
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    func ready(_ interest: Epoll.Interest) {
        look(isAll: !interest.isDisjoint(with: [.peerClosed, .hangUp]))
    }

    /// - Parameter isAll: No more will come, or in time.
    private func look(isAll: Bool) {
        guard !isDone, let socket = connection.borrowed else { return }
        var bytes: [UInt8] = []
        var hasEnded = false
        do {
            bytes = try Socket.peek(socket, most: rules.mostBytes)
            hasEnded = bytes.isEmpty
        } catch .wouldBlock {
            // Nothing has come: rules may still have a default for those who wait to be spoken to.
        } catch {
            return finish(.ended)
        }
        if hasEnded { return finish(.ended) }
        switch rules.decide(bytes, isAll: isAll) {
        case .to(let service): finish(.to(service))
        case .nowhere: finish(.nowhere)
        case .more: break
        }
    }

    private func finish(_ outcome: Outcome) {
        guard !isDone else { return }
        cancel()
        done(outcome)
    }
}
