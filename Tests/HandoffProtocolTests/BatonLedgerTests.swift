import HandoffProtocol
import Testing

@Suite struct BatonLedgerTests {
    private func ledger(sent count: UInt64, traits: HandlerTraits = []) -> BatonLedger {
        var ledger = BatonLedger(traits: traits)
        for _ in 0..<count { ledger.sent() }
        return ledger
    }

    @Test("Ids rise by one from 1")
    func ids() {
        var ledger = BatonLedger()
        #expect(ledger.nextID == 1)
        #expect((0..<3).map { _ in ledger.sent() } == [1, 2, 3])
        #expect(ledger.nextID == 4)
        #expect(ledger.unacknowledgedCount == 3 && ledger.heldCount == 0)
    }

    @Test("An ACK is cumulative and hands over in the order of sending")
    func acknowledge() throws {
        var ledger = ledger(sent: 4)
        #expect(try ledger.acknowledged(upTo: 3) == [1, 2, 3])
        #expect(ledger.unacknowledgedCount == 1 && ledger.heldCount == 3 && ledger.count == 4)
        #expect(try ledger.acknowledged(upTo: 4) == [4])
    }

    @Test("An ACK that goes back or says the same again is ignored")
    func staleAcknowledge() throws {
        var ledger = ledger(sent: 3)
        _ = try ledger.acknowledged(upTo: 2)
        for id: UInt64 in [0, 1, 2] { #expect(try ledger.acknowledged(upTo: id) == []) }
        #expect(ledger.unacknowledgedCount == 1 && ledger.heldCount == 2)
    }

    @Test("ACK, DONE and NACK of what was not sent are errors and change nothing", arguments: [4, 5, .max] as [UInt64])
    func notSent(id: UInt64) {
        var ledger = ledger(sent: 3)
        #expect(throws: ProtocolError.notSent(.acknowledge, id: id)) { try ledger.acknowledged(upTo: id) }
        #expect(throws: ProtocolError.notSent(.done, id: id)) { try ledger.done([1, id]) }
        #expect(throws: ProtocolError.notSent(.negative, id: id)) { try ledger.negative(id) }
        #expect(ledger.gone().unacknowledged == [1, 2, 3])
    }

    @Test("Id 0 is no baton's")
    func zero() {
        var ledger = ledger(sent: 1)
        #expect(throws: ProtocolError.notSent(.done, id: 0)) { try ledger.done([0]) }
        #expect(throws: ProtocolError.notSent(.negative, id: 0)) { try ledger.negative(0) }
    }

    @Test("A NACK returns one baton; the ACK after it takes the others")
    func negative() throws {
        var ledger = ledger(sent: 4)
        try ledger.negative(2)
        #expect(try ledger.acknowledged(upTo: 3) == [1, 3])
        #expect(ledger.gone().unacknowledged == [4])
    }

    @Test("NACK of an acknowledged, done or already returned baton is an error")
    func lateNegative() throws {
        var ledger = ledger(sent: 4)
        _ = try ledger.acknowledged(upTo: 1)
        _ = try ledger.done([3])
        try ledger.negative(4)
        for id: UInt64 in [1, 3, 4] {
            #expect(throws: ProtocolError.negativeAfterAcknowledge(id: id)) { try ledger.negative(id) }
        }
        #expect(ledger.unacknowledgedCount == 1 && ledger.heldCount == 1)
    }

    @Test("DONE ends what is held, and acknowledges what is not, itself alone")
    func done() throws {
        var ledger = ledger(sent: 4)
        _ = try ledger.acknowledged(upTo: 1)
        #expect(try ledger.done([3, 1]) == [3])
        #expect(ledger.unacknowledgedCount == 2 && ledger.heldCount == 0)
        #expect(try ledger.acknowledged(upTo: 4) == [2, 4])
    }

    @Test("DONE of what is done, or was returned, is an error that changes nothing")
    func doneTwice() throws {
        var ledger = ledger(sent: 4)
        _ = try ledger.acknowledged(upTo: 2)
        try ledger.negative(3)
        _ = try ledger.done([1])
        for ids: [UInt64] in [[1], [3], [2, 1], [2, 2], [4, 2, 4], [2, 4, 9]] {
            #expect(throws: ProtocolError.self) { try ledger.done(ids) }
            #expect(ledger.unacknowledgedCount == 1 && ledger.heldCount == 1 && ledger.count == 2)
        }
        let remains = ledger.gone()
        #expect(remains.held == [2] && remains.unacknowledged == [4])
    }

    @Test("Without DONE (trait 2) a connection counts only until ACK")
    func withoutDone() throws {
        var ledger = ledger(sent: 3, traits: .sendsNoDone)
        #expect(try ledger.acknowledged(upTo: 2) == [1, 2])
        #expect(ledger.count == 1)
        #expect(throws: ProtocolError.alreadyDone(id: 1)) { try ledger.done([1]) }
        let remains = ledger.gone()
        #expect(remains.held == [] && remains.unacknowledged == [3])
    }

    @Test("When the handler is gone, everything is accounted for in order, once")
    func gone() throws {
        var ledger = ledger(sent: 9)
        _ = try ledger.acknowledged(upTo: 4)
        _ = try ledger.done([2, 6])
        let remains = ledger.gone()
        #expect(remains.held == [1, 3, 4])
        #expect(remains.unacknowledged == [5, 7, 8, 9])
        #expect(ledger.count == 0)
        #expect(ledger.gone().unacknowledged == [])
    }

    @Test("Against a plain model, whatever the handler says, each connection is in exactly one place")
    func model() throws {
        var random = SplitMix(state: 42)
        for _ in 0..<200 {
            var ledger = BatonLedger()
            var out: Set<UInt64> = []
            for _ in 0..<100 {
                let id = random.next() % (ledger.nextID + 2)
                switch random.next() % 4 {
                case 0: out.insert(ledger.sent())
                case 1: for id in (try? ledger.acknowledged(upTo: id)) ?? [] { #expect(out.contains(id)) }
                case 2: if (try? ledger.negative(id)) != nil { #expect(out.remove(id) != nil) }
                default:
                    let ids = [id, random.next() % (id + 1)]
                    guard (try? ledger.done(ids)) != nil else { break }
                    for id in ids { #expect(out.remove(id) != nil) }
                }
                #expect(ledger.count == out.count)
            }
            let remains = ledger.gone()
            #expect(Set(remains.held + remains.unacknowledged) == out)
            #expect(remains.unacknowledged == remains.unacknowledged.sorted())
        }
    }
}

/// PASS: a connection between two owners.
@Suite("a ledger and PASS")
struct PassingLedgerTests {
    private func ledger(_ traits: HandlerTraits = [], sent: Int = 2) -> BatonLedger {
        var ledger = BatonLedger(traits: traits)
        for _ in 1...sent { ledger.sent() }
        return ledger
    }

    @Test("what is being passed can be neither ended nor passed again, and counts until it is answered")
    func passing() throws {
        var ledger = ledger()
        _ = try ledger.acknowledged(upTo: 1)
        #expect(try ledger.pass(1) == .held)
        #expect(ledger.count == 2)
        #expect(throws: ProtocolError.notHeld(id: 1)) { try ledger.pass(1) }
        #expect(throws: ProtocolError.alreadyDone(id: 1)) { try ledger.done([1]) }
        ledger.passed(1)
        #expect(ledger.count == 1)
        #expect(throws: ProtocolError.notHeld(id: 1)) { try ledger.pass(1) }
    }

    @Test("what was refused is held as before")
    func refused() throws {
        var ledger = ledger()
        #expect(try ledger.pass(2) == .unacknowledged)
        let isHeld = ledger.kept(2)
        #expect(isHeld)
        #expect(try ledger.done([2]) == [])
        #expect(ledger.count == 1)
    }

    @Test("PASS of what was not sent is an error")
    func notSent() {
        var ledger = ledger()
        #expect(throws: ProtocolError.notSent(.pass, id: 3)) { try ledger.pass(3) }
        #expect(throws: ProtocolError.notSent(.pass, id: 0)) { try ledger.pass(0) }
    }

    @Test("of a handler that goes, what was being passed is nobody's to give to another")
    func gone() throws {
        var ledger = ledger()
        _ = try ledger.pass(1)
        let remains = ledger.gone()
        #expect(remains.unacknowledged == [2] && remains.held.isEmpty)
    }

    @Test("a handler without DONE may pass what its ACK has ended for us")
    func withoutDone() throws {
        var ledger = ledger(.sendsNoDone)
        _ = try ledger.acknowledged(upTo: 1)
        #expect(try ledger.pass(1) == .nowhere)
        #expect(try ledger.pass(2) == .unacknowledged)
        let isHeld = ledger.kept(2)
        #expect(!isHeld && ledger.count == 0)
    }
}

extension BatonLedger {
    fileprivate mutating func acknowledged(upTo id: UInt64) throws(ProtocolError) -> [UInt64] {
        try acknowledge(upTo: id)
        var ids: [UInt64] = []
        while let id = nextAcknowledged() { ids.append(id) }
        return ids
    }
}
