/// Bytes that handlers have read of connections that they passed on, and that lie here until the next has them: what
/// all of them together may take.
final class DrainedBudget {
    /// 512 of the longest.
    static let most = 32 * 1024 * 1024

    private var taken = 0

    /// A place for so many bytes, given back when the last reference to it goes; nil when there is no room.
    func take(_ bytes: Int) -> Place? {
        guard taken + bytes <= Self.most else { return nil }
        taken += bytes
        return Place(.drained(bytes: bytes), of: self)
    }
}

extension DrainedBudget: PlaceOwner {
    func takeBack(_ kind: Place.Kind) {
        if case .drained(let bytes) = kind { taken -= bytes }
    }
}
