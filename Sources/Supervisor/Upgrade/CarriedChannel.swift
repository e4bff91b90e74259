internal import DequeModule
internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

// A channel goes on with the same socket, and with what has come of a message or has not gone out yet.

extension Channel {
    var saved: SavedChannel {
        SavedChannel(
            descriptor: SavedDescriptor(socket.borrowed), takesDescriptors: takesDescriptors,
            unsent: unsent.map { SavedBytes(bytes: $0) }, waitsForRoom: waitsForRoom, waitsForMemory: retry != nil,
            hasEnded: ended, isIllegible: isIllegible, stream: framer.map { SavedChannel.Stream($0.content) },
            lifeline: lifeline.map { [$0.connection.saved] } ?? [])
    }

    /// Somebody has to `adopt` it before the loop turns.
    convenience init(_ saved: SavedChannel, runtime: Runtime) throws(Errno) {
        try self.init(
            saved.descriptor.adopt(), saved.stream == nil ? .packets : .stream,
            takesDescriptors: saved.takesDescriptors, runtime: runtime)
        if let stream = saved.stream { framer = MessageFramer(stream.content) }
        unsent = Deque(saved.unsent.map(\.bytes))
        waitsForRoom = saved.waitsForRoom
        ended = saved.hasEnded
        isIllegible = saved.isIllegible
        if let connection = saved.lifeline.first {
            hang(on: try Channel(connection, runtime: runtime))
        }
        if ended, let registration { runtime.loop.change(registration, to: []) }
        updateInterest()
        if saved.waitsForMemory { tryLater() }
    }
}

extension SavedChannel.Stream {
    fileprivate init(_ content: MessageFramer<DescriptorBox>.Content) {
        bytes = content.bytes
        arrived = content.arrived.map { if case .one(let box) = $0 { box.saved } else { nil } }
        last = content.last.rawValue
        isCutShort = content.isCutShort
    }

    fileprivate var content: MessageFramer<DescriptorBox>.Content {
        MessageFramer.Content(
            bytes: bytes, arrived: arrived.map { $0.map { .one($0.adoptBox()) } ?? .dropped },
            last: MessageType(rawValue: last) ?? .register, isCutShort: isCutShort)
    }
}
