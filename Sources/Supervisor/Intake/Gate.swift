internal import ControlProtocol

/// Whether a service may accept now, and if not, until when its clients stay in the backlog.
enum Gate: Equatable {
    /// For so many connections.
    case open(Int)
    /// `until`: nil until something ends.
    case shut(RefusalReason, until: Duration?)

    var room: Int {
        if case .open(let room) = self { room } else { 0 }
    }

    /// Both must be open; a time is waited for only once the other needs no waiting.
    func and(_ other: @autoclosure () -> Gate) -> Gate {
        guard case .open(let room) = self else { return self }
        switch other() {
        case .open(let more): return .open(min(room, more))
        case .shut(let reason, let until): return .shut(reason, until: until)
        }
    }

    /// Open for `room`, or shut for lack of it.
    init(_ room: Int, else reason: RefusalReason, until: Duration? = nil) {
        self = room > 0 ? .open(room) : .shut(reason, until: until)
    }
}
