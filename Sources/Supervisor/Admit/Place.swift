/// A place that an admitted connection has in the limits of its service and of the supervisor.
///
/// It has one owner, the connection's origin, and gives back what it took when that goes.
final class Place {
    private let other: Place?
    private let giveBack: () -> Void

    /// - Parameter other: A place that goes with this one.
    init(with other: Place? = nil, giveBack: @escaping () -> Void) {
        self.other = other
        self.giveBack = giveBack
    }

    deinit {
        giveBack()
    }
}
