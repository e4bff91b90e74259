import ServiceTable
import Testing

@testable import Supervisor

@Suite("which handler gets a connection")
struct BalancePolicyTests {
    private func candidates(_ loads: [Int], _ rooms: [HandlerRoom]? = nil) -> [BalanceCandidate] {
        loads.enumerated().map { index, load in
            BalanceCandidate(
                number: UInt64(10 + index), slot: index, load: load, room: rooms?[index] ?? .free)
        }
    }

    private func choose(_ policy: inout BalancePolicy, _ candidates: [BalanceCandidate], source: UInt64 = 0) -> Int? {
        policy.choose(source: source, count: candidates.count) { candidates[$0] }
    }

    @Test("least_loaded: the least load that has room, of two the older, the spare one last")
    func leastLoaded() {
        var policy = BalancePolicy(.leastLoaded)
        #expect(choose(&policy, candidates([3, 1, 2])) == 1)
        #expect(choose(&policy, candidates([1, 1])) == 0)
        #expect(choose(&policy, candidates([0, 5, 4], [.none, .free, .free])) == 2)
        #expect(choose(&policy, candidates([0, 1], [.soon, .none])) == nil)
        #expect(choose(&policy, []) == nil)
        var pool = candidates([0, 9])
        pool[0].isSpare = true
        #expect(choose(&policy, pool) == 1)
        pool[1].room = .none
        #expect(choose(&policy, pool) == 0)
    }

    @Test("round_robin: one after the other, whoever comes, goes or is full")
    func roundRobin() {
        var policy = BalancePolicy(.roundRobin)
        let three = candidates([5, 0, 0])
        #expect((0..<6).map { _ in choose(&policy, three) } == [0, 1, 2, 0, 1, 2])
        #expect(choose(&policy, three) == 0)
        #expect(choose(&policy, candidates([0, 0, 0], [.free, .none, .free])) == 2)
        // The one whose turn it is has gone: the next one's.
        #expect(choose(&policy, [three[1], three[2]]) == 0)
        #expect(choose(&policy, [three[0]]) == 0)
        #expect(choose(&policy, [three[0]]) == 0)
    }

    @Test("source: the same handler for the same source, all of them used, and few move when one leaves or comes")
    func source() {
        var policy = BalancePolicy(.source)
        let five = candidates([0, 0, 0, 0, 0])
        let sources = (0..<1000).map { UInt64($0) }
        let before = sources.map { choose(&policy, five, source: $0) }
        #expect(sources.map { choose(&policy, five, source: $0) } == before)
        for index in five.indices { #expect((140...260).contains(before.count { $0 == index })) }
        // Whatever the load.
        #expect(sources.map { choose(&policy, candidates([9, 8, 0, 3, 1]), source: $0) } == before)
        // Slot 4 leaves: its sources move, and no other.
        let four = Array(five.prefix(4))
        let after = sources.map { choose(&policy, four, source: $0) }
        for (old, new) in zip(before, after) where old != 4 { #expect(new == old) }
        // Another process in the same slot has the same sources.
        var renewed = five
        renewed[2].number = 99
        #expect(sources.map { choose(&policy, renewed, source: $0) } == before)
    }

    @Test("source: another serves while the source's own is full; its own is waited for while it acknowledges")
    func sourceOfFullHandler() throws {
        var policy = BalancePolicy(.source)
        let own = try #require(choose(&policy, candidates([0, 0, 0]), source: 7))
        var rooms: [HandlerRoom] = [.free, .free, .free]
        rooms[own] = .none
        let other = try #require(choose(&policy, candidates([1, 1, 1], rooms), source: 7))
        #expect(other != own)
        #expect(choose(&policy, candidates([1, 1, 1], rooms), source: 7) == other)
        rooms[own] = .soon
        #expect(choose(&policy, candidates([1, 1, 1], rooms), source: 7) == nil)
    }
}
