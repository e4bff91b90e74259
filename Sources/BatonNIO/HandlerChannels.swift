public import BatonHandler
public import NIOCore

extension Handler {
    /// Registers and makes a channel of each connection, until a drain.
    ///
    /// No more of them come at a time than the capacity says. On a drain those that are there get a
    /// `ChannelShouldQuiesceEvent`, and go on to their own end. When the surrounding task is cancelled, no more come and those that are there are closed.
    ///
    /// - Parameters:
    ///   - group: Its loops get the channels in turn.
    ///   - initializer: Sets the pipeline of a channel up, on its loop. When it fails the connection ends, and nothing
    ///     else is concerned.
    /// - Throws: When registering fails, or the supervisor refuses or goes away: not before the channels that are there
    ///   have closed. After a drain it returns.
    public static func serveChannels(
        _ configuration: HandlerConfiguration = HandlerConfiguration(), on group: any EventLoopGroup,
        initializer: @escaping @Sendable (any NIOCore.Channel, Connection) -> EventLoopFuture<Void>
    ) async throws(HandlerError) {
        let open = OpenChannels()
        try await Handler(configuration).run { connection in
            let channel = try await connection.makeChannel(on: group) { channel in
                initializer(channel, connection).map { channel }
            }
            open.add(channel)
            try await withTaskCancellationHandler {
                try await channel.closeFuture.get()
            } onCancel: {
                channel.close(mode: .all, promise: nil)
            }
        } whenLast: {
            open.quiesce()
        }
    }

    /// The same with `NIOAsyncChannel`: `body` reads and writes each channel in a task of its own.
    ///
    /// - Parameter body: Its channel is closed when it is back. What it throws concerns nothing else.
    public static func serveAsyncChannels<Inbound: Sendable, Outbound: Sendable>(
        _ configuration: HandlerConfiguration = HandlerConfiguration(), on group: any EventLoopGroup,
        initializer:
            @escaping @Sendable (any NIOCore.Channel, Connection) -> EventLoopFuture<NIOAsyncChannel<Inbound, Outbound>>,
        _ body:
            @escaping @Sendable (NIOAsyncChannelInboundStream<Inbound>, NIOAsyncChannelOutboundWriter<Outbound>)
            async throws
            -> Void
    ) async throws(HandlerError) {
        let open = OpenChannels()
        try await Handler(configuration).run { connection in
            let channel = try await connection.makeChannel(on: group) { initializer($0, connection) }
            open.add(channel.channel)
            try await channel.executeThenClose { inbound, outbound in try await body(inbound, outbound) }
        } whenLast: {
            open.quiesce()
        }
    }
}
