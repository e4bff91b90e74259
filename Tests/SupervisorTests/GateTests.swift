import ControlProtocol
import Testing

@testable import Supervisor

/// Whether a service may accept, and what all services hold together.
@Suite struct GateTests {
    @Test("both must be open, the smaller room counts, and the first reason to be shut is told")
    func both() {
        #expect(Gate.open(3).and(.open(5)) == .open(3))
        #expect(Gate.open(3).and(.shut(.rate, until: .seconds(1))) == .shut(.rate, until: .seconds(1)))
        let full = Gate.shut(.instances, until: nil)
        #expect(full.and(.shut(.rate, until: .seconds(1))) == full, "its end is told, so no time is waited for")
        #expect(Gate(0, else: .global) == .shut(.global, until: nil))
        #expect(Gate(1, else: .global).room == 1 && full.room == 0)
    }

    @Test("a place is given back once, when its last owner lets it go, and then all who wait are told, once")
    func occupancy() throws {
        let loop = try EventLoop()
        let occupancy = Occupancy(loop: loop)
        occupancy.limit = 2
        var first: Place? = occupancy.take()
        var copy = first
        var second: Place? = occupancy.take(beside: occupancy.take())
        #expect(occupancy.taken == 3 && occupancy.room == 0)
        var told = 0
        occupancy.wait { told += 1 }
        occupancy.wait { told += 1 }
        first = nil
        #expect(occupancy.taken == 3, "somebody still has it")
        _ = first
        copy = nil
        _ = copy
        second = nil
        _ = second
        #expect(occupancy.taken == 0 && occupancy.room == 2)
        #expect(told == 0, "not in the middle of what gave it back")
        loop.afterThisRound { loop.stop() }
        try loop.run()
        #expect(told == 2)
    }

    @Test("as many are told in a round as there is room for, and the next ones when these have left it")
    func occupancyInTurn() throws {
        let loop = try EventLoop()
        let occupancy = Occupancy(loop: loop)
        occupancy.limit = 1
        var taken: Place? = occupancy.take()
        var told: [Int] = []
        var second: Place?
        occupancy.wait { told.append(0) }  // nobody waits there any more
        occupancy.wait {
            told.append(1)
            second = occupancy.take()
        }
        occupancy.wait { told.append(2) }
        taken = nil
        _ = taken
        var rounds: [[Int]] = []
        func look() {
            rounds.append(told)
            if rounds.count < 5 { loop.afterThisRound(look) } else { loop.stop() }
        }
        loop.afterThisRound(look)
        try loop.run()
        #expect(rounds == [[0], [0, 1], [0, 1], [0, 1], [0, 1]])
        second = nil
        _ = second
        loop.afterThisRound { loop.stop() }
        try loop.run()
        #expect(told == [0, 1, 2])
    }

    @Test("who waits again, though there is room, is not told again before more is given back")
    func occupancyWithoutUse() throws {
        let loop = try EventLoop()
        let occupancy = Occupancy(loop: loop)
        occupancy.limit = 1
        var taken: Place? = occupancy.take()
        var told = 0
        func again() {
            told += 1
            occupancy.wait(again)
        }
        occupancy.wait(again)
        taken = nil
        _ = taken
        var rounds = 0
        func look() {
            rounds += 1
            if rounds < 10 { loop.afterThisRound(look) } else { loop.stop() }
        }
        loop.afterThisRound(look)
        try loop.run()
        #expect(told == 1, "else the loop would never wait")
    }
}
