internal import DequeModule
internal import LinuxSystem

/// Looks names up without waiting: in a few processes, which are started when they are needed and killed when they
/// take too long.
final class NameResolver {
    private unowned let runtime: Runtime
    private var cache = NameCache()
    private var processes: [NameProcess] = []
    private var waiting: Deque<Request> = []
    /// By question: whoever asks the same is told the same.
    private var open: [NameQuestion: Request] = [:]
    private var waiters = 0
    private var expiry: TimerID?

    /// Processes at a time.
    private static let mostProcesses = 4
    /// Connections that wait for a name at a time; for one more there is no name.
    static let mostWaiters = 512
    /// What a client is made to wait; addresses of hosts are not waited for by anybody.
    static let patienceForNames = Duration.seconds(2)
    private static let patienceForAddresses = Duration.seconds(20)

    private final class Request {
        let question: NameQuestion
        let deadline: Duration
        var done: [(NameAnswer?) -> Void] = []

        init(_ question: NameQuestion, deadline: Duration) {
            self.question = question
            self.deadline = deadline
        }
    }

    init(runtime: Runtime) {
        self.runtime = runtime
    }

    /// The name of `source` that has the address in turn, in lower case; nil when there is none, or it could not be
    /// found in time. `done` is called once, perhaps at once.
    func confirmedName(of source: SocketAddress, done: @escaping (String?) -> Void) {
        let source = source.withoutPort
        if let known = cache.name(of: source, at: runtime.loop.now) { return done(known) }
        ask(.name(source), patience: Self.patienceForNames) { [self] answer in
            let name = answer?.name.map { String(decoding: $0.utf8.lowercasedASCII, as: UTF8.self) }
            cache.remember(name, of: source, at: runtime.loop.now)
            done(name)
        }
    }

    /// What a look-up a while ago has found; the outer nil: nothing is known.
    func knownName(of source: SocketAddress) -> String?? {
        cache.name(of: source.withoutPort, at: runtime.loop.now)
    }

    /// The addresses of `host`; nil when none was found.
    func addresses(of host: String, done: @escaping ([SocketAddress]?) -> Void) {
        ask(.addresses(host: host), patience: Self.patienceForAddresses) { answer in
            let addresses = answer?.addresses ?? []
            done(addresses.isEmpty ? nil : addresses)
        }
    }

    /// No connection waits for a name.
    var isAtRest: Bool { !open.keys.contains { if case .name = $0 { true } else { false } } }

    /// Ends the processes; who waits is told nothing any more.
    func stop() {
        waiting = []
        open = [:]
        for process in processes {
            process.changed = { _ in }
            process.end()
        }
        processes = []
    }

    private func ask(_ question: NameQuestion, patience: Duration, done: @escaping (NameAnswer?) -> Void) {
        guard waiters < Self.mostWaiters else { return done(nil) }
        waiters += 1
        if let request = open[question] { return request.done.append(done) }
        let request = Request(question, deadline: runtime.loop.now + patience)
        request.done.append(done)
        open[question] = request
        waiting.append(request)
        distribute()
    }

    private func settle(_ request: Request, _ answer: NameAnswer?) {
        guard open[request.question] === request else { return }
        open[request.question] = nil
        waiters -= request.done.count
        for done in request.done { done(answer) }
    }

    private func distribute() {
        while let request = waiting.first, let process = freeProcess() {
            waiting.removeFirst()
            process.ask(request.question, patience: request.deadline - runtime.loop.now) { [self] answer in
                settle(request, answer)
            }
        }
        expireLater()
    }

    private func freeProcess() -> NameProcess? {
        if let free = processes.first(where: \.isFree) { return free }
        guard processes.count < Self.mostProcesses, let process = try? NameProcess(runtime) else { return nil }
        process.changed = { [unowned self] process in
            if !process.isUsable { processes.removeAll { $0 === process } }
            distribute()
        }
        processes.append(process)
        return process
    }

    /// Those that no process had time for.
    private func expireLater() {
        if let expiry { runtime.loop.cancel(expiry) }
        expiry = nil
        guard let next = waiting.lazy.map(\.deadline).min() else { return }
        expiry = runtime.loop.schedule(after: max(.zero, next - runtime.loop.now)) { [unowned self] in
            expiry = nil
            let now = runtime.loop.now
            let late = waiting.filter { $0.deadline <= now }
            waiting.removeAll { $0.deadline <= now }
            for request in late { settle(request, nil) }
            expireLater()
        }
    }
}
