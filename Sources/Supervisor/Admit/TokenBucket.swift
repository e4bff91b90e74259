internal import ServiceTable

/// So many per time, a burst at once: pure, given the time.
///
/// Kept as the time at which the bucket is full again (the generic cell rate algorithm, ITU-T I.371): one value, and a
/// bucket whose time has come is like a new one and can be forgotten.
struct TokenBucket: Equatable {
    var fullAt = Duration.zero

    /// When the next token is there; nil when it is there now.
    func wait(for limit: RateLimit, at now: Duration) -> Duration? {
        let due = fullAt - limit.period * (limit.burst - 1)
        return due <= now ? nil : due
    }

    /// How many tokens are there.
    func tokens(of limit: RateLimit, at now: Duration) -> Int {
        guard fullAt > now else { return limit.burst }
        // In whole numbers: rounded, it could say that none is there when `wait` says that one is, and nobody would
        // look again.
        let (whole, rest) = (fullAt - now).attoseconds.quotientAndRemainder(dividingBy: limit.period.attoseconds)
        return Int(max(0, Int128(limit.burst) - whole - (rest > 0 ? 1 : 0)))
    }

    /// What was taken stays taken, as many tokens of the new limit.
    mutating func convert(from old: RateLimit?, to new: RateLimit?, at now: Duration) {
        guard let old, let new, fullAt > now else {
            fullAt = .zero
            return
        }
        fullAt = now + new.period * min((fullAt - now) / old.period, Double(new.burst))
    }

    /// Takes a token, there or not.
    mutating func take(from limit: RateLimit, at now: Duration) {
        fullAt = max(fullAt, now) + limit.period
    }
}

extension RateLimit {
    /// The time in which one token comes.
    var period: Duration { interval / count }
}
