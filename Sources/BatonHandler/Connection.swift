internal import HandoffProtocol
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// One connection: a stream in blocking mode and what is known about it.
///
/// It ends with `end()`, or when nothing refers to it any more: the stream is shut down and closed, and the
/// supervisor is told that the place is free. It may be used from any thread.
public final class Connection: Sendable {
    /// The number of the connection in Baton's log and events.
    public let number: UInt64
    /// The service that it came for.
    public let service: String
    /// The listener that it came in by.
    public let listener: String
    /// Another handler was given it before, and did not take it.
    public let wasRedelivered: Bool
    /// Bytes that were read from the stream before it came. `read` and `readLine` hand them out first.
    public let drained: [UInt8]
    /// A PROXY protocol v2 header with the original addresses; empty when the socket's own are the truth.
    public let proxyHeader: [UInt8]

    let id: UInt64
    let channel: Channel
    private let state: Mutex<State>

    /// The descriptor is closed by the last call that uses it, so that its number cannot be another
    /// connection's under a thread that reads while a second one ends.
    struct State: ~Copyable {
        var descriptor: OwnedDescriptor?
        var users = 0
        var hasEnded = false
        /// Given on, and not answered.
        var isPassing = false
        /// It was ended meanwhile: if it is refused, nobody wants it.
        var endsAfterPass = false
        /// What the socket's ends were, once the program has it itself.
        var ends: Ends?
        /// Bytes that are read before the stream: drained ones, and those behind a line.
        var unread: [UInt8]

        mutating func closeIfUnused() {
            if hasEnded, users == 0 { descriptor = nil }
        }
    }

    struct Ends: Sendable {
        let peer: PeerAddress
        let local: PeerAddress
    }

    init(_ baton: SupervisorMessage.Baton, _ descriptor: consuming OwnedDescriptor, _ channel: Channel) {
        id = baton.id
        number = baton.connection
        service = baton.service
        listener = baton.listener
        wasRedelivered = baton.wasSentBefore
        drained = baton.drained
        proxyHeader = baton.proxyHeader
        self.channel = channel
        state = Mutex(State(descriptor: descriptor, unread: baton.drained))
    }

    deinit {
        end()
    }

    /// The socket, to be used while the connection lives and never to be closed; nil once it has ended or
    /// was taken. What `drained` holds is not in it.
    public var descriptor: Int32? {
        state.withLock { $0.hasEnded ? nil : $0.descriptor?.rawValue }
    }

    /// Takes the socket: the caller closes it. `end()` then only gives the place back. `peer` and `local` go on
    /// to tell what they were.
    public func takeDescriptor() -> Int32? {
        let taken = state.withLock { state -> Int32? in
            guard !state.hasEnded, !state.isPassing, state.users == 0, let descriptor = state.descriptor.take() else {
                return nil
            }
            let (peer, local) = (
                try? Socket.peerAddress(of: descriptor.borrowed), try? Socket.localAddress(of: descriptor.borrowed)
            )
            if let peer, let local { state.ends = Ends(peer: PeerAddress(peer), local: PeerAddress(local)) }
            return descriptor.release()
        }
        return taken
    }

    /// Ends the stream in both directions, closes it and gives its place back; again is nothing.
    ///
    /// The supervisor may hold its copy for a moment, so a close alone would not tell the client.
    public func end() {
        let wasOpen = state.withLock { state in
            guard !state.hasEnded else { return false }
            if state.isPassing {
                state.endsAfterPass = true
                return false
            }
            state.hasEnded = true
            if let descriptor = state.descriptor?.borrowed { Socket.shutdown(descriptor) }
            state.closeIfUnused()
            return true
        }
        if wasOpen { channel.ended(id) }
    }

    /// Lets go of a connection that is not ours: nothing is shut down, and nothing is said.
    func abandon() {
        state.withLock { state in
            state.hasEnded = true
            state.descriptor = nil
        }
    }

