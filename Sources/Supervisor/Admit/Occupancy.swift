/// What all services together have running: `limits.instances`.
///
/// Services that wait for room there are told when some is given back, all of them, after the round in which it
/// happened: then each looks for itself.
final class Occupancy {
    private let loop: EventLoop
    private var waiting: [() -> Void] = []
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
        return Place(.instance, with: other) { [self] in
            taken -= 1
            tell()
        }
    }

    /// Calls `again` once, when there may be room.
    func wait(_ again: @escaping () -> Void) {
        waiting.append(again)
    }

    private func tell() {
        guard !waiting.isEmpty, !isTelling else { return }
        isTelling = true
        loop.afterThisRound { [self] in
            isTelling = false
            let told = waiting
            waiting = []
            for again in told { again() }
        }
    }
}
