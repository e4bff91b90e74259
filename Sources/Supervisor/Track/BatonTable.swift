internal import DequeModule

/// What a handler has, by ids that rise. Most leaves in the order in which it came: that costs less here than in a dictionary,
/// and what stays behind is passed over.
struct BatonTable {
    private struct Place {
        let id: UInt64
        /// Nil when it has left.
        var baton: Baton?
    }

    /// The first has its baton.
    private var places: Deque<Place> = []
    private(set) var count = 0

    /// All, rising.
    var all: [(id: UInt64, baton: Baton)] {
        places.compactMap { place in place.baton.map { (place.id, $0) } }
    }

    subscript(_ id: UInt64) -> Baton? {
        place(of: id).flatMap { places[$0].baton }
    }

    /// - Parameter id: Higher than all that have come before.
    mutating func append(_ baton: Baton, id: UInt64) {
        assert(places.last.map { $0.id < id } ?? true)
        places.append(Place(id: id, baton: baton))
        count += 1
    }

    @discardableResult
    mutating func remove(_ id: UInt64) -> Baton? {
        guard let place = place(of: id), let baton = places[place].baton.take() else { return nil }
        count -= 1
        if place == 0 {
            repeat { places.removeFirst() } while places.first.map { $0.baton == nil } ?? false
        } else if places.count > 2 * count + 16 {
            places.removeAll { $0.baton == nil }
        }
        return baton
    }

    private func place(of id: UInt64) -> Int? {
        if places.first?.id == id { return 0 }
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < places.count && places[low].id == id ? low : nil
    }
}