    func withState<Result: Sendable, Failure: Error>(
        _ body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> Result {
        try state.withLock(body)
    }

    /// The socket, which stays open until `endUse`.
    func beginUse() throws(HandlerError) -> FileDescriptor {
        let socket = state.withLock { state -> FileDescriptor? in
            guard !state.hasEnded, !state.isPassing, let descriptor = state.descriptor?.borrowed else { return nil }
            state.users += 1
            return descriptor
        }
        guard let socket else { throw .ended }
        return socket
    }

    func endUse() {
        state.withLock { state in
            state.users -= 1
            state.closeIfUnused()
        }
    }

    /// Runs a call on the socket.
    private func withSocket<Result: Sendable>(
        _ name: String, _ call: (FileDescriptor) throws(Errno) -> Result
    ) throws(HandlerError) -> Result {
        let socket = try beginUse()
        defer { endUse() }
        do throws(Errno) {
            return try call(socket)
        } catch {
            throw HandlerError(name, error)
        }
    }

    /// Up to `count` bytes that were read before.
    func takeUnread(upTo count: Int) -> [UInt8] {
        state.withLock { state in
            let stored = Array(state.unread.prefix(count))
            state.unread.removeFirst(stored.count)
            return stored
        }
    }
}

extension Connection {
    /// Reads what is there, and waits until something is: the drained bytes first.
    ///
    /// - Returns: At most `count` bytes; none at the end of the stream.
    public func read(upTo count: Int = 16_384) throws(HandlerError) -> [UInt8] {
        guard count > 0 else { return [] }
        let stored = takeUnread(upTo: count)
        guard stored.isEmpty else { return stored }
        return try withSocket("recv") { socket throws(Errno) in
            var buffer = [UInt8](repeating: 0, count: count)
            let received = try DescriptorPassing.receive(into: &buffer, room: 0, on: socket, blocking: true)
            buffer.removeLast(count - received.count)
            return buffer
        }
    }

    /// Reads a line. What comes behind it is kept for the next call.
    ///
    /// - Parameter limit: The most bytes; a longer line comes in parts.
    /// - Returns: The line with its newline, without it at the end of the stream or at the limit; nil when
    ///   the stream has ended.
    public func readLine(limit: Int = 4096) throws(HandlerError) -> [UInt8]? {
        var line: [UInt8] = []
        while line.count < limit {
            let part = try read(upTo: limit - line.count)
            if part.isEmpty { break }
            if let newline = part.firstIndex(of: 0x0a) {
                line += part[...newline]
                unread(Array(part[(newline + 1)...]))
                return line
            }
            line += part
        }
        return line.isEmpty ? nil : line
    }

    /// Writes all of it, and waits until there is room. A client that is gone raises no signal; it is
    /// EPIPE or ECONNRESET.
    public func write(_ bytes: [UInt8]) throws(HandlerError) {
        try withSocket("send") { socket throws(Errno) in
            var rest = bytes
            while !rest.isEmpty {
                rest.removeFirst(try DescriptorPassing.send(rest, on: socket, blocking: true))
            }
        }
    }

    /// Writes the text as UTF-8.
    public func write(_ text: String) throws(HandlerError) {
        try write(Array(text.utf8))
    }

    /// Where the client is: as the PROXY header says, else as the kernel does.
    public var peer: PeerAddress {
        get throws(HandlerError) {
            if let original = PeerAddress(proxyHeader: proxyHeader, .source) { return original }
            if let ends = state.withLock({ $0.ends }) { return ends.peer }
            return PeerAddress(
                try withSocket("getpeername") { socket throws(Errno) in try Socket.peerAddress(of: socket) })
        }
    }

    /// What the client connected to: as the PROXY header says, else as the kernel does.
    public var local: PeerAddress {
        get throws(HandlerError) {
            if let original = PeerAddress(proxyHeader: proxyHeader, .destination) { return original }
            if let ends = state.withLock({ $0.ends }) { return ends.local }
            return PeerAddress(
                try withSocket("getsockname") { socket throws(Errno) in try Socket.localAddress(of: socket) })
        }
    }
}
