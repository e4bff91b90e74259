public import BatonHandler
public import NIOCore
internal import NIOPosix

extension Connection {
    /// Makes the connection a SwiftNIO channel: bytes that were drained from its stream before are read first, then what is in
    /// the socket.
    ///
    /// The channel has the socket from now on. Its close shuts the stream down, and gives the connection's place back; nothing
    /// else is to be done for that, and nothing else may be done with the connection but to ask what it is (`number`,
    /// `peer` and so on).
    ///
    /// - Parameters:
    ///   - group: One of its loops gets the channel.
    ///   - halfClosure: Whether the channel stays open when its client sends no more, and the pipeline is told
    ///     (`ChannelEvent.inputClosed`), as NIO's option `allowRemoteHalfClosure` says; set it here and not on the channel.
    ///   - initializer: Sets the pipeline up, on the channel's loop, before anything is read.
    /// - Returns: What `initializer` has made, such as a `NIOAsyncChannel`, once the channel is active.
    /// - Throws: `HandlerError.ended` when the connection has ended or its descriptor was taken; else what NIO or
    ///   `initializer` throw: the connection has ended then.
    public func makeChannel<Output: Sendable>(
        on group: any EventLoopGroup, halfClosure: Bool = false,
        _ initializer: @escaping @Sendable (any NIOCore.Channel) -> EventLoopFuture<Output>
    ) async throws -> Output {
        let unread = takeUnread()
        guard let socket = takeDescriptor() else { throw HandlerError.ended }
        do {
            let bootstrap = ClientBootstrap(group: group).channelOption(.allowRemoteHalfClosure, value: true)
            return try await bootstrap.withConnectedSocket(socket) { channel in
                channel.closeFuture.whenComplete { _ in self.end() }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(StreamEnd(halfClosure: halfClosure))
                    if !unread.isEmpty { try pipeline.addHandler(UnreadBytes(ByteBuffer(bytes: unread))) }
                }.flatMap { initializer(channel) }
            }
        } catch {
            end()
            throw error
        }
    }
}

/// The first bytes of the stream, which are not in the socket: what the first read of the active channel finds.
private final class UnreadBytes: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private var bytes: ByteBuffer?
    /// A read was asked for before the channel was active.
    private var isAsked = false

    init(_ bytes: ByteBuffer) {
        self.bytes = bytes
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        if isAsked { deliver(context) }
    }

    func read(context: ChannelHandlerContext) {
        if bytes == nil { return context.read() }
        isAsked = true
        deliver(context)
    }

    private func deliver(_ context: ChannelHandlerContext) {
        guard context.channel.isActive, let bytes else { return }
        self.bytes = nil
        context.fireChannelRead(wrapInboundOut(bytes))
        context.fireChannelReadComplete()
        // Where nobody asks for each read, nobody will ask for the next.
        if (try? context.channel.syncOptions?.getOption(.autoRead)) ?? true { context.read() }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}

/// Shuts the stream down before it is closed, by the program or because its client has ended it: while the supervisor holds its
/// copy, a close alone would not end it.
private final class StreamEnd: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let halfClosure: Bool

    init(halfClosure: Bool) {
        self.halfClosure = halfClosure
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard !halfClosure, case .some(.inputClosed) = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        close(context: context, mode: .all, promise: nil)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // What is wrong with it, the close itself tells.
        if mode == .all { context.close(mode: .output, promise: nil) }
        context.close(mode: mode, promise: promise)
    }
}
