internal import ServiceTable

/// Whether a handler that was sent a PING has shown any sign of life since: pure, given the supervisor's own
/// running time, so that a stopped supervisor blames nobody.
struct Heartbeat {
    private let settings: Handoff.Heartbeat
    private var lastPing: UInt64 = 0
    /// When the PING was sent that nothing has answered yet.
    private var asked: Duration?

    init(_ settings: Handoff.Heartbeat) {
        self.settings = settings
    }

    /// To be carried over.
    var content: Content {
        get { Content(lastPing: lastPing, asked: asked) }
        set { (lastPing, asked) = (newValue.lastPing, newValue.asked) }
    }

    enum Step: Equatable {
        /// Send this PING; look again after the delay.
        case ping(id: UInt64, lookAgain: Duration)
        case wait(Duration)
        /// Silent for the whole timeout.
        case silent
    }

    /// A PING has not been answered.
    var isWaiting: Bool { asked != nil }

    var interval: Duration { settings.interval }

    /// Time to look: after the interval, or when `lookAgain` has passed.
    ///
    /// - Parameter exempt: A handler that serves in the thread that reads the channel, and is at it.
    mutating func look(at runningTime: Duration, exempt: Bool) -> Step {
        if exempt {
            asked = nil
            return .wait(settings.interval)
        }
        guard let asked else {
            lastPing += 1
            self.asked = runningTime
            return .ping(id: lastPing, lookAgain: settings.timeout)
        }
        let silence = runningTime - asked
        return silence >= settings.timeout ? .silent : .wait(settings.timeout - silence)
    }

    /// Any message is a sign of life.
    ///
    /// - Returns: Whether a PING had been waiting for it.
    mutating func heard() -> Bool {
        defer { asked = nil }
        return asked != nil
    }
}
