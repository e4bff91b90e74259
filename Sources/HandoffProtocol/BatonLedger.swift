/// Who owns the batons of one channel: the supervisor's side of ACK, NACK and DONE, as a pure value.
///
/// Ids rise by one from 1. A baton is *unacknowledged* from `sent` until ACK, *held* from then until DONE,
/// and no id is remembered after that: one that was sent, and is in neither place, is over. So the memory
/// is that of the batons out there, whatever ids a handler invents. It names connections by their numbers
/// and owns no descriptor.
package struct BatonLedger: Sendable {
    package typealias Connection = UInt64

    private struct Entry: Sendable {
        let id: UInt64
        let connection: Connection
    }

    private let sendsDone: Bool
    private var lastSent: UInt64 = 0
    /// The last id that was acknowledged, and with it all before.
    package private(set) var acknowledged: UInt64 = 0
    /// By rising id; the supervisor's window keeps it short (`ProtocolLimits.unacknowledged`).
    private var waiting: [Entry] = [] {
        didSet { unacknowledgedCount = waiting.count }
    }
    private var taken: [UInt64: Connection] = [:] {
        didSet { heldCount = taken.count }
    }
    /// Whose PASS has not been answered: nobody's to end, and given to nobody when the handler goes.
    private var passing: [UInt64: Connection] = [:] {
        didSet { passingCount = passing.count }
    }
    // Asked for with each connection, several times: numbers, because who asks a collection holds it.
    package private(set) var unacknowledgedCount = 0
    package private(set) var heldCount = 0
    @usableFromInline
    private(set) var passingCount = 0

    /// With trait 2 (`sendsNoDone`) a connection counts only until ACK.
    package init(traits: HandlerTraits = []) {
        sendsDone = !traits.contains(.sendsNoDone)
    }

    /// What is in it, to be carried over to another program; nothing may be under way between two handlers.
    package struct Content: Sendable {
        package var sendsDone = true
        package var lastSent: UInt64 = 0
        package var acknowledged: UInt64 = 0
        /// By rising id.
        package var waiting: [(id: UInt64, connection: Connection)] = []
        package var taken: [(id: UInt64, connection: Connection)] = []

        package init() {}
    }

    package var content: Content {
        var content = Content()
        content.sendsDone = sendsDone
        content.lastSent = lastSent
        content.acknowledged = acknowledged
        content.waiting = waiting.map { ($0.id, $0.connection) }
        content.taken = taken.map { ($0.key, $0.value) }
        return content
    }

    package init(_ content: Content) {
        sendsDone = content.sendsDone
        lastSent = content.lastSent
        acknowledged = content.acknowledged
        waiting = content.waiting.map { Entry(id: $0.id, connection: $0.connection) }
        taken = Dictionary(content.taken.map { ($0.id, $0.connection) }) { $1 }
        // No observer runs in an initializer.
        (unacknowledgedCount, heldCount) = (waiting.count, taken.count)
    }

    /// Unacknowledged, held and being passed on: what counts against the handler's capacity.
    @inlinable
    package var count: Int { unacknowledgedCount + heldCount + passingCount }

    /// The id that the next baton will have: a BATON is encoded with it, and `sent` follows once the
    /// kernel has taken the message.
    package var nextID: UInt64 { lastSent + 1 }

    /// Enters a baton that the kernel has taken for the handler; answers its id.
    @discardableResult
    package mutating func sent(_ connection: Connection) -> UInt64 {
        lastSent += 1
        waiting.append(Entry(id: lastSent, connection: connection))
        return lastSent
    }

    /// ACK: answers the connections that are the handler's from now on, in the order of sending. One that
    /// goes back is ignored. With `sendsNoDone` they are over with this.
    package mutating func acknowledge(upTo id: UInt64) throws(ProtocolError) -> [Connection] {
        guard id <= lastSent else { throw .notSent(.acknowledge, id: id) }
        guard id > acknowledged else { return [] }
        acknowledged = id
        let end = waiting.firstIndex { $0.id > id } ?? waiting.endIndex
        let entries = waiting[..<end]
        if sendsDone {
            for entry in entries { taken[entry.id] = entry.connection }
        }
        let connections = entries.map { $0.connection }
        waiting.removeSubrange(0..<end)
        return connections
    }

    /// NACK: answers the connection that comes back.
    package mutating func negative(_ id: UInt64) throws(ProtocolError) -> Connection {
        guard id >= 1, id <= lastSent else { throw .notSent(.negative, id: id) }
        guard let index = waiting.firstIndex(where: { $0.id == id }) else {
            throw .negativeAfterAcknowledge(id: id)
        }
        return waiting.remove(at: index).connection
    }

    /// What a DONE has changed.
    package struct Completion: Sendable {
        /// Ended without an ACK of their own: the DONE acknowledged them. They are in `ended` too.
        package var acknowledged: [Connection] = []
        package var ended: [Connection] = []
    }

    /// DONE: the connections that are over. It is taken whole or, when one id is wrong, not at all, so that
    /// a bad message cannot make a connection vanish from the ledger.
    package mutating func done(_ ids: [UInt64]) throws(ProtocolError) -> Completion {
        for id in ids {
            guard id >= 1, id <= lastSent else { throw .notSent(.done, id: id) }
            guard isOutstanding(id) else { throw .alreadyDone(id: id) }
        }
        if !zip(ids, ids.dropFirst()).allSatisfy(<) { try requireDistinct(ids) }
        var completion = Completion()
        for id in ids {
            if let connection = taken.removeValue(forKey: id) {
                completion.ended.append(connection)
            } else if let index = waiting.firstIndex(where: { $0.id == id }) {
                let connection = waiting.remove(at: index).connection
                completion.acknowledged.append(connection)
                completion.ended.append(connection)
            }
        }
        return completion
    }

    /// What a handler that is gone leaves behind.
    package struct Remains: Sendable {
        /// In the order of sending; they go back to the front of the queue.
        package var unacknowledged: [Connection]
        /// The handler's own when it went; in the order of sending.
        package var held: [Connection]
    }

    /// The channel is over: empties the ledger.
    package mutating func gone() -> Remains {
        let remains = Remains(
            unacknowledged: waiting.map { $0.connection },
            held: taken.sorted { $0.key < $1.key }.map { $0.value })
        waiting = []
        taken = [:]
        return remains
    }

    // MARK: PASS

    /// A connection that the handler gives on.
    package struct Passing: Sendable {
        package var connection: Connection
        /// PASS was its acknowledgement.
        package var wasUnacknowledged: Bool
    }

    /// PASS: takes the connection out of the handler's hands until `passed` or `kept`.
    ///
    /// - Returns: Nil where it is over for us because the handler sends no DONE.
    package mutating func pass(_ id: UInt64) throws(ProtocolError) -> Passing? {
        guard id >= 1, id <= lastSent else { throw .notSent(.pass, id: id) }
        if let connection = taken.removeValue(forKey: id) {
            passing[id] = connection
            return Passing(connection: connection, wasUnacknowledged: false)
        }
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            let connection = waiting.remove(at: index).connection
            passing[id] = connection
            return Passing(connection: connection, wasUnacknowledged: true)
        }
        guard !sendsDone, passing[id] == nil else { throw .notHeld(id: id) }
        return nil
    }

    /// It was taken: it is over here.
    package mutating func passed(_ id: UInt64) {
        passing[id] = nil
    }

    /// It was refused: the handler holds it as before.
    ///
    /// - Returns: Whether it is held until DONE; else it is over here, as after any ACK.
    package mutating func kept(_ id: UInt64) -> Bool {
        guard let connection = passing.removeValue(forKey: id) else { return false }
        if sendsDone { taken[id] = connection }
        return sendsDone
    }

    private func isOutstanding(_ id: UInt64) -> Bool {
        taken[id] != nil || waiting.contains { $0.id == id }
    }

    private func requireDistinct(_ ids: [UInt64]) throws(ProtocolError) {
        var seen: Set<UInt64> = []
        for id in ids where !seen.insert(id).inserted { throw .alreadyDone(id: id) }
    }
}
