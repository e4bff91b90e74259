internal import HandoffProtocol
internal import SystemPackage

/// What the program has to say to the supervisor and the channel's thread has not said yet. It cannot grow
/// past the connections held: everything but DONE is only ever said in its latest form.
struct Outbox: Sendable {
    var ended: [UInt64] = []
    var capacity: UInt32?
    var status: String?
    var sendsDrain = false
    /// Either side wants no more connections to come.
    var isDraining = false
    /// The program does.
    var drainsByItself = false
    /// Connections to be passed on, in the order of asking.
    private var passes: [Pass] = []
    /// Those that are sent, and who waits for the answer.
    private var unanswered: [UInt64: @Sendable (PassAnswer) -> Void] = [:]
    /// Connections that have come and not ended.
    var held = 0
    /// The thread has been woken and not looked yet.
    var isAwake = false
    /// The channel has ended.
    var isOver = false

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

/// What came of a PASS.
enum PassAnswer: Sendable {
    case taken
    case refused(String)
    /// The channel ended first.
    case none
}

// MARK: - PASS

extension Outbox {
    /// A connection to be passed on. Whoever asks keeps the descriptor open until the answer.
    struct Pass: Sendable {
        let message: HandlerMessage.Pass
        let descriptor: FileDescriptor
        let answer: @Sendable (PassAnswer) -> Void
    }

    /// The supervisor does not read on from a handler that leaves 64 answers unread; nor do we read while we cannot
    /// send. With fewer under way neither waits for the other.
    private static let mostUnanswered = 32

    mutating func append(_ pass: Pass) {
        passes.append(pass)
    }

    /// The next to be sent.
    var nextPass: Pass? { unanswered.count < Self.mostUnanswered ? passes.first : nil }

    /// The next is sent.
    mutating func sentPass() {
        let pass = passes.removeFirst()
        unanswered[pass.message.id] = pass.answer
    }

    /// Who waits for the answer to a PASS; nil when nobody does.
    mutating func answered(_ id: UInt64) -> (@Sendable (PassAnswer) -> Void)? {
        unanswered.removeValue(forKey: id)
    }

    /// Everybody who waits, for no answer will come.
    mutating func abandonPasses() -> [@Sendable (PassAnswer) -> Void] {
        defer { (passes, unanswered) = ([], [:]) }
        return passes.map(\.answer) + unanswered.values
    }

    var isPassing: Bool { !passes.isEmpty || !unanswered.isEmpty }
}
