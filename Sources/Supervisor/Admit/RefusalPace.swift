/// How often it is told that somebody is refused at a socket of the supervisor's own: once a second for each uid, because
/// whoever is refused may go on trying. Pure, given the time.
struct RefusalPace {
    /// When somebody's was last told, by uid.
    private var told: [UInt32: Duration] = [:]

    private static let interval = Duration.seconds(1)
    /// So many uids at a time.
    private static let most = 64

    /// Whether one of `uid` is to be told now.
    mutating func admits(_ uid: UInt32, at now: Duration) -> Bool {
        told = told.filter { now - $0.value < Self.interval }
        guard told[uid] == nil, told.count < Self.most else { return false }
        told[uid] = now
        return true
    }
}
