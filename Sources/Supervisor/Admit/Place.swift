/// Whose places are taken.
protocol PlaceOwner: AnyObject {
    /// What was taken is free again.
    func takeBack(_ kind: Place.Kind)
}

/// A place that an admitted connection has in the limits of its service and of the supervisor.
///
/// It has one owner, the connection's origin, and gives back what it took when that goes.
final class Place {
    private let kind: Kind
    private let other: Place?
    private let owner: any PlaceOwner

    /// What it was taken of.
    enum Kind {
        /// `source`: what it counts as there, where sources are counted.
        case service(source: SourceKey?)
        /// `limits.instances`.
        case instance
        /// The budget of drained bytes.
        case drained(bytes: Int)
    }

    /// - Parameter other: A place that goes with this one.
    init(_ kind: Kind, of owner: any PlaceOwner, with other: Place? = nil) {
        self.kind = kind
        self.other = other
        self.owner = owner
    }

    /// For whoever has to take it again.
    var saved: SavedPlace {
        var saved = other?.saved ?? SavedPlace()
        switch kind {
        case .service(let source): (saved.isInService, saved.source) = (true, source)
        case .instance: saved.isInstance = true
        case .drained: break
        }
        return saved
    }

    deinit {
        owner.takeBack(kind)
    }
}
