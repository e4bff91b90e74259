internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Keeps a service's supervised handlers: starts them when they are wanted, and again when they ended, with
/// backoff; drains those that nobody needs.
final class HandlerSupply {
    var start: HandlerStart?
    let record: ServiceRecord
    let runtime: Runtime
    /// It has this supply, and outlives it.
    unowned var owner: HandoffDispatch!
    var policy: RestartPolicy
    var pool: PoolPolicy
    var state = State.open
    var stopped = false
    /// Those that serve or are to, the oldest first; one that drains is none of them any more.
    var members: [Handler] = []
    /// Starts that the launcher has not answered.
    private var launching = 0
    var rolling: RollingRestart?
    var reviewTimer: TimerID?

    enum State {
        /// What is wanted is started.
        case open
        /// Nothing is started before then.
        case waiting(TimerID, until: Duration)
        /// `timer` is nil when only a person starts it again.
        case failed(timer: TimerID?, until: Duration?)
        /// The first start after a failure is under way.
        case recovering
    }

    /// Handlers that are starting at a time.
    static let mostStarting = 8

    init(settings: Shared<Handoff>, start: HandlerStart?, record: ServiceRecord, runtime: Runtime) {
        self.start = start
        self.record = record
        self.runtime = runtime
        policy = RestartPolicy(settings)
        pool = PoolPolicy(settings.wrappedValue.pool, idleExit: settings.wrappedValue.idleExit)
    }

    var isStarting: Bool { launching > 0 }

    var isFailed: Bool {
        switch state {
        case .failed, .recovering: true
        case .open, .waiting: false
        }
    }

    /// For the status: why nobody comes.
    var failure: String? {
        guard case .failed(_, let until) = state else { return nil }
        return until == nil ? "its handler is not started again by itself" : "its handler does not start"
    }

    /// Until what failed is tried again.
    var retry: Duration? {
        switch state {
        case .failed(_, let until?), .waiting(_, let until): max(.zero, until - runtime.loop.now)
        case .open, .recovering, .failed(_, nil): nil
        }
    }

    /// The handler that the pool could do without.
    var spare: UInt64? { pool.spare }

    // MARK: What is wanted

    /// From the beginning on.
    func wake() {
        pool.wake()
        fill()
    }

    /// A connection came and found room.
    func served() {
        guard start != nil, !stopped else { return }
        pool.served()
        fill()
    }

    /// Somebody waits and no handler has room.
    func demand() {
        guard start != nil, !stopped else { return }
        pool.crowded(count: count, starting: starting)
        fill()
    }

    /// Those that are to be there. While a restart is under way a new one and the one that it replaces are one.
    var count: Int { members.count - (rolling?.doubled ?? 0) }
    var starting: Int { members.lazy.filter { $0.state == .starting }.count }

    /// Another handler comes when one is asked for.
    var mayGrow: Bool { start != nil && !stopped && !isFailed && pool.mayGrow(count: count) }

    func fill() {
        guard start != nil, !stopped else { return }
        let missing: Int
        switch state {
        case .open: missing = pool.wanted - count
        case .recovering: missing = starting == 0 ? 1 : 0
        case .waiting, .failed: return
        }
        guard missing > 0 else { return }
        for _ in 0..<max(0, min(missing, Self.mostStarting - starting)) {
            guard begin() != nil else { return }
        }
    }

    // MARK: Starting one

    func begin() -> Handler? {
        guard let start, let owner else { return nil }
        do {
            let handler = try start.begin(for: owner) { [self] in started($0, $1) }
            launching += 1
            members.append(handler)
            owner.add(handler)
            return handler
        } catch {
            failed(HandlerStart.Failure(stage: "channel", error: "\(error)"))
            return nil
        }
    }

    private func started(_ handler: Handler, _ failure: HandlerStart.Failure?) {
        launching -= 1
        guard let failure else { return }
        members.removeAll { $0 === handler }
        owner?.forget(handler)
        let replaced = rolling.map { !$0.old.isEmpty } ?? false
        if forgetInRestart(handler, why: "\(failure.stage): \(failure.error)") == .replacement, replaced {
            record.failed(stage: failure.stage, error: failure.error)
            return tryLater()
        }
        failed(failure)
        owner?.pump()
    }

    private func failed(_ failure: HandlerStart.Failure) {
        record.failed(stage: failure.stage, error: failure.error)
        decide(.failedStart, why: "\(failure.stage): \(failure.error)")
    }

    /// It has registered.
    func succeeded(_ handler: Handler) {
        if isFailed {
            record.report(.service(.recovered))
            cancelTimer()
            state = .open
        }
        record.lastFailure = nil
        replace(with: handler)
        fill()
        review()
    }

    // MARK: Ends

