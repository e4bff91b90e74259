// An HTTP/1 server on SwiftNIO whose connections come from Baton:
//
//     services:
//       web: {listen: 8080, handoff: {exec: [/path/to/baton-nio-handler], capacity: 1024}}
//
// Run by hand it registers with a supervisor that runs already: baton-nio-handler SERVICE.

internal import BatonHandler
internal import BatonNIO
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import SystemPackage

/// Answers each request with its method, its path and where its client is.
final class Site: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let connection: UInt64
    private let peer: String
    private var head: HTTPRequestHead?

    init(connection: UInt64, peer: String) {
        self.connection = connection
        self.peer = peer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end: if let head { answer(head, context) }
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let text = "\(head.method) \(head.uri) connection=\(connection) client=\(peer) pid=\(getpid())\n"
        var response = HTTPResponseHead(version: head.version, status: .ok)
        response.headers.add(name: "content-type", value: "text/plain; charset=utf-8")
        response.headers.add(name: "content-length", value: "\(text.utf8.count)")
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if !head.isKeepAlive { context.close(promise: nil) }
    }
}

/// On a drain NIO's HTTP pipeline closes connections that are between two requests. A client that has not asked yet is
/// answered first.
final class FirstAnswer: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private var hasAnswered = false
    private var isQuiescing = false

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent, !hasAnswered else {
            return context.fireUserInboundEventTriggered(event)
        }
        isQuiescing = true
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard !hasAnswered else { return }
        hasAnswered = true
        if isQuiescing { context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }
}

@Sendable func configure(_ channel: any Channel, _ connection: Connection) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
        let peer = (try? connection.peer.description) ?? "unknown"
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(FirstAnswer())
        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
        try pipeline.addHandler(Site(connection: connection.number, peer: peer))
    }
}

let configuration = HandlerConfiguration(
    service: CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : nil, status: "serving HTTP")
do {
    try await Handler.serveChannels(
        configuration, on: MultiThreadedEventLoopGroup.singleton, initializer: configure)
} catch {
    _ = try? FileDescriptor.standardError.writeAll("baton-nio-handler: \(error)\n".utf8)
    exit(1)
}
