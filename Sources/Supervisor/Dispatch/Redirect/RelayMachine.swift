/// A relay without its sockets: what is to be done next, by what has happened so far. Pure.
///
/// Each way is moved in turns: some bytes are read, and before more are read those are written. So what a relay
/// holds is bounded, and a receiver that does not read makes the kernel slow its sender down. The end of one way is
/// passed on behind its bytes and leaves the other way open. A reset is passed on behind what its side had said.
struct RelayMachine {
    enum Side: Hashable, CaseIterable {
        case client, target
        var other: Side { self == .client ? .target : .client }
    }

    enum Step: Hashable {
        /// Read from this side.
        case receive(Side)
        /// Write to this side what is held for it.
        case send(Side)
        /// This side has got all that there will be: end its reading.
        case finish(Side)
        /// Close both: with a reset when one of them broke off.
        case end(reset: Bool)
    }

    /// What became of a read or a write.
    enum Outcome: Hashable {
        case moved(Int)
        /// Nothing can be moved before the kernel says so.
        case blocked
        /// A read found the end.
        case ended
        /// Reset, timed out: this side is gone.
        case failed
    }

    /// A socket, as far as is known.
    struct End {
        var isReadable = true
        var isWritable = true
        var isBroken = false
    }

    /// Bytes from one side to the other.
    struct Way {
        /// Read and not written yet.
        var held = 0
        var inputEnded = false
        /// Nothing more is to be done.
        var isOver = false
    }

    var client = End()
    var target = End()
    var fromClient = Way()
    var fromTarget = Way()
    var turn = Side.client

    /// - Parameter held: Bytes that go to the target before what the client says.
    init(held: Int = 0) {
        fromClient.held = held
    }

    /// What can be done now; nil until the kernel tells of a change.
    var step: Step? {
        if fromClient.isOver, fromTarget.isOver { return .end(reset: isBroken) }
        return step(from: turn) ?? step(from: turn.other)
    }

    private func step(from source: Side) -> Step? {
        let way = self[wayFrom: source]
        if way.isOver { return nil }
        if way.held > 0 { return self[source.other].isWritable ? .send(source.other) : nil }
        if way.inputEnded { return .finish(source.other) }
        // What cannot be written is not read either: it waits where it costs nothing.
        return self[source].isReadable && self[source.other].isWritable ? .receive(source) : nil
    }

    /// The kernel tells that something may be possible again.
    mutating func becameReady(_ side: Side, readable: Bool, writable: Bool) {
        if readable { self[side].isReadable = true }
        if writable { self[side].isWritable = true }
    }

    mutating func received(from side: Side, _ outcome: Outcome) {
        switch outcome {
        case .moved(let count): self[wayFrom: side].held += count
        case .blocked: self[side].isReadable = false
        case .ended: endInput(of: side)
        case .failed:
            endInput(of: side)
            broke(side)
        }
    }

    mutating func sent(to side: Side, _ outcome: Outcome) {
        switch outcome {
        case .moved(let count):
            self[wayFrom: side.other].held -= count
            settle(side.other)
        case .blocked: self[side].isWritable = false
        case .ended, .failed: broke(side)
        }
        turn = side
    }

    mutating func finished(_ side: Side) {
        self[wayFrom: side.other].isOver = true
    }

    /// This side is gone. What goes to it is over; what it said before still arrives.
    mutating func broke(_ side: Side) {
        self[side].isBroken = true
        // Whatever lay in its queue is read, up to the end or the error.
        self[side].isReadable = true
        self[wayFrom: side.other].held = 0
        self[wayFrom: side.other].isOver = true
        settle(side)
    }

    /// This side has closed both ways, and that it left something unread is no reset. What it said before still arrives.
    mutating func left(_ side: Side) {
        self[side].isReadable = true
        self[wayFrom: side.other].held = 0
        self[wayFrom: side.other].isOver = true
    }

    private mutating func endInput(of side: Side) {
        self[wayFrom: side].inputEnded = true
        settle(side)
    }

    /// The way from a broken side is over with its last byte: a reset follows, and not the end of a stream.
    private mutating func settle(_ side: Side) {
        guard self[side].isBroken, self[wayFrom: side].inputEnded, self[wayFrom: side].held == 0 else { return }
        self[wayFrom: side].isOver = true
    }

    /// A side is gone, and the rest is what it said before.
    var isBroken: Bool { client.isBroken || target.isBroken }

    /// What is held for this side.
    func held(for side: Side) -> Int { self[wayFrom: side.other].held }

    private subscript(side: Side) -> End {
        get { side == .client ? client : target }
        set { if side == .client { client = newValue } else { target = newValue } }
    }

    private subscript(wayFrom side: Side) -> Way {
        get { side == .client ? fromClient : fromTarget }
        set { if side == .client { fromClient = newValue } else { fromTarget = newValue } }
    }
}
