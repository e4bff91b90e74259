internal import DequeModule

/// The batons of one service that wait for a handler, first come, first passed. What comes back from a
/// handler goes to the front, in the order of acceptance.
struct BatonQueue {
    private(set) var batons: Deque<Baton> = []

    /// - Parameter batons: In order.
    init(_ batons: [Baton] = []) {
        self.batons = Deque(batons)
    }

    var isEmpty: Bool { batons.isEmpty }
    var count: Int { batons.count }
    var first: Baton? { batons.first }

    mutating func append(_ baton: Baton, at now: Duration) {
        baton.entersQueue(at: now)
        batons.append(baton)
    }

    mutating func requeue(_ returned: [Baton], at now: Duration) {
        for baton in returned.sorted(by: { $0.origin.number > $1.origin.number }) {
            baton.entersQueue(at: now)
            // Others that came back before it may have been accepted earlier. Fresh ones stand behind it, whatever
            // their number: one that was routed here is numbered by its front.
            let place =
                batons.firstIndex { !$0.wasSentBefore || $0.origin.number > baton.origin.number } ?? batons.endIndex
            batons.insert(baton, at: place)
        }
    }

    subscript(place: Int) -> Baton { batons[place] }

    mutating func take(_ place: Int, at now: Duration) -> Baton? {
        guard batons.indices.contains(place) else { return nil }
        let baton = place == 0 ? batons.removeFirst() : batons.remove(at: place)
        baton.leavesQueue(at: now)
        return baton
    }

    mutating func removeAll(at now: Duration) -> [Baton] {
        let all = Array(batons)
        batons.removeAll()
        for baton in all { baton.leavesQueue(at: now) }
        return all
    }

    /// Takes out those that have waited for `timeout`.
    mutating func removeExpired(_ timeout: Duration, at now: Duration) -> [Baton] {
        var expired: [Baton] = []
        batons.removeAll { baton in
            guard let deadline = baton.deadline(timeout), deadline <= now else { return false }
            expired.append(baton)
            return true
        }
        for baton in expired { baton.leavesQueue(at: now) }
        return expired
    }

    /// When the next one will have waited for `timeout`.
    func nextDeadline(_ timeout: Duration) -> Duration? {
        batons.lazy.compactMap { $0.deadline(timeout) }.min()
    }
}
