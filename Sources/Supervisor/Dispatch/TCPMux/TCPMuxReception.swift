internal import LinuxSystem
internal import SystemPackage

/// Takes the line off a connection that names its service, and nothing behind it.
final class TCPMuxReception {
    enum Outcome: Equatable {
        case name(String)
        case help
        case malformed(String)
        /// Not a whole line in time.
        case late
        /// The client has gone before it.
        case ended
        /// The kernel has no memory for it.
        case failed(Errno)
    }

    private let connection: DescriptorBox
    private let runtime: Runtime
    private let first: FirstBytes
    private let done: (Outcome, _ drained: [UInt8]) -> Void
    /// Bytes that stand before those in the socket.
    private var drained: [UInt8]

    /// - Parameters:
    ///   - connection: Stays the caller's.
    ///   - done: Called once, possibly from within `start`, with what is left of the drained bytes; not after `cancel`.
    init(
        _ connection: DescriptorBox, _ origin: ConnectionOrigin, runtime: Runtime,
        done: @escaping (Outcome, _ drained: [UInt8]) -> Void
    ) {
        self.connection = connection
        self.runtime = runtime
        self.done = done
        drained = origin.drained
        var hear: (FirstBytes.News) -> Void = { _ in }
        first = FirstBytes(
            connection, behind: origin.drained, most: max(TCPMuxLine.longest, origin.drained.count + 1),
            loop: runtime.loop
        ) { hear($0) }
        hear = { [unowned self] in take($0) }
    }

    /// When the whole line is to be there.
    var due: Duration? { first.due }

    func start(until due: Duration) {
        first.start(until: due)
    }

    func cancel() {
        first.stop()
    }

    private func take(_ news: FirstBytes.News) {
        switch news {
        case .ended: finish(.ended)
        case .failed(let error): finish(.failed(error))
        case .bytes(let bytes, let isAll):
            switch TCPMuxLine(bytes) {
            case .incomplete: if isAll { finishIncomplete() }
            case .malformed(let why): finish(.malformed(why))
            case .name(let name, let length): takeLine(length, .name(name))
            case .help(let length): takeLine(length, .help)
            }
        }
    }

    private func finishIncomplete() {
        guard let socket = connection.borrowed else { return finish(.ended) }
        guard socket.endsReading else { return finish(.late) }
        // A close with unread input would be a reset.
        _ = try? Socket.receive(socket, most: TCPMuxLine.longest)
        finish(.ended)
    }

    /// The line was there a moment ago, and nobody else reads: it comes in one piece.
    private func takeLine(_ length: Int, _ outcome: Outcome) {
        let fromSocket = length - min(length, drained.count)
        drained.removeFirst(length - fromSocket)
        guard fromSocket > 0 else { return finish(outcome) }
        guard let socket = connection.borrowed else { return finish(.ended) }
        var line = [UInt8](repeating: 0, count: fromSocket)
        let room = Socket.isUnix(socket) ? DescriptorPassing.mostDescriptors : 0
        guard let taken = try? DescriptorPassing.receive(into: &line, room: room, on: socket) else {
            return finish(.ended)
        }
        for box in taken.descriptors { runtime.closeForeign(box) }
        guard taken.descriptors.isEmpty else { return finish(.malformed("a name takes no descriptors")) }
        finish(taken.count == fromSocket ? outcome : .ended)
    }

    private func finish(_ outcome: Outcome) {
        first.stop()
        done(outcome, drained)
    }
}
