internal import HandoffProtocol

/// What the program has to say to the supervisor and the channel's thread has not said yet. It cannot grow
/// past the connections held: everything but DONE is only ever said in its latest form.
struct Outbox: Sendable {
    var ended: [UInt64] = []
    var capacity: UInt32?
    var status: String?
    var sendsDrain = false
    /// Either side wants no more connections to come.
    var isDraining = false
    /// Connections that have come and not ended.
    var held = 0
    /// The thread has been woken and not looked yet.
    var isAwake = false

    /// The next message, in the order in which they go out.
    var next: HandlerMessage? {
        if !ended.isEmpty { return .done(Array(ended.prefix(Self.idsInMessage))) }
        if let capacity { return .capacity(capacity) }
        if let status { return .status(status) }
        return sendsDrain ? .drain : nil
    }

    /// `message`, which was the next, is sent. What the program has said since stays.
    mutating func remove(_ message: HandlerMessage) {
        switch message {
        case .done(let ids): ended.removeFirst(ids.count)
        case .capacity(let sent): if capacity == sent { capacity = nil }
        case .status(let sent): if status == sent { status = nil }
        case .drain: sendsDrain = false
        default: break
        }
    }

    /// Connections that one DONE names; more make a second message.
    private static let idsInMessage = 512
}
