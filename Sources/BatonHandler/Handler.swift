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
    private let channel: Channel
    private let incoming: AsyncThrowingStream<Connection, any Error>
    private let closed: AsyncStream<Never>

    /// Opens the channel and registers. It does not wait for the supervisor's answer: a refusal is thrown
    /// by `connections`.
    public init(_ configuration: HandlerConfiguration = HandlerConfiguration()) throws(HandlerError) {
        let channel = try Channel(configuration)
        let (incoming, arrival) = AsyncThrowingStream.makeStream(of: Connection.self)
        let (closed, closing) = AsyncStream.makeStream(of: Never.self)
        self.channel = channel
        self.incoming = incoming
        self.closed = closed
        // Also when the sequence is dropped or its task cancelled: nobody would take what comes.
        arrival.onTermination = { _ in channel.drain() }
        try channel.start(
            Channel.Observer(
                deliver: { arrival.yield($0) },
                finish: { arrival.finish(throwing: $0) },
                close: { closing.finish() }))
    }

    /// The connections, each acknowledged and the program's own; one loop takes them.
    ///
    /// It ends after a drain, when what had come before is taken; it throws when the supervisor refuses
    /// or goes away.
    public var connections: Connections { Connections(incoming: incoming) }

    /// Asks for no more connections. `connections` ends; what is held goes on.
    public func drain() {
        channel.drain()
    }

    /// Sets the most connections to hold; 0 leaves it to the service table. A lower one stops new
    /// connections only.
    public func setCapacity(_ capacity: UInt32) {
        channel.setCapacity(capacity)
    }

    /// Sets the line that `baton status` shows, cut at 1,024 bytes.
    public func setStatus(_ text: String) {
        channel.setStatus(text)
    }

    /// Waits until the channel is closed: after a drain, when every connection has ended and the supervisor
    /// knows it. A program that exits before leaves its last connections counted as cut.
    public func finished() async {
        for await _ in closed {}
    }
}

/// The connections of a handler (`Handler.connections`).
public struct Connections: AsyncSequence, Sendable {
    let incoming: AsyncThrowingStream<Connection, any Error>

    /// The iterator of the sequence.
    public func makeAsyncIterator() -> Iterator {
        Iterator(base: incoming.makeAsyncIterator())
    }

    /// Waits for connections.
    public struct Iterator: AsyncIteratorProtocol {
        var base: AsyncThrowingStream<Connection, any Error>.Iterator

        /// The next connection; nil after a drain.
        public mutating func next() async throws(HandlerError) -> Connection? {
            try await next(isolation: nil)
        }

        /// The next connection; nil after a drain.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(HandlerError) -> Connection? {
            do {
                return try await base.next(isolation: actor)
            } catch let error as HandlerError {
                throw error
            } catch {
                return nil  // nothing else is ever thrown
            }
        }
    }
}
