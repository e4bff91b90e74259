public import BatonHandler
public import ServiceLifecycle

/// A handler as a service of swift-service-lifecycle: a graceful shutdown of its group drains it, and it ends when the
/// connections that it holds have ended.
///
/// ```swift
/// let service = HandlerService { connection in … }
/// try await ServiceGroup(services: [service], gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
public struct HandlerService: Service {
    private let configuration: HandlerConfiguration
    private let body: @Sendable (Connection) async throws -> Void

    /// - Parameter body: Serves a connection, as for `Handler.run`.
    public init(
        _ configuration: HandlerConfiguration = HandlerConfiguration(),
        _ body: @escaping @Sendable (Connection) async throws -> Void
    ) {
        self.configuration = configuration
        self.body = body
    }

    /// Registers and serves until a drain, of the supervisor's or by a graceful shutdown. A cancellation cancels the tasks of
    /// the connections.
    public func run() async throws {
        let handler = try Handler(configuration)
        try await withGracefulShutdownHandler {
            try await handler.run(body)
        } onGracefulShutdown: {
            handler.drain()
        }
    }
}
