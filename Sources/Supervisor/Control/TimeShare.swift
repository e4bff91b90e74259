/// Keeps what is done for control clients to a share of the loop's time: pure, given the time.
///
/// What they ask for may be large, and one can ask again at once: without a share, a few that may only look would slow
/// down every connection.
struct TimeShare {
    /// When all that was spent is made up for by time in which nothing was.
    private var settledAt = Duration.zero

    /// One part of so many.
    static let parts = 3
    /// Owed time that is waited for no more: whoever asks now and then waits for nothing.
    static let allowance = Duration.milliseconds(5)

    mutating func spent(from begin: Duration, to end: Duration) {
        settledAt = max(settledAt, begin) + (end - begin) * Self.parts
    }

    /// How long nothing is to be done; nil when something may be done now.
    func pause(at now: Duration) -> Duration? {
        let owed = settledAt - now - Self.allowance
        return owed > .zero ? owed : nil
    }
}