    /// It takes no more: the next connection that waits brings another.
    func left(_ handler: Handler) {
        guard handler.machine.endsAsAsked, let place = members.firstIndex(where: { $0 === handler }) else { return }
        members.remove(at: place)
        // What it announced itself is an end of its own; what we asked for is not.
        if handler.machine.finishesByItself { decide(.finished, why: "drained by itself") }
    }

    /// The handler is gone.
    func ended(_ handler: Handler, _ departure: HandlerMachine.Departure, worked: Bool) {
        guard let place = members.firstIndex(where: { $0 === handler }) else { return }
        members.remove(at: place)
        if departure.manner == .failedStart { record.failed(stage: "register", error: departure.description) }
        // Where there are old ones, a new one that does not start is missed by nobody.
        let replaced = rolling.map { !$0.old.isEmpty } ?? false
        if forgetInRestart(handler, why: departure.description) == .replacement, replaced { return tryLater() }
        switch departure.manner {
        case .dismissed: break
        case .finished: decide(.finished, why: departure.description)
        case .crashed: decide(worked ? .crashed : .failedStart, why: departure.description)
        case .failedStart: decide(.failedStart, why: departure.description)
        }
        fill()
    }

    /// A restart was abandoned, and what serves goes on; what was missing before is still.
    private func tryLater() {
        guard !stopped else { return }
        if case .recovering = state { fail(until: runtime.loop.now + policy.longest) } else { fill() }
    }

    private func decide(_ end: RestartPolicy.End, why: String) {
        guard !stopped else { return }
        // Others that were started with the one that made it fail.
        if end == .failedStart, case .failed = state { return }
        let wasFailed = isFailed
        if end != .failedStart { policy.succeeded() }
        let jitter = Double.random(in: 0..<1)
        let isWaiting = if case .waiting = state { true } else { false }
        switch policy.ended(
            end, isFailed: wasFailed, isWaiting: isWaiting, at: runtime.loop.now, jitter: jitter)
        {
        case .whenNeeded:
            pool.lapsed()
        case .start(let delay):
            pool.died(leaving: count)
            if end == .failedStart { report(why, retry: delay) }
            wait(delay, extending: end == .failedStart)
        case .failed(let delay):
            if wasFailed, let delay {
                report(why, retry: delay)
            } else {
                record.report(.service(.failed(why: why, retry: delay)))
            }
            cancelTimer()
            fail(until: delay.map { runtime.loop.now + $0 })
            owner?.supplyFailed()
        }
    }

    /// Of many that die at short intervals the first has set the time already: a restart is never put off by them.
    private func wait(_ delay: Duration, extending: Bool) {
        let until = runtime.loop.now + delay
        switch state {
        case .failed, .recovering: return
        case .waiting(_, let before) where !extending || before >= until: return
        case .open, .waiting: break
        }
        cancelTimer()
        wait(until: until)
    }

    func wait(until: Duration) {
        state = .waiting(later(until) { $0.state = .open }, until: until)
    }

    /// - Parameter until: Nil when only a person starts it again.
    func fail(until: Duration?) {
        state = .failed(timer: until.map { later($0) { $0.state = .recovering } }, until: until)
    }

    private func later(_ time: Duration, _ change: @escaping (HandlerSupply) -> Void) -> TimerID {
        runtime.loop.schedule(at: time) { [weak self] in
            guard let self else { return }
            change(self)
            fill()
            owner?.pump()
        }
    }

    func cancelTimer() {
        switch state {
        case .waiting(let timer, _), .failed(let timer?, _): runtime.loop.cancel(timer)
        case .open, .failed, .recovering: break
        }
    }

    private func report(_ why: String, retry: Duration) {
        record.report(.handler(.startFailed(pid: nil, why: why, retry: retry)))
    }

    func stop() {
        stopped = true
        cancelTimer()
        state = .open
        if let reviewTimer { runtime.loop.cancel(reviewTimer) }
        reviewTimer = nil
        abandonRestart("the service stops")
    }
}

// MARK: Shrinking

extension HandlerSupply {
    /// Looks for handlers that nobody needs, now and whenever there may be one.
    func review() {
        guard pool.reviews, reviewTimer == nil, !stopped else { return }
        let ready = members.filter { $0.state == .ready }
        let review = pool.review(
            ready.map {
                PoolPolicy.Member(
                    number: $0.number, load: $0.load, capacity: $0.capacity, idleSince: $0.idleSince)
            }, at: runtime.loop.now)
        for handler in ready where review.drain.contains(handler.number) { handler.handle(.drainAsked) }
        guard let next = review.next else { return }
        reviewTimer = runtime.loop.schedule(after: max(.zero, next - runtime.loop.now)) { [weak self] in
            self?.reviewTimer = nil
            self?.review()
        }
    }
}
