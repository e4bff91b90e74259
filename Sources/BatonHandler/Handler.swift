internal import HandoffProtocol
internal import SystemPackage

/// A registered handler whose connections come as an asynchronous sequence.
///
/// ```swift
/// let handler = try Handler()
/// try await withThrowingDiscardingTaskGroup { group in
///     for try await connection in handler.connections {
///         group.addTask { await answer(connection) }
///     }
/// }
/// await handler.finished()
/// ```
///
/// A thread of its own reads the channel: a connection is acknowledged before the program sees it, and
/// heartbeats are answered whatever the program does.
public final class Handler: Sendable {
    private let session: Session
    private let arrivals = Arrivals()
    private let closed = Gate()

    /// Opens the channel and registers. It does not wait for the supervisor's answer: a refusal is thrown
    /// by `connections`.
    public init(_ configuration: HandlerConfiguration = HandlerConfiguration()) throws(HandlerError) {
        session = try Session(
            configuration,
            Channel.Observer(
                hasRoom: { [arrivals] in arrivals.hasRoom() },
                deliver: { [arrivals] in arrivals.deliver($0) },
                finish: { [arrivals] in arrivals.finish($0) },
                close: { [closed] in closed.open() }))
        try session.start()
    }

    deinit {
        // Nobody can take what comes, or has come.
        session.drain()
        arrivals.abandon()
    }

    /// The connections, each acknowledged and the program's own; each is taken by one loop, if there are several.
    ///
    /// It ends after a drain, when what had come before is taken; it throws when the supervisor refuses
    /// or goes away. A task that is cancelled drains: it takes what has come, and then the sequence ends.
    public var connections: Connections { Connections(handler: self) }

    fileprivate func next() async throws(HandlerError) -> Connection? {
        let (taken, isAwaited) = await withTaskCancellationHandler {
            await arrivals.take()
        } onCancel: {
            session.drain()
        }
        if isAwaited { session.goOn() }
        return try taken.get()
    }

    /// Asks for no more connections. `connections` ends; what is held goes on.
    public func drain() {
        session.drain()
    }

    /// Sets the most connections to hold; 0 leaves it to the service table. A lower one stops new
    /// connections only.
    public func setCapacity(_ capacity: UInt32) {
        session.setCapacity(capacity)
    }

    /// Sets the line that `baton status` shows, cut at 1,024 bytes.
    public func setStatus(_ text: String) {
        session.setStatus(text)
    }

    /// Passes a socket that Baton did not send to a service, which the table must list in `pass_to`.
    ///
    /// - Parameters:
    ///   - descriptor: A connected stream or seqpacket socket. It stays the caller's, who closes it in the end, and after
    ///     `taken` does not shut it down.
    ///   - drained: What was read of it: whoever gets it reads that first. At most 61,440 bytes.
    /// - Throws: `supervisorGone` when there is no channel, or it ended before the answer; `noService` when the name is
    ///   over 255 bytes; `system` with EMSGSIZE.
    public func pass(
        descriptor: Int32, to service: String, drained: [UInt8] = []
    ) async throws(HandlerError) -> PassOutcome {
        guard (1...ProtocolLimits.name).contains(service.utf8.count) else { throw .noService }
        guard drained.count <= ProtocolLimits.drained else { throw HandlerError("pass", .messageTooLong) }
        let answer = await withCheckedContinuation { continuation in
            session.pass(FileDescriptor(rawValue: descriptor), to: service, drained: drained) {
                continuation.resume(returning: $0)
            }
        }
        switch answer {
        case .taken: return .taken
        case .refused(let reason): return .refused(reason: reason)
        case .none: throw .supervisorGone
        }
    }

    /// Waits until the channel is closed: after a drain, when every connection has ended and the supervisor
    /// knows it. A program that exits before leaves its last connections counted as cut, so a cancellation does not
    /// end the wait.
    public func finished() async {
        await closed.wait()
    }
}

/// The connections of a handler (`Handler.connections`).
public struct Connections: AsyncSequence, Sendable {
    let handler: Handler

    /// The iterator of the sequence.
    public func makeAsyncIterator() -> Iterator {
        Iterator(handler: handler)
    }

    /// Waits for connections.
    public struct Iterator: AsyncIteratorProtocol {
        let handler: Handler
        private var isOver = false

        init(handler: Handler) {
            self.handler = handler
        }

        /// The next connection; nil after a drain.
        public mutating func next() async throws(HandlerError) -> Connection? {
            try await next(isolation: nil)
        }

        /// The next connection; nil after a drain.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(HandlerError) -> Connection? {
            guard !isOver else { return nil }
            isOver = true
            let connection = try await handler.next()
            isOver = connection == nil
            return connection
        }
    }
}
