import Testing

@testable import Supervisor

@Suite("the order of a relay's reads and writes")
struct RelayMachineTests {
    @Test("a side that has left both ways with something unread: what it said arrives, and its end is no reset")
    func left() {
        var machine = RelayMachine(held: 8)
        machine.left(.target)
        #expect(machine.step == .receive(.target))
        machine.received(from: .target, .moved(5))
        #expect(machine.step == .send(.client))
        machine.sent(to: .client, .moved(5))
        #expect(machine.step == .receive(.target))
        machine.received(from: .target, .ended)
        #expect(machine.step == .finish(.client))
        machine.finished(.client)
        #expect(machine.step == .end(reset: false))
    }

    @Test("what was read is written before more is read")
    func inTurns() {
        var machine = RelayMachine()
        #expect(machine.step == .receive(.client))
        machine.received(from: .client, .moved(10))
        #expect(machine.step == .send(.target))
        machine.sent(to: .target, .moved(4))
        machine.received(from: .target, .blocked)
        #expect(machine.step == .send(.target), "the rest of it")
        machine.sent(to: .target, .moved(6))
        #expect(machine.step == .receive(.client))
        machine.received(from: .client, .blocked)
        #expect(machine.step == nil)
        machine.becameReady(.target, readable: true, writable: false)
        #expect(machine.step == .receive(.target))
    }

    @Test("nothing is read for a side that takes nothing")
    func backPressure() {
        var machine = RelayMachine()
        machine.received(from: .target, .blocked)
        machine.received(from: .client, .moved(10))
        machine.sent(to: .target, .blocked)
        #expect(machine.step == nil)
        machine.becameReady(.client, readable: true, writable: true)
        #expect(machine.step == nil, "10 bytes are held, and the target is full")
        machine.becameReady(.target, readable: false, writable: true)
        #expect(machine.step == .send(.target))
    }

    @Test("the end of one way is passed on behind its bytes and leaves the other open")
    func halfClose() {
        var machine = RelayMachine()
        machine.received(from: .client, .moved(3))
        machine.sent(to: .target, .moved(3))
        machine.received(from: .target, .blocked)
        machine.received(from: .client, .ended)
        #expect(machine.step == .finish(.target))
        machine.finished(.target)
        #expect(machine.step == nil, "the target may still speak")
        machine.becameReady(.target, readable: true, writable: true)
        machine.received(from: .target, .moved(5))
        #expect(machine.step == .send(.client))
        machine.sent(to: .client, .moved(5))
        machine.received(from: .target, .ended)
        #expect(machine.step == .finish(.client))
        machine.finished(.client)
        #expect(machine.step == .end(reset: false))
    }

    @Test("a reset arrives behind what its side had said, and as a reset")
    func reset() {
        var machine = RelayMachine()
        machine.received(from: .target, .blocked)
        machine.received(from: .client, .moved(3))
        machine.sent(to: .target, .blocked)
        machine.broke(.client)
        #expect(machine.step == nil, "3 bytes still wait for the target")
        machine.becameReady(.target, readable: false, writable: true)
        #expect(machine.step == .send(.target))
        machine.sent(to: .target, .moved(3))
        #expect(machine.step == .receive(.client), "what lies in its queue")
        machine.received(from: .client, .ended)
        #expect(machine.step == .end(reset: true), "no FIN before")
    }

    @Test("what was held for a side that is gone is dropped")
    func brokenReceiver() {
        var machine = RelayMachine()
        machine.received(from: .client, .moved(3))
        machine.sent(to: .target, .failed)
        #expect(machine.held(for: .target) == 0)
        machine.received(from: .target, .failed)
        #expect(machine.step == .end(reset: true), "whatever the client still says")
    }

    @Test("bytes that go ahead of the client's own are sent before anything is read")
    func header() {
        var machine = RelayMachine(held: 16)
        machine.received(from: .target, .blocked)
        #expect(machine.step == .send(.target))
        machine.sent(to: .target, .moved(16))
        #expect(machine.step == .receive(.client))
    }

    @Test(
        "whatever the sides do, all bytes before an end arrive, no step is repeated in vain, and it ends",
        arguments: 0..<300)
    func anySides(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var world = World(&random)
        var machine = RelayMachine()
        var rounds = 0
        while !world.isOver, rounds < 5000 {
            rounds += 1
            var steps = 0
            while !world.isOver, let step = machine.step {
                steps += 1
                #expect(steps < 2000, "it spins")
                guard steps < 2000 else { return }
                world.take(step, &machine, &random)
            }
            world.change(&machine, &random)
        }
        #expect(world.isOver, "seed \(seed)")
        world.verify(seed)
    }
}

