internal import LinuxSystem
internal import SystemPackage

/// Looks at the first bytes of a connection, which stay in it, until the rules have decided.
final class RouteLook {
    enum Outcome: Equatable {
        case to(String)
        /// Nobody serves it.
        case nowhere
        /// The same, and its own protocol says so.
        case reject(CourierCall, CourierCall.Rejection)
        /// The client has gone without a word.
        case ended
        /// The kernel has no memory for it.
        case failed(Errno)
    }

    private let connection: DescriptorBox
    private let rules: RouteRules
    private let first: FirstBytes
    private let done: (Outcome) -> Void
    private var beginning: RouteRules.Beginning

    /// - Parameters:
    ///   - connection: Stays the caller's.
    ///   - done: Called once, possibly from within `start`; not after `cancel`.
    init(
        _ connection: DescriptorBox, _ origin: ConnectionOrigin, _ rules: RouteRules, loop: EventLoop,
        done: @escaping (Outcome) -> Void
    ) {
        self.connection = connection
        self.rules = rules
        self.done = done
        beginning = RouteRules.Beginning(bytes: [], isContinued: !origin.drained.isEmpty)
        var hear: (FirstBytes.News) -> Void = { _ in }
        first = FirstBytes(connection, behind: origin.drained, most: rules.mostBytes, loop: loop) { hear($0) }
        hear = { [unowned self] in take($0) }
    }

    func start() {
        if rules.greetsFirst, !beginning.isContinued, !greet() { return finish(.ended) }
        first.start(timeout: rules.timeout)
    }

    func cancel() {
        first.stop()
    }

    private func take(_ news: FirstBytes.News) {
        switch news {
        case .ended: finish(.ended)
        case .failed(let error): finish(.failed(error))
        case .bytes(let bytes, let isAll):
            (beginning.bytes, beginning.isAll) = (bytes, isAll)
            decide()
        }
    }

    private func decide() {
        switch rules.decide(beginning) {
        case .to(let service): finish(.to(service))
        case .nowhere: finish(.nowhere)
        case .reject(let call, let rejection): finish(.reject(call, rejection))
        case .more: break
        case .greet: if greet() { decide() } else { finish(.ended) }
        }
    }

    /// A socket that was never written to has room for it.
    private func greet() -> Bool {
        beginning.isGreeted = true
        guard let socket = connection.borrowed else { return false }
        return (try? DescriptorPassing.send(CourierCall.greeting, on: socket)) == CourierCall.greeting.count
    }

    private func finish(_ outcome: Outcome) {
        first.stop()
        done(outcome)
    }
}
