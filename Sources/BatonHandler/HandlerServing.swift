internal import Dispatch
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

extension Handler {
    /// Registers and calls `body` for each connection, in threads: the plain form, without concurrency.
    ///
    /// No more connections than threads are asked for, so none waits behind another. A connection ends
    /// when `body` returns, unless something else still refers to it.
    ///
    /// - Parameters:
    ///   - threads: The most connections served at once, at least 1. The calling thread is one of them;
    ///     others are made when they are needed, and kept.
    ///   - body: What it throws ends its connection and concerns nothing else.
    /// - Throws: When registering fails, or the supervisor refuses or goes away. After a drain it returns.
    public static func serve(
        _ configuration: HandlerConfiguration = HandlerConfiguration(), threads: Int = 64,
        _ body: @escaping @Sendable (Connection) throws -> Void
    ) throws(HandlerError) {
        let most = UInt32(clamping: max(1, threads))
        var configuration = configuration
        configuration.capacity = configuration.capacity == 0 ? most : min(configuration.capacity, most)
        let pool = WorkerPool(most: Int(most), body)
        let closed = DispatchSemaphore(value: 0)
        let session = try Session(
            configuration,
            Channel.Observer(
                hasRoom: { pool.hasRoom() },
                deliver: { pool.add($0) },
                finish: { pool.close($0) },
                close: { closed.signal() }))
        pool.tellRoom { [weak session] in session?.goOn() }
        try session.start()
        let error = pool.run()
        closed.wait()
        if let error { throw error }
    }
}

/// Threads that serve connections. The one that calls `run` is always there, so a connection is served
/// even when the system gives no other thread.
private final class WorkerPool: Sendable {
    private struct State: Sendable {
        var queue: [Connection] = []
        /// Threads that wait, or are about to.
        var idle = 0
        var workers = 1
        var isClosed = false
        var error: HandlerError?
        /// The channel's thread holds an acknowledgement back, and is to be told when there is room.
        var isAwaited = false
        var tellRoom: @Sendable () -> Void = {}
    }

    private let state = Mutex(State())
    /// One signal a connection, and one a worker at the end.
    private let work = DispatchSemaphore(value: 0)
    private let gone = DispatchSemaphore(value: 0)
    private let most: Int
    private let body: @Sendable (Connection) throws -> Void

    init(most: Int, _ body: @escaping @Sendable (Connection) throws -> Void) {
        self.most = most
        self.body = body
    }

    func tellRoom(_ tell: @escaping @Sendable () -> Void) {
        state.withLock { $0.tellRoom = tell }
    }

    func hasRoom() -> Bool {
        state.withLock { state in
            state.isAwaited = state.queue.count >= Arrivals.most
            return !state.isAwaited
        }
    }

    func add(_ connection: Connection) {
        let needsWorker = state.withLock { state in
            state.queue.append(connection)
            guard state.queue.count > state.idle, state.workers < most else { return false }
            state.workers += 1
            return true
        }
        if needsWorker { startWorker() }
        work.signal()
    }

    private func startWorker() {
        do throws(Errno) {
            try DetachedThread.start { [self] in
                serve()
                gone.signal()
            }
        } catch {
            state.withLock { $0.workers -= 1 }
        }
    }

    func close(_ error: HandlerError?) {
        let workers = state.withLock { state in
            state.isClosed = true
            state.error = error
            return state.workers
        }
        for _ in 0..<workers { work.signal() }
    }

    /// Serves until the pool is closed and every connection has been served.
    func run() -> HandlerError? {
        serve()
        let (workers, error) = state.withLock { ($0.workers, $0.error) }
        for _ in 1..<workers { gone.wait() }
        return error
    }

    private func serve() {
        while let connection = next() {
            try? body(connection)
        }
    }

    private func next() -> Connection? {
        while true {
            state.withLock { $0.idle += 1 }
            work.wait()
            let (connection, isClosed, tell) = state.withLock { state in
                state.idle -= 1
                let connection = state.queue.isEmpty ? nil : state.queue.removeFirst()
                let isAwaited = state.isAwaited && state.queue.count < Arrivals.most
                if isAwaited { state.isAwaited = false }
                return (connection, state.isClosed, isAwaited ? state.tellRoom : nil)
            }
            tell?()
            if connection != nil || isClosed { return connection }
        }
    }
}
