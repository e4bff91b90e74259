internal import HandoffProtocol
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// A handler's life, on a thread of its own: one channel, or with `reconnects` one after another.
final class Session: Sendable {
    private struct State {
        var channel: Channel?
        /// What the next channel says, too.
        var configuration: HandlerConfiguration
        var isDraining = false
        var lastElsewhere: UInt64 = 0
    }

    private let state: Mutex<State>
    private let observer: Channel.Observer
    /// Ends a pause.
    private let wake: WakePair
    private let reconnects: Bool

    /// Opens the first channel and registers.
    ///
    /// - Throws: When that fails, unless it is to be tried again.
    init(_ configuration: HandlerConfiguration, _ observer: Channel.Observer) throws(HandlerError) {
        self.observer = observer
        // One that Baton started has its channel, and ends with it.
        reconnects = configuration.reconnects && !configuration.hasChannel
        wake = try WakePair()
        var first: Channel?
        do throws(HandlerError) {
            first = try Channel(configuration)
        } catch {
            guard reconnects, error.mayPass else { throw error }
        }
        state = Mutex(State(channel: first, configuration: configuration))
    }

    /// Starts the thread, once.
    func start() throws(HandlerError) {
        do throws(Errno) {
            try DetachedThread.start { [self] in run() }
        } catch {
            throw HandlerError("pthread_create", error)
        }
    }

    // MARK: What the program says

    func setCapacity(_ capacity: UInt32) {
        let channel = state.withLock { state in
            state.configuration.capacity = capacity
            return state.channel
        }
        channel?.setCapacity(capacity)
    }

    func setStatus(_ text: String) {
        let channel = state.withLock { state in
            state.configuration.status = text
            return state.channel
        }
        channel?.setStatus(text)
    }

    /// The program has room for connections again.
    func goOn() {
        state.withLock(\.channel)?.goOn()
    }

    func drain() {
        let channel = state.withLock { state in
            state.isDraining = true
            return state.channel
        }
        channel?.drain()
        wake.send()
    }

    /// Gives on a connection that no BATON brought.
    func pass(
        _ descriptor: FileDescriptor, to service: String, drained: [UInt8],
        answer: @escaping @Sendable (PassAnswer) -> Void
    ) {
        let (channel, number) = state.withLock { state in
            state.lastElsewhere += 1
            return (state.channel, state.lastElsewhere)
        }
        guard let channel else { return answer(.none) }
        let message = HandlerMessage.Pass(
            id: HandlerMessage.Pass.elsewhere | number, service: service, drained: drained)
        channel.pass(Outbox.Pass(message: message, descriptor: descriptor, answer: answer))
    }

    // MARK: One channel after another

    private func run() {
        var backoff = RegistrationBackoff()
        var hasFinished = false
        while true {
            var error: HandlerError?
            if let channel = state.withLock(\.channel), let socket = channel.takeSocket() {
                let loop = ChannelLoop(channel, socket, observer, endsWithDrain: !reconnects)
                error = loop.run()
                if loop.isWelcome { backoff.reset() }
                hasFinished = loop.hasFinished
            }
            let isDraining = state.withLock { state in
                state.channel = nil
                return state.isDraining
            }
            let goesOn = reconnects && !isDraining && error?.mayPass ?? true
            guard goesOn, pause(for: backoff.next(jitter: .random(in: 0..<1))) else {
                if !hasFinished { observer.finish(goesOn || isDraining ? nil : error) }
                return observer.close()
            }
            open()
        }
    }

    /// Opens the next channel, if that can be done now.
    private func open() {
        let said = state.withLock(\.configuration)
        let channel = try? Channel(said)
        let (now, isDraining) = state.withLock { state in
            state.channel = channel
            return (state.configuration, state.isDraining)
        }
        // What the program has said meanwhile, it has said to nobody.
        if now.capacity != said.capacity { channel?.setCapacity(now.capacity) }
        if let status = now.status, status != said.status { channel?.setStatus(status) }
        if isDraining { channel?.drain() }
    }

    /// False when the program wants no more meanwhile. It takes no descriptor: the program may have used them all up.
    private func pause(for delay: Duration) -> Bool {
        let end = ContinuousClock.now + delay
        while !state.withLock(\.isDraining) {
            let rest = end - .now
            guard rest > .zero else { return true }
            guard (try? Poll.wait(for: wake.descriptor, .readable, within: rest)) != nil else { return true }
        }
        return false
    }
}

/// How long a handler waits before it registers again: pure.
struct RegistrationBackoff {
    static let first = Duration.milliseconds(100)
    static let longest = Duration.seconds(30)

    private var delay = RegistrationBackoff.first

    /// The delay before the next attempt, twice as long each time.
    ///
    /// - Parameter jitter: From 0 up to 1; a quarter is added or taken, so that not all come at once.
    mutating func next(jitter: Double) -> Duration {
        defer { delay = min(delay * 2, Self.longest) }
        return delay * (0.75 + jitter / 2)
    }

    /// The supervisor has taken the handler in.
    mutating func reset() {
        delay = Self.first
    }
}

extension HandlerError {
    /// Another attempt may do better.
    fileprivate var mayPass: Bool {
        switch self {
        case .noService, .protocolViolation, .cancelled: false
        case .noChannel, .refused, .supervisorGone, .system, .ended: true
        }
    }
}
