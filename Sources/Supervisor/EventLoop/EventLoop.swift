internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// What the loop wakes when its descriptor is ready.
protocol EventSource: AnyObject {
    func ready(_ interest: Epoll.Interest)
}

/// What no descriptor tells of, but is soon to come.
protocol SilentSource: AnyObject {
    /// It is worth waiting for, where there is nothing else to do.
    var isExpecting: Bool { get }
    /// It is one thing, which this round has begun, for somebody who is alone here: it comes sooner if we make room for it on
    /// the processor at once, and what else this round has brought can wait so long.
    var isAlone: Bool { get }
    /// This round has waited for it already: to look for another client costs more than to be told of one.
    var wasAwaited: Bool { get }
    /// Waits for it, a moment at most.
    func wait()
    /// Whether it has come: asked at the beginning of each round.
    func look()
}

/// The one loop: descriptors, timers, and what is to be done before the next wait.
///
/// It holds its sources strongly from `watch` to `forget`; a source forgets its registration before it
/// closes the descriptor.
final class EventLoop {
    private var epoll: Epoll
    private var registrations = RegistrationTable()
    private var timers = TimerQueue()
    private var deferred: [() -> Void] = []
    /// Those that are being done. Both keep their memory, but for more than what is usual in a round.
    private var underWay: [() -> Void] = []
    private var asked: (() -> Bool)?
    private var stopped = false
    /// There while it has something to come.
    var silent: (any SilentSource)?

    /// The time at which this round's events were taken; what happens in one round happens at one time.
    private(set) var now = Clock.now()
    /// The time of day of this round, once somebody has asked for it.
    private var timeOfDay: Timestamp?
    /// Time in which this process could have run: `now` without the gaps in which it was stopped. What
    /// blames others for their silence counts in this.
    private(set) var runningTime: Duration
    /// The number of this round.
    private(set) var round: UInt64 = 0

    /// Actions that are deferred in one round.
    private static let usual = 256
    /// A wake-up later than this was a stopped process, not a busy one.
    private static let longestDelay = Duration.milliseconds(500)

    /// - Parameter runningTime: Of the program whose place this one has taken.
    init(runningTime: Duration = .zero) throws(Errno) {
        self.runningTime = runningTime
        epoll = try Epoll()
    }

    /// The time of day: what happens in one round happens at one time.
    var timestamp: Timestamp {
        if let timeOfDay { return timeOfDay }
        let time = Timestamp.now
        timeOfDay = time
        return time
    }

    /// Watches `descriptor` for `source`, which keeps owning it.
    ///
    /// - Parameter first: It is told before all others of a round: somebody waits for it.
    func watch(
        _ descriptor: FileDescriptor, for interest: Epoll.Interest, _ source: any EventSource, first: Bool = false
    ) throws(Errno) -> RegistrationID {
        try registrations.add(source, descriptor, interest, isFirst: first) { id throws(Errno) in
            try epoll.add(descriptor, interest, token: id.number)
        }
    }

    func change(_ id: RegistrationID, to interest: Epoll.Interest) {
        guard let registration = registrations[id], registration.interest != interest else { return }
        // A descriptor that is registered can be modified: only a lack of kernel memory stops it, and the
        // level-triggered old interest is then tried again at the next change.
        guard (try? epoll.modify(registration.descriptor, interest, token: id.number)) != nil else { return }
        registrations.change(id, to: interest)
    }

    func forget(_ id: RegistrationID) {
        guard let registration = registrations.remove(id) else { return }
        try? epoll.remove(registration.descriptor)
    }

    /// Runs `action` once, `delay` from now on.
    func schedule(after delay: Duration, _ action: @escaping () -> Void) -> TimerID {
        timers.insert(at: now + delay, action)
    }

    /// Runs `action` once, at a time by `now`; one that has passed comes after this round.
    func schedule(at time: Duration, _ action: @escaping () -> Void) -> TimerID {
        timers.insert(at: time, action)
    }

    /// When it is due; nil when there is none, or it has run.
    func time(of timer: TimerID?) -> Duration? {
        timer.flatMap { timers.time(of: $0) }
    }

    func cancel(_ timer: TimerID) {
        timers.remove(timer)
    }

    /// Runs `action` when this round's events are done, before the next wait.
    func afterThisRound(_ action: @escaping () -> Void) {
        deferred.append(action)
    }

    /// Asks at the end of each round that has left nothing to be done before the next wait, until the answer is true or
    /// somebody else asks: what is known then is all in the objects, and none of it in an action.
    func askEachRound(_ ask: (() -> Bool)?) {
        asked = ask
    }

    /// Ends `run` after this round.
    func stop() {
        stopped = true
    }

    /// Runs until `stop`; it may be run again.
    func run() throws(Errno) {
        while !stopped {
            try turn()
        }
        stopped = false
    }

    private func tell(_ count: Int, first: Bool) {
        for index in 0..<count {
            let (token, interest) = epoll.event(index)
            let id = RegistrationID(number: token)
            guard id.isFirst == first else { continue }
            // Forgotten earlier in this batch: nobody to tell.
            registrations.source(of: id)?.ready(interest)
        }
    }

    private func wait(_ timeout: Duration?) throws(Errno) -> Int {
        guard timeout != .zero, let silent, silent.isExpecting else { return try epoll.wait(timeout: timeout) }
        let count = try epoll.wait(timeout: .zero)
        if count == 0 { silent.wait() }
        return count
    }

    /// What they defer themselves is for the next round.
    private func doDeferred() {
        guard !deferred.isEmpty else { return }
        swap(&deferred, &underWay)
        for action in underWay { action() }
        underWay.removeAll(keepingCapacity: underWay.count <= Self.usual)
    }

    private func takeTime() {
        now = Clock.now()
        timeOfDay = nil
    }

    private func turn() throws(Errno) {
        let timeout: Duration? = deferred.isEmpty ? timers.next.map { max(.zero, $0 - Clock.now()) } : .zero
        let before = now
        let count = try wait(timeout)
        round += 1
        takeTime()
        runningTime += min(now - before, (timeout ?? .zero) + Self.longestDelay)
        silent?.look()
        tell(count, first: true)
        if let silent, silent.isAlone {
            silent.wait()
            let before = now
            takeTime()
            runningTime += now - before
            silent.look()
        }
        tell(count, first: false)
        while let action = timers.expired(at: now) { action() }
        doDeferred()
        if deferred.isEmpty, let ask = asked, ask() { asked = nil }
    }
}
