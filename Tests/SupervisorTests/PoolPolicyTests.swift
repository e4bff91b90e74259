import ServiceTable
import Testing

@testable import Supervisor

@Suite("how many handlers a service keeps")
struct PoolPolicyTests {
    private func elastic(_ least: Int, _ most: Int?, idleExit: Duration? = nil) -> PoolPolicy {
        PoolPolicy(Handoff.Pool(least: least, most: most, idle: .seconds(60)), idleExit: idleExit)
    }

    private func member(_ number: UInt64, _ load: Int, of capacity: Int = 10, idleSince: Int? = nil)
        -> PoolPolicy.Member
    {
        PoolPolicy.Member(
            number: number, load: load, capacity: capacity, idleSince: idleSince.map { .seconds($0) })
    }

    @Test("nobody is wanted before somebody asks; then as many as there are to be")
    func beginning() {
        var fixed = PoolPolicy(Handoff.Pool(3), idleExit: nil)
        #expect(fixed.wanted == 0)
        fixed.served()
        #expect(fixed.wanted == 0, "a registered handler served it")
        fixed.crowded(count: 0, starting: 0)
        #expect(fixed.wanted == 3)
        var none = elastic(0, 4)
        none.wake()
        #expect(none.wanted == 0)
        none.crowded(count: 0, starting: 0)
        #expect(none.wanted == 1)
    }

    @Test("other numbers: what is wanted stays within them, and what is too many is told")
    func otherNumbers() {
        var pool = PoolPolicy(Handoff.Pool(2), idleExit: nil)
        #expect(pool.update(Handoff.Pool(3), idleExit: nil, count: 0) == 0)
        #expect(pool.wanted == 0, "nobody has asked yet")
        pool.wake()
        #expect(pool.update(Handoff.Pool(5), idleExit: nil, count: 3) == 0)
        #expect(pool.wanted == 5)
        #expect(pool.update(Handoff.Pool(1), idleExit: nil, count: 5) == 4)
        #expect(pool.wanted == 1)
        #expect(pool.update(Handoff.Pool(least: 0, most: 4), idleExit: nil, count: 1) == 0)
        #expect(pool.wanted == 1, "it goes when it is idle")
    }

    @Test("one more at a time while all are at capacity, up to max")
    func growth() {
        var pool = elastic(1, 3)
        pool.crowded(count: 0, starting: 0)
        pool.crowded(count: 1, starting: 1)
        #expect(pool.wanted == 1, "the one that starts is waited for")
        pool.crowded(count: 1, starting: 0)
        #expect(pool.wanted == 2)
        pool.crowded(count: 2, starting: 0)
        pool.crowded(count: 3, starting: 0)
        #expect(pool.wanted == 3)
        var endless = elastic(1, nil)
        endless.crowded(count: 0, starting: 0)
        for count in 1...50 { endless.crowded(count: count, starting: 0) }
        #expect(endless.wanted == 51)
    }

    @Test("what ends well is missed with the next connection; what dies at once, unless growth had brought it")
    func ends() {
        var pool = elastic(2, 8)
        pool.wake()
        pool.lapsed()
        #expect(pool.wanted == 1)
        pool.served()
        #expect(pool.wanted == 2)
        pool.died(leaving: 1)
        #expect(pool.wanted == 2)
        for count in 2...5 { pool.crowded(count: count, starting: 0) }
        #expect(pool.wanted == 6)
        pool.died(leaving: 4)
        #expect(pool.wanted == 4)
        pool.died(leaving: 0)
        #expect(pool.wanted == 2)
    }

    @Test("those that had nothing to do for idle are drained, the youngest first, min stay")
    func shrinking() {
        var pool = elastic(1, 4)
        let now = Duration.seconds(100)
        var review = pool.review([member(1, 0, idleSince: 10), member(2, 0, idleSince: 20)], at: now)
        #expect(review.drain == [2])
        #expect(pool.wanted == 1)
        review = pool.review([member(1, 0, idleSince: 10), member(2, 3), member(3, 0, idleSince: 50)], at: now)
        #expect(review.drain == [1])
        #expect(review.next == .seconds(110))
        review = pool.review([member(1, 0, idleSince: 10)], at: now)
        #expect(review == PoolPolicy.Review(drain: [], next: nil))
        #expect(!PoolPolicy(Handoff.Pool(4), idleExit: nil).reviews)
    }

    @Test("where the load is spread, the youngest becomes the spare after idle, and goes when it is empty")
    func spare() {
        var pool = elastic(1, 4)
        let spread = [member(1, 4), member(2, 3)]
        #expect(pool.review(spread, at: .seconds(0)).next == .seconds(60))
        #expect(pool.spare == nil)
        #expect(pool.review(spread, at: .seconds(60)).drain.isEmpty)
        #expect(pool.spare == 2)
        let review = pool.review([member(1, 7), member(2, 0, idleSince: 61)], at: .seconds(62))
        #expect(review.drain == [2])
        // It is no spare where the others have no room for all.
        pool = elastic(1, 4)
        _ = pool.review([member(1, 8), member(2, 3)], at: .seconds(0))
        _ = pool.review([member(1, 8), member(2, 3)], at: .seconds(600))
        #expect(pool.spare == nil)
        // And none any more once all were full.
        _ = pool.review(spread, at: .seconds(700))
        _ = pool.review(spread, at: .seconds(760))
        #expect(pool.spare == 2)
        pool.crowded(count: 2, starting: 0)
        #expect(pool.spare == nil)
    }

    @Test("idle_exit goes for all; they come back one by one, and all of them once that many are needed")
    func idleExit() {
        var pool = PoolPolicy(Handoff.Pool(3), idleExit: .seconds(30))
        pool.wake()
        #expect(pool.reviews)
        let members = [member(1, 0, idleSince: 10), member(2, 0, idleSince: 10), member(3, 1)]
        var review = pool.review(members, at: .seconds(39))
        #expect(review == PoolPolicy.Review(drain: [], next: .seconds(40)))
        review = pool.review(members, at: .seconds(40))
        #expect(review.drain == [2, 1])
        #expect(pool.wanted == 1)
        pool.served()
        #expect(pool.wanted == 1)
        _ = pool.review([member(3, 0, idleSince: 50)], at: .seconds(80))
        #expect(pool.wanted == 0)
        for count in 0..<3 {
            pool.crowded(count: count, starting: 0)
            #expect(pool.wanted == count + 1)
        }
        pool.lapsed()
        pool.served()
        #expect(pool.wanted == 3)
    }
}
