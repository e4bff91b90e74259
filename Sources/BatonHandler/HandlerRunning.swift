extension Handler {
    /// Registers and runs `body` for each connection, a task each, until a drain.
    ///
    /// A connection ends when `body` is back. No more of them come at a time than the capacity says. After a drain those
    /// that are there finish. When the surrounding task is cancelled, the tasks of the connections are as well, what they
    /// wait for on a connection throws `cancelled`, and no more come.
    ///
    /// - Parameter body: What it throws ends its connection and concerns nothing else.
    /// - Throws: When registering fails, or the supervisor refuses or goes away: not before the connections that are
    ///   there have ended. After a drain it returns.
    public static func run(
        _ configuration: HandlerConfiguration = HandlerConfiguration(),
        _ body: @escaping @Sendable (Connection) async throws -> Void
    ) async throws(HandlerError) {
        try await Handler(configuration).run(body)
    }

    /// The same for a handler that is registered already. Its `connections` may be taken by nobody else.
    public func run(_ body: @escaping @Sendable (Connection) async throws -> Void) async throws(HandlerError) {
        try await run(body, whenLast: {})
    }

    /// - Parameter whenLast: Called once, when no more connections come: those that are there finish.
    package func run(
        _ body: @escaping @Sendable (Connection) async throws -> Void, whenLast: @Sendable () -> Void
    ) async throws(HandlerError) {
        let error = await withDiscardingTaskGroup { group -> HandlerError? in
            defer { whenLast() }
            do throws(HandlerError) {
                for try await connection in connections {
                    group.addTask {
                        try? await body(connection)
                        connection.end()
                    }
                }
                return nil
            } catch {
                return error
            }
        }
        if let error { throw error }
        await finished()
    }
}
