internal import ServiceTable

/// When a supervised handler that ended is started again: pure, given the time.
///
/// A start that fails (never registered, or died before it acknowledged anything) backs off
/// exponentially, with jitter; so many of them in the interval and the service is *failed* until one registers, and is tried
/// again whenever the longest backoff has passed. A handler that did its work and crashed starts again after the first delay.
struct RestartPolicy {
    enum End {
        case failedStart
        case crashed
        /// Status 0, or after its own DRAIN.
        case finished
    }

    enum Decision: Equatable {
        case start(after: Duration)
        /// With the next connection.
        case whenNeeded
        /// `retryAfter` is nil when only a person starts it again.
        case failed(retryAfter: Duration?)
    }

    @Shared private var settings: Handoff
    private var failures: [Duration] = []
    private var streak = 0

    init(_ settings: Shared<Handoff>) {
        _settings = settings
    }

    /// To the next try of what has failed.
    var longest: Duration { settings.restart.backoff.longest }

    /// To be carried over.
    var content: Content {
        get { Content(failures: failures, streak: streak) }
        set { (failures, streak) = (newValue.failures, newValue.streak) }
    }

    /// Goes by other settings; what failed before counts.
    mutating func update(_ settings: Shared<Handoff>) {
        _settings = settings
    }

    /// - Parameters:
    ///   - isFailed: The service has failed, and nobody has registered since.
    ///   - isWaiting: The next start is put off already, by one that was begun with this one.
    ///   - jitter: 0 up to 1; up to a quarter of the delay is added.
    mutating func ended(
        _ end: End, isFailed: Bool = false, isWaiting: Bool = false, at now: Duration, jitter: Double
    ) -> Decision {
        let restart = settings.restart
        if restart.policy == .never { return .failed(retryAfter: nil) }
        switch end {
        case .finished:
            streak = 0
            let isMissed = restart.policy == .always && settings.start == .eager
            return isMissed ? .start(after: restart.backoff.first) : .whenNeeded
        case .crashed:
            streak = 0
            return .start(after: restart.backoff.first)
        case .failedStart:
            failures.removeAll { $0 <= now - restart.interval }
            failures.append(now)
            if !isWaiting || streak == 0 { streak += 1 }
            if isFailed || failures.count >= restart.burst ?? .max {
                failures.removeAll()
                return .failed(retryAfter: longest)
            }
            let delay = restart.backoff.delay(afterFailures: streak)
            return .start(after: min(delay + delay * (jitter / 4), longest))
        }
    }

    /// A person asks for a new start: what failed before does not count.
    mutating func forgive() {
        failures.removeAll()
        streak = 0
    }

    /// A handler works: the next failure is the first again.
    mutating func succeeded() {
        streak = 0
    }
}

extension Backoff {
    /// The delay after so many failures in a row (1: the first).
    func delay(afterFailures count: Int) -> Duration {
        var delay = first
        // 64 doublings reach any `longest`.
        for _ in 1..<max(1, min(count, 64)) where delay < longest { delay *= 2 }
        return min(delay, longest)
    }
}
