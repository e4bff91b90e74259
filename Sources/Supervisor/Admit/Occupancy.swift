internal import DequeModule

/// What all services together have running: `limits.instances`.
///
/// Services that wait for room there are told when some is given back, in the order in which they came, as many in a
/// round as there is room for: then each looks for itself. The next ones are told once these have had a round to take
/// it, so that a place costs the same however many wait.
final class Occupancy {
    private let loop: EventLoop
    private var waiting: Deque<() -> Void> = []
    /// Those of them that waited already when room was last given back.
    private var untold = 0
    private var isTelling = false
    /// Nil is unlimited.
    var limit: Int? {
        didSet { if limit != oldValue { tell() } }
    }
    private(set) var taken = 0

    init(loop: EventLoop) {
        self.loop = loop
    }

    var room: Int { Room.left(of: limit, taken: taken) }

    /// Takes a place, which is given back when the last reference to it goes.
    ///
    /// - Parameter other: A place that is kept as long.
    func take(beside other: Place? = nil) -> Place {
        taken += 1
        return Place(.instance, of: self, with: other)
    }

    /// Calls `again` once, when there may be room.
    func wait(_ again: @escaping () -> Void) {
        waiting.append(again)
    }

    private func tell() {
        untold = waiting.count
        tellNext()
    }

    private func tellNext() {
        guard untold > 0, room > 0, !isTelling else { return }
        isTelling = true
        loop.afterThisRound { [self] in
            isTelling = false
            let told = (0..<min(room, untold)).compactMap { _ in waiting.popFirst() }
            untold -= told.count
            for again in told { again() }
            tellNext()
        }
    }
}

extension Occupancy: PlaceOwner {
    func takeBack(_ kind: Place.Kind) {
        taken -= 1
        tell()
    }
}
