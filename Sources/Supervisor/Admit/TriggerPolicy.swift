internal import ServiceTable

/// Pauses a `wait` service whose handler keeps failing: pure, given the time.
struct TriggerPolicy {
    private let limit: TriggerLimit
    private var failures: [Duration] = []
    private var pauses = 0

    init(_ limit: TriggerLimit) {
        self.limit = limit
    }

    /// To be carried over.
    var content: Content {
        get { Content(failures: failures, pauses: pauses) }
        set { (failures, pauses) = (newValue.failures, newValue.pauses) }
    }

    /// A handler failed, or left its datagram unread, or all of its clients in the backlog.
    ///
    /// - Returns: How long to pause, when the limit is reached.
    mutating func failed(at now: Duration) -> Duration? {
        guard let burst = limit.burst else { return nil }
        failures.removeAll { $0 <= now - limit.interval }
        failures.append(now)
        guard failures.count >= burst else { return nil }
        failures.removeAll()
        pauses += 1
        return limit.backoff.delay(afterFailures: pauses)
    }

    /// A handler did its work: the next pause is the first again.
    mutating func succeeded() {
        pauses = 0
    }
}