/// Two sides that say something, end it or break off, and take what they are sent when they like.
private struct World {
    struct End {
        var toSay: Int
        var breaksOff: Bool
        var room = 0
        var got = 0
        var said = 0
        var sawEnd = false
        /// EAGAIN was told since it last became ready.
        var toldNothing = false
        var toldFull = false
        /// Bytes on their way to it.
        var pending = 0
        var isBroken = false
    }

    private var ends: [RelayMachine.Side: End] = [:]
    private(set) var isOver = false
    private var wasReset = false
    private let total: [RelayMachine.Side: Int]

    init(_ random: inout SplitMix) {
        for side in [RelayMachine.Side.client, .target] {
            ends[side] = End(
                toSay: Int.random(in: 0...500, using: &random), breaksOff: Int.random(in: 0..<4, using: &random) == 0)
        }
        total = ends.mapValues(\.toSay)
    }

    mutating func take(_ step: RelayMachine.Step, _ machine: inout RelayMachine, _ random: inout SplitMix) {
        switch step {
        case .receive(let side):
            #expect(ends[side]?.toldNothing == false, "read again before it became readable")
            #expect(ends[side.other]?.pending == 0, "read more than one piece")
            guard var end = ends[side] else { return }
            if end.toSay > 0 {
                guard Bool.random(using: &random) else {
                    ends[side]?.toldNothing = true
                    return machine.received(from: side, .blocked)
                }
                let count = Int.random(in: 1...end.toSay, using: &random)
                end.toSay -= count
                end.said += count
                ends[side] = end
                ends[side.other]?.pending = count
                machine.received(from: side, .moved(count))
            } else if end.breaksOff {
                ends[side]?.isBroken = true
                machine.received(from: side, .failed)
                drop(side)
            } else {
                machine.received(from: side, .ended)
            }
        case .send(let side):
            guard let end = ends[side] else { return }
            #expect(!end.toldFull, "written again before it became writable")
            #expect(end.pending == machine.held(for: side))
            if end.breaksOff, end.toSay == 0, Bool.random(using: &random) {
                ends[side]?.isBroken = true
                machine.sent(to: side, .failed)
                return drop(side)
            }
            let count = min(end.room, end.pending)
            guard count > 0 else {
                ends[side]?.toldFull = true
                return machine.sent(to: side, .blocked)
            }
            ends[side]?.room -= count
            ends[side]?.pending -= count
            ends[side]?.got += count
            machine.sent(to: side, .moved(count))
        case .finish(let side):
            #expect(ends[side]?.sawEnd == false)
            #expect(ends[side]?.pending == 0)
            ends[side]?.sawEnd = true
            machine.finished(side)
        case .end(let reset):
            wasReset = reset
            isOver = true
        }
    }

    private mutating func drop(_ side: RelayMachine.Side) {
        ends[side]?.pending = 0
    }

    /// Time passes: the kernel tells what has become possible.
    mutating func change(_ machine: inout RelayMachine, _ random: inout SplitMix) {
        for side in [RelayMachine.Side.client, .target] {
            let readable = Bool.random(using: &random)
            let writable = Bool.random(using: &random)
            if readable { ends[side]?.toldNothing = false }
            if writable {
                ends[side]?.toldFull = false
                ends[side]?.room += Int.random(in: 1...200, using: &random)
            }
            machine.becameReady(side, readable: readable, writable: writable)
        }
    }

    func verify(_ seed: UInt64) {
        let anyBroken = ends.values.contains(where: \.isBroken)
        #expect(wasReset == anyBroken, "seed \(seed)")
        for side in [RelayMachine.Side.client, .target] {
            guard let end = ends[side], let other = ends[side.other] else { continue }
            guard !end.isBroken else { continue }
            #expect(end.got == other.said, "seed \(seed): \(side) got \(end.got) of \(other.said)")
            if other.isBroken {
                #expect(!end.sawEnd, "a reset looked like an end")
            } else {
                #expect(end.got == total[side.other] && end.sawEnd)
            }
        }
    }
}

/// The same numbers on every run.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &+ 1 }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
