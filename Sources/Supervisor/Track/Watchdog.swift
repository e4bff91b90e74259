/// Whether a process that is to show signs of life by itself still does: pure, given the supervisor's own
/// running time, so that a stopped supervisor blames nobody.
struct Watchdog {
    var timeout: Duration
    private(set) var lastSign: Duration

    init(timeout: Duration, at runningTime: Duration) {
        self.timeout = timeout
        lastSign = runningTime
    }

    mutating func heard(at runningTime: Duration) {
        lastSign = runningTime
    }

    /// How long it may be silent yet; zero when it has been for the whole timeout.
    func patience(at runningTime: Duration) -> Duration {
        max(.zero, lastSign + timeout - runningTime)
    }
}
