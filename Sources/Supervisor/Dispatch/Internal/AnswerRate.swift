/// A rate of answers with a burst.
struct AnswerRate {
    let interval: Duration
    /// How far ahead of the rate a burst may run.
    let tolerance: Duration

    init(perSecond: Int, burst: Int) {
        interval = .seconds(1) / perSecond
        tolerance = interval * (burst - 1)
    }
}

/// What one rate has left: a token bucket, kept as the time at which it is full again.
struct AnswerBucket {
    private(set) var full: Duration

    /// - Parameter now: By the clock of the later calls; the bucket is full.
    init(at now: Duration) {
        full = now
    }

    func hasRoom(_ rate: AnswerRate, at now: Duration) -> Bool {
        full <= now + rate.tolerance
    }

    mutating func take(_ rate: AnswerRate, at now: Duration) {
        full = max(full, now) + rate.interval
    }
}
