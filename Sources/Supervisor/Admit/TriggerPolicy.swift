internal import ServiceTable

/// Pauses a `wait` service whose handler keeps failing: pure, given the time.
struct TriggerPolicy {
    private let limit: TriggerLimit
    private var failures: [Duration] = []
    private var pauses = 0
    /// When handlers left clients waiting, the last so many; not carried over.
    private var left: [Duration] = []

    init(_ limit: TriggerLimit) {
        self.limit = limit
    }

    /// To be carried over.
    var content: Content {
        get { Content(failures: failures, pauses: pauses) }
        set { (failures, pauses) = (newValue.failures, newValue.pauses) }
    }

    /// A handler failed, or left its datagram unread.
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

    /// A handler ended well, at once perhaps, and clients of its stream wait still: what starts without accepting is started
    /// no more often than what fails, and who takes one client at a time and ends is not stopped.
    ///
    /// - Returns: How long to wait with the next one, once there were so many in the interval.
    mutating func leftWaiting(at now: Duration) -> Duration? {
        guard let burst = limit.burst else { return nil }
        left.removeAll { $0 <= now - limit.interval }
        left.append(now)
        return left.count < burst ? nil : left[left.count - burst] + limit.interval - now
    }

    /// A handler did its work: the next pause is the first again.
    mutating func succeeded() {
        pauses = 0
    }
}
