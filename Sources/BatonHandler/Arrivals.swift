internal import Synchronization

/// The connections that have come and nobody has taken yet.
///
/// None of them is lost: each is taken, by a task that is cancelled as well, or ended here when nobody is left to take it.
/// Beyond `most` nothing is acknowledged, so that the supervisor keeps the rest, or gives it to another handler.
final class Arrivals: Sendable {
    private typealias Taker = CheckedContinuation<Result<Connection?, HandlerError>, Never>

    private struct State: Sendable {
        /// In the order of coming. Empty while there are takers.
        var waiting: [Connection] = []
        var takers: [Taker] = []
        /// What takers get once nothing waits.
        var end: Result<Connection?, HandlerError>?
        var isAbandoned = false
        /// The channel's thread holds an acknowledgement back.
        var isAwaited = false
    }

    /// What waits at most before a batch is acknowledged. Where the supervisor is told when connections end, the capacity
    /// is below that mostly.
    static let most = 1024

    private let state = Mutex(State())

    /// Whether a batch may be acknowledged. After a no, `take` tells when it may.
    func hasRoom() -> Bool {
        state.withLock { state in
            state.isAwaited = state.waiting.count >= Self.most
            return !state.isAwaited
        }
    }

    func deliver(_ connection: Connection) {
        let (taker, isNobodys) = state.withLock { state -> (Taker?, Bool) in
            guard !state.isAbandoned else { return (nil, true) }
            guard state.takers.isEmpty else { return (state.takers.removeFirst(), false) }
            state.waiting.append(connection)
            return (nil, false)
        }
        taker?.resume(returning: .success(connection))
        if isNobodys { connection.end() }
    }

    /// No more will come; what waits is still to be taken.
    func finish(_ error: HandlerError?) {
        let end: Result<Connection?, HandlerError> = error.map { .failure($0) } ?? .success(nil)
        let takers = state.withLock { state in
            state.end = end
            defer { state.takers = [] }
            return state.takers
        }
        for taker in takers { taker.resume(returning: end) }
    }

    /// Waits for the next, or the end: a cancellation alone ends nothing.
    ///
    /// - Returns: `isAwaited`: there is room again, which the channel's thread waits for.
    func take() async -> (taken: Result<Connection?, HandlerError>, isAwaited: Bool) {
        var isAwaited = false
        let taken = await withCheckedContinuation { (taker: Taker) in
            let taken = state.withLock { state -> Result<Connection?, HandlerError>? in
                guard state.waiting.isEmpty else {
                    let connection = state.waiting.removeFirst()
                    isAwaited = state.isAwaited && state.waiting.count < Self.most
                    if isAwaited { state.isAwaited = false }
                    return .success(connection)
                }
                if let end = state.end { return end }
                state.takers.append(taker)
                return nil
            }
            if let taken { taker.resume(returning: taken) }
        }
        return (taken, isAwaited)
    }

    /// Nobody will take any more: ends what waits, and what still comes.
    func abandon() {
        let waiting = state.withLock { state in
            state.isAbandoned = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for connection in waiting { connection.end() }
    }
}
