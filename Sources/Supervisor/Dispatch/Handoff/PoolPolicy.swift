internal import ServiceTable

/// How many handlers a service keeps, and which of them it can do without: pure, given the time.
///
/// One more is started when a connection waits and all are at capacity. One that has had nothing to do for
/// `idle` is drained. Where the load is spread so that none ever falls idle, the youngest becomes the spare
/// after the pool could have done without it for `idle`: it gets what no other has room for, and goes when
/// it is empty. So no connection is ever cut to shrink a pool.
struct PoolPolicy {
    private var pool: Handoff.Pool
    /// Goes for every handler, those that `least` keeps too.
    private var idleExit: Duration?
    /// How many are to be there; 0 until somebody asks.
    private(set) var wanted = 0
    /// Handlers left by `idle_exit`: they come back one by one, as they are needed.
    private var isAsleep = false
    private var surplusSince: Duration?
    /// The handler that the pool could do without.
    private(set) var spare: UInt64?

    init(_ pool: Handoff.Pool, idleExit: Duration?) {
        self.pool = pool
        self.idleExit = idleExit
    }

    /// To be carried over.
    var content: Content {
        get { Content(wanted: wanted, isAsleep: isAsleep, surplusSince: surplusSince, spare: spare) }
        set {
            wanted = newValue.wanted
            isAsleep = newValue.isAsleep
            surplusSince = newValue.surplusSince
            spare = newValue.spare
        }
    }

    private var most: Int { pool.most ?? .max }

    /// Goes by other numbers.
    ///
    /// - Parameter count: Handlers that serve or are to.
    /// - Returns: How many of them are too many.
    mutating func update(_ pool: Handoff.Pool, idleExit: Duration?, count: Int) -> Int {
        self.pool = pool
        self.idleExit = idleExit
        surplusSince = nil
        spare = nil
        if wanted > 0 { wanted = min(most, isAsleep ? wanted : max(wanted, pool.least)) }
        return max(0, count - most)
    }

    // MARK: Growing

    /// The supervisor starts, or somebody wants the service to be up.
    mutating func wake() {
        wanted = max(wanted, pool.least)
    }

    /// A connection came and found room.
    mutating func served() {
        if wanted > 0, !isAsleep { wake() }
    }

    /// A connection waits and no handler has room.
    ///
    /// - Parameters:
    ///   - count: Handlers that serve or are to.
    ///   - starting: Those of them that have yet to register.
    mutating func crowded(count: Int, starting: Int) {
        surplusSince = nil
        spare = nil
        guard starting == 0 else { return }
        if wanted == 0, !isAsleep { wanted = max(1, pool.least) }
        if wanted <= count, count < most { wanted = count + 1 }
        if wanted >= pool.least { isAsleep = false }
    }

    /// Whether there may be one more than `count`.
    func mayGrow(count: Int) -> Bool { count < most }

    // MARK: Ends

    /// One ended well by itself: it is not missed before the next connection.
    mutating func lapsed() {
        wanted = max(0, wanted - 1)
    }

    /// One died: of those that are left, the ones that growth brought may do.
    mutating func died(leaving count: Int) {
        if wanted > pool.least { wanted = max(pool.least, count) }
    }

    // MARK: Shrinking

    /// A handler that is ready.
    struct Member: Equatable {
        var number: UInt64
        var load: Int
        var capacity: Int
        /// Since when it has nothing to do.
        var idleSince: Duration?
    }

    struct Review: Equatable {
        /// To be drained now.
        var drain: [UInt64] = []
        /// When to look again; nil when there is nothing to look for.
        var next: Duration?
    }

    /// Whether there is anything to look for, ever.
    var reviews: Bool { idleExit != nil || most > pool.least }

    /// Looks at the members, the oldest first.
    mutating func review(_ members: [Member], at now: Duration) -> Review {
        var review = Review()
        var left = members
        var times: [Duration] = []
        func leave(_ member: Member) {
            review.drain.append(member.number)
            left.removeAll { $0.number == member.number }
        }
        for member in members.reversed() {
            guard let since = member.idleSince else { continue }
            if let idleExit {
                if since + idleExit <= now {
                    leave(member)
                    isAsleep = true
                    continue
                }
                times.append(since + idleExit)
            }
            guard left.count > pool.least else { continue }
            if since + pool.idle <= now || member.number == spare {
                leave(member)
            } else {
                times.append(since + pool.idle)
            }
        }
        if let time = lookForSurplus(left, at: now) { times.append(time) }
        if !review.drain.isEmpty { wanted = left.count }
        review.next = times.min()
        return review
    }

    /// Names the spare once the pool could have done without one member for long enough.
    private mutating func lookForSurplus(_ members: [Member], at now: Duration) -> Duration? {
        let load = members.reduce(0) { $0 + $1.load }
        let room = members.dropLast().reduce(0) { $0 + $1.capacity }
        guard members.count > max(1, pool.least), load <= room, let youngest = members.last else {
            surplusSince = nil
            spare = nil
            return nil
        }
        let since = surplusSince ?? now
        surplusSince = since
        guard since + pool.idle <= now else { return since + pool.idle }
        spare = youngest.number
        return now + pool.idle
    }
}
