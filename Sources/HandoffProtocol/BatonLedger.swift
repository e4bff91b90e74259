/// Who owns the batons of one channel: the supervisor's side of ACK, NACK and DONE, as a pure value.
///
/// Ids rise by one from 1. A baton is *unacknowledged* from `sent` until ACK, *held* from then until DONE,
/// and no id is remembered after that: one that was sent, and is in neither place, is over. So the memory
/// is that of the batons out there, whatever ids a handler invents. It knows ids, and owns nothing.
package struct BatonLedger: Sendable {
    private let sendsDone: Bool
    /// The id that the next baton will have: a BATON is encoded with it, and `sent` follows once the
    /// kernel has taken the message.
    package private(set) var nextID: UInt64 = 1
    /// The last id that was acknowledged, and with it all before.
    package private(set) var acknowledged: UInt64 = 0
    /// Rising; the supervisor's window keeps it short (`ProtocolLimits.unacknowledged`).
    private var waiting: [UInt64] = [] {
        didSet {
            unacknowledgedCount = waiting.count
            count = unacknowledgedCount + heldCount + passing.count
        }
    }
    private var taken: Set<UInt64> = [] {
        didSet {
            heldCount = taken.count
            count = unacknowledgedCount + heldCount + passing.count
        }
    }
    /// Whose PASS has not been answered: nobody's to end, and given to nobody when the handler goes.
    private var passing: Set<UInt64> = [] {
        didSet { count = unacknowledgedCount + heldCount + passing.count }
    }
    // Asked for with each connection, several times: stored, because who asks for something that is computed copies the
    // whole of it first.
    package private(set) var unacknowledgedCount = 0
    package private(set) var heldCount = 0
    /// Unacknowledged, held and being passed on: what counts against the handler's capacity.
    package private(set) var count = 0

    /// With trait 2 (`sendsNoDone`) a connection counts only until ACK.
    package init(traits: HandlerTraits = []) {
        sendsDone = !traits.contains(.sendsNoDone)
    }

    /// What is in it, to be carried over to another program; nothing may be under way between two handlers.
    package struct Content: Sendable {
        package var sendsDone = true
        package var lastSent: UInt64 = 0
        package var acknowledged: UInt64 = 0
        /// Rising.
        package var waiting: [UInt64] = []
        package var taken: Set<UInt64> = []

        package init() {}
    }

    package var content: Content {
        var content = Content()
        content.sendsDone = sendsDone
        content.lastSent = lastSent
        content.acknowledged = acknowledged
        content.waiting = waiting
        content.taken = taken
        return content
    }

    package init(_ content: Content) {
        sendsDone = content.sendsDone
        nextID = content.lastSent + 1
        acknowledged = content.acknowledged
        waiting = content.waiting
        taken = content.taken
        // No observer runs in an initializer.
        (unacknowledgedCount, heldCount, count) = (waiting.count, taken.count, waiting.count + taken.count)
    }

    private var lastSent: UInt64 { nextID - 1 }

    /// A PASS has not been answered.
    package var isPassing: Bool { !passing.isEmpty }

    package func awaitsAcknowledgement(of id: UInt64) -> Bool { waiting.contains(id) }
    package func holds(_ id: UInt64) -> Bool { taken.contains(id) }

    /// Enters a baton that the kernel has taken for the handler; answers its id.
    @discardableResult
    package mutating func sent() -> UInt64 {
        defer { nextID += 1 }
        waiting.append(nextID)
        return nextID
    }

    /// ACK: `nextAcknowledged` tells whose it was, and has to be asked to the end before anything else is done. One that goes
    /// back is ignored.
    package mutating func acknowledge(upTo id: UInt64) throws(ProtocolError) {
        guard id <= lastSent else { throw .notSent(.acknowledge, id: id) }
        acknowledged = max(acknowledged, id)
    }

    /// The next that is the handler's from now on, in the order of sending. With `sendsNoDone` it is over with this.
    package mutating func nextAcknowledged() -> UInt64? {
        guard let id = waiting.first, id <= acknowledged else { return nil }
        waiting.removeFirst()
        if sendsDone { taken.insert(id) }
        return id
    }

    /// NACK: it comes back.
    package mutating func negative(_ id: UInt64) throws(ProtocolError) {
        guard id >= 1, id <= lastSent else { throw .notSent(.negative, id: id) }
        guard takeBack(id) else { throw .negativeAfterAcknowledge(id: id) }
    }

    /// DONE: they are over. It is taken whole or, when one id is wrong, not at all, so that a bad message cannot make a
    /// connection vanish from the ledger.
    ///
    /// - Returns: Those that ended without an ACK of their own: the DONE acknowledged them.
    package mutating func done(_ ids: [UInt64]) throws(ProtocolError) -> [UInt64] {
        var unacknowledged: [UInt64] = []
        for (index, id) in ids.enumerated() {
            if taken.remove(id) != nil { continue }
            if takeBack(id) {
                unacknowledged.append(id)
                continue
            }
            taken.formUnion(Set(ids[..<index]).subtracting(unacknowledged))
            waiting = (waiting + unacknowledged).sorted()
            throw id >= 1 && id <= lastSent ? .alreadyDone(id: id) : .notSent(.done, id: id)
        }
        return unacknowledged
    }

    /// What a handler that is gone leaves behind.
    package struct Remains: Sendable {
        /// In the order of sending; they go back to the front of the queue.
        package var unacknowledged: [UInt64]
        /// The handler's own when it went; in the order of sending.
        package var held: [UInt64]
    }

    /// The channel is over: empties the ledger.
    package mutating func gone() -> Remains {
        defer { (waiting, taken) = ([], []) }
        return Remains(unacknowledged: waiting, held: taken.sorted())
    }

    // MARK: PASS

    /// Where a connection was that the handler gives on.
    package enum PassedFrom: Sendable {
        /// PASS is its acknowledgement.
        case unacknowledged
        case held
        /// It is over for us, because the handler sends no DONE.
        case nowhere
    }

    /// PASS: takes the connection out of the handler's hands until `passed` or `kept`.
    package mutating func pass(_ id: UInt64) throws(ProtocolError) -> PassedFrom {
        guard id >= 1, id <= lastSent else { throw .notSent(.pass, id: id) }
        if taken.remove(id) != nil {
            passing.insert(id)
            return .held
        }
        if takeBack(id) {
            passing.insert(id)
            return .unacknowledged
        }
        guard !sendsDone, !passing.contains(id) else { throw .notHeld(id: id) }
        return .nowhere
    }

    /// It was taken: it is over here.
    package mutating func passed(_ id: UInt64) {
        passing.remove(id)
    }

    /// It was refused: the handler holds it as before.
    ///
    /// - Returns: Whether it is held until DONE; else it is over here, as after any ACK.
    package mutating func kept(_ id: UInt64) -> Bool {
        guard passing.remove(id) != nil else { return false }
        if sendsDone { taken.insert(id) }
        return sendsDone
    }

    /// Out of those that wait for their ACK, if it is one of them.
    private mutating func takeBack(_ id: UInt64) -> Bool {
        guard let index = waiting.firstIndex(of: id) else { return false }
        waiting.remove(at: index)
        return true
    }
}
