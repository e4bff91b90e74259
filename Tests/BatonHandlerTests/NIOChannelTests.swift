import BatonHandler
import BatonNIO
import HandoffProtocol
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Batons as channels of SwiftNIO, against a supervisor that a test plays.
@Suite(.timeLimit(.minutes(5))) struct NIOChannelTests {
    /// What a pipeline was told.
    private final class Events: Sendable {
        private let state = Mutex<[String]>([])

        func append(_ event: String) { state.withLock { $0.append(event) } }
        var all: [String] { state.withLock { $0 } }
    }

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let events: Events
        private let closesWhenActive: Bool

        init(_ events: Events, closesWhenActive: Bool = false) {
            self.events = events
            self.closesWhenActive = closesWhenActive
        }

        func channelActive(context: ChannelHandlerContext) {
            events.append("active")
            if closesWhenActive { context.close(promise: nil) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            events.append(String(buffer: bytes))
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            events.append("inactive")
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
            events.append("quiesce")
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "last words")), promise: nil)
            context.close(promise: nil)
        }
    }

    /// Serves with `initializer` beside `script`.
    private func serve(
        _ initializer: @escaping @Sendable (any Channel) throws -> Void,
        script: @escaping @Sendable (FakeSupervisor) async throws -> Void
    ) async throws {
        let supervisor = try FakeSupervisor()
        let group = MultiThreadedEventLoopGroup.singleton
        async let served: Void = Handler.serveChannels(
            HandlerConfiguration(service: "echo", channel: supervisor.handlersEnd), on: group
        ) { channel, _ in
            channel.eventLoop.makeCompletedFuture { try initializer(channel) }
        }
        do {
            try await script(supervisor)
        } catch {
            supervisor.hangUp()
            throw error
        }
        try await served
    }

    @Test("regression: on a drain open channels get ChannelShouldQuiesceEvent, and are waited for")
    func quiesces() async throws {
        let events = Events()
        try await serve {
            try $0.pipeline.syncOperations.addHandler(Recorder(events))
        } script: { supervisor in
            try await onThread {
                try supervisor.welcome()
                let client = try supervisor.baton(drained: "begun")
                #expect(try supervisor.receive() == .acknowledge(upTo: 1))
                #expect(try client.read() == "begun")
                try client.write("x")
                #expect(try client.read() == "x")
                try supervisor.send(.drain)
                #expect(try client.readAll() == "last words")
                #expect(try supervisor.receive() == .done([1]))
                #expect(try supervisor.receive() == nil)
            }
        }
        #expect(events.all == ["active", "begun", "x", "quiesce", "inactive"])
    }

    @Test("regression: bytes that were drained are not read by a channel that is closed as soon as it is active")
    func unreadOfClosedChannel() async throws {
        let events = Events()
        try await serve {
            try $0.pipeline.syncOperations.addHandler(Recorder(events, closesWhenActive: true))
        } script: { supervisor in
            try await onThread {
                try supervisor.welcome()
                let client = try supervisor.baton(drained: "begun")
                #expect(try client.readAll() == "")
                try supervisor.send(.drain)
                while try supervisor.receive() != nil {}
            }
        }
        #expect(events.all == ["active", "inactive"])
    }

    @Test("bytes that were drained are what the first read finds, where the program asks for each")
    func asksForEach() async throws {
        final class Asking: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            private let events: Events
            private var reads = 0

            init(_ events: Events) { self.events = events }

            func channelActive(context: ChannelHandlerContext) {
                events.append("active")
                context.eventLoop.assumeIsolated().execute {
                    self.events.append("asks")
                    context.read()
                }
            }

            func channelRead(context: ChannelHandlerContext, data: NIOAny) {
                events.append(String(buffer: unwrapInboundIn(data)))
            }

            func channelReadComplete(context: ChannelHandlerContext) {
                reads += 1
                events.append("asks")
                if reads == 2 { context.close(promise: nil) } else { context.read() }
            }
        }
        let events = Events()
        try await serve {
            try $0.syncOptions?.setOption(.autoRead, value: false)
            try $0.pipeline.syncOperations.addHandler(Asking(events))
        } script: { supervisor in
            try await onThread {
                try supervisor.welcome()
                let client = try supervisor.baton(drained: "begun")
                try client.write("x")
                #expect(try client.readAll() == "")
                try supervisor.send(.drain)
                while try supervisor.receive() != nil {}
            }
        }
        #expect(events.all == ["active", "asks", "begun", "asks", "x", "asks"])
    }
}
