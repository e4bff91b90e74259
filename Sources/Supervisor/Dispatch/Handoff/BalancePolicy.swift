internal import ServiceTable

/// What balancing sees of a handler.
struct BalanceCandidate: Equatable {
    /// Rises with each handler; no two have the same.
    var number: UInt64
    /// Its place among the service's handlers; the one that replaces it has the same.
    var slot: Int
    /// Connections with it.
    var load: Int
    var room: HandlerRoom
    /// The pool could do without it: it gets what no other has room for.
    var isSpare = false
}

enum HandlerRoom: Equatable {
    case free
    /// As soon as it has acknowledged what it was sent.
    case soon
    case none
}

/// Which of a service's handlers gets the next connection: pure.
struct BalancePolicy {
    private let kind: Handoff.Balance
    /// The one whose turn it was, in `round_robin`.
    var last: UInt64 = 0

    init(_ kind: Handoff.Balance) {
        self.kind = kind
    }

    /// The place of the handler that gets the next connection; nil when it has to wait.
    ///
    /// - Parameters:
    ///   - source: A number for where the connection comes from; only `source` asks for it.
    ///   - candidate: One of `count`, in the order in which they came.
    mutating func choose(
        source: @autoclosure () -> UInt64, count: Int, candidate: (Int) -> BalanceCandidate
    ) -> Int? {
        switch kind {
        case .leastLoaded: Self.leastLoaded(count, candidate)
        case .roundRobin: next(count, candidate)
        case .source: Self.affine(to: source(), count, candidate)
        }
    }

    /// Of two with the same load the older one, so that what nobody needs falls idle.
    private static func leastLoaded(_ count: Int, _ candidate: (Int) -> BalanceCandidate) -> Int? {
        var best: (index: Int, isSpare: Bool, load: Int)?
        for index in 0..<count {
            let one = candidate(index)
            guard one.room == .free else { continue }
            if let best, (best.isSpare ? 1 : 0, best.load) <= (one.isSpare ? 1 : 0, one.load) { continue }
            best = (index, one.isSpare, one.load)
        }
        return best?.index
    }

    private mutating func next(_ count: Int, _ candidate: (Int) -> BalanceCandidate) -> Int? {
        var best: (index: Int, turn: Turn)?
        for index in 0..<count {
            let one = candidate(index)
            guard one.room == .free else { continue }
            let turn = Turn(isSpare: one.isSpare, isOver: one.number <= last, number: one.number)
            if let best, best.turn < turn { continue }
            best = (index, turn)
        }
        if let best { last = best.turn.number }
        return best?.index
    }

    /// Whose turn is sooner.
    private struct Turn: Comparable {
        let isSpare: Bool
        /// It had its turn in this round.
        let isOver: Bool
        let number: UInt64

        static func < (left: Turn, right: Turn) -> Bool {
            (left.isSpare ? 1 : 0, left.isOver ? 1 : 0, left.number)
                < (right.isSpare ? 1 : 0, right.isOver ? 1 : 0, right.number)
        }
    }

    /// Highest random weight: each source has an order of its own among all slots, so that a handler that
    /// leaves or comes moves its own sources only, and nothing has to be remembered. The next in the order
    /// serves while one is full; one that has yet to acknowledge is waited for.
    private static func affine(
        to source: UInt64, _ count: Int, _ candidate: (Int) -> BalanceCandidate
    ) -> Int? {
        var best: (index: Int, weight: UInt64, room: HandlerRoom)?
        for index in 0..<count {
            let one = candidate(index)
            guard one.room != .none else { continue }
            let weight = SourceHash.mix(source ^ SourceHash.mix(UInt64(truncatingIfNeeded: one.slot) &+ 1))
            if let best, best.weight >= weight { continue }
            best = (index, weight, one.room)
        }
        return best?.room == .free ? best?.index : nil
    }
}
