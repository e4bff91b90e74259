/// A place that an admitted connection has in the limits of its service and of the supervisor.
///
/// It has one owner, the connection's origin, and gives back what it took when that goes.
final class Place {
    private let giveBack: () -> Void

    init(giveBack: @escaping () -> Void) {
        self.giveBack = giveBack
    }

    deinit {
        giveBack()
    }
}
