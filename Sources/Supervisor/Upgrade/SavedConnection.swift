internal import LinuxSystem
internal import ServiceTable

/// A place that a connection has, to be taken again.
struct SavedPlace: Saved {
    /// In its service: what it counts against there, where sources are counted.
    var isInService = false
    var source: SourceKey?
    /// In `limits.instances`.
    var isInstance = false

    mutating func code(with coder: inout FieldCoder) {
        coder.flag(&isInService)
        coder.optional(&source)
        coder.flag(&isInstance)
    }
}

extension SourceKey: Saved {
    init() { self = .nobody }

    mutating func code(with coder: inout FieldCoder) {
        let number =
            switch self {
            case .nobody: 0
            case .block: 1
            case .user: 2
            case .machine: 3
            }
        coder.choice(&self, number: number, of: [.nobody, .block(AddressBlock()), .user(0), .machine(0)])
        switch self {
        case .nobody: break
        case .block(var block):
            coder.flag(&block.isIPv4)
            coder.integer(&block.high)
            coder.integer(&block.low)
            coder.integer(&block.length)
            self = .block(block)
        case .user(var uid):
            coder.integer(&uid)
            self = .user(uid)
        case .machine(var cid):
            coder.integer(&cid)
            self = .machine(cid)
        }
    }
}

struct SavedOrigin: Saved {
    var number: UInt64 = 0
    var peer = SocketAddress.unix(path: "")
    var kind = ConnectionOrigin.Kind.tcp
    var listener = ""
    var accepted = Duration.zero
    var statedLocal: SocketAddress?
    var isTouched = false
    var drained: [UInt8] = []
    var hasDrainedRoom = false
    var passes = 0
    var deliveries = 0
    var place: SavedPlace?
    /// An older program does not say.
    var isShared = true

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&number)
        coder.address(&peer)
        coder.enumeration(&kind)
        coder.text(&listener)
        coder.duration(&accepted)
        coder.optional(&statedLocal)
        coder.flag(&isTouched)
        coder.data(&drained)
        coder.flag(&hasDrainedRoom)
        coder.integer(&passes)
        coder.integer(&deliveries)
        coder.optional(&place)
        coder.since(5) { $0.flag(&isShared) }
    }
}

extension ConnectionOrigin {
    var saved: SavedOrigin {
        SavedOrigin(
            number: number, peer: peer, kind: kind, listener: listener, accepted: accepted, statedLocal: statedLocal,
            isTouched: isTouched, drained: drained, hasDrainedRoom: drainedRoom != nil, passes: passes,
            deliveries: deliveries, place: place?.saved, isShared: isShared)
    }

    /// - Parameter books: Of the service that has the connection, which gives it its place again.
    init(_ saved: SavedOrigin, _ books: Intake) {
        self.init(
            number: saved.number, peer: saved.peer, kind: saved.kind, listener: saved.listener,
            accepted: saved.accepted)
        statedLocal = saved.statedLocal
        isTouched = saved.isTouched
        drained = saved.drained
        drainedRoom = saved.hasDrainedRoom ? books.runtime.drained.take(saved.drained.count) : nil
        passes = saved.passes
        isShared = saved.isShared
        deliveries = saved.deliveries
        place = saved.place.flatMap { books.takeAgain($0) }
    }
}

/// A connection that the supervisor holds.
struct SavedConnection: Saved {
    var descriptor = SavedDescriptor()
    var origin = SavedOrigin()

    init() {}

    /// Nil when it has been let go.
    init?(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        guard let descriptor = connection.saved else { return nil }
        self.descriptor = descriptor
        self.origin = origin.saved
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&descriptor)
        coder.value(&origin)
    }
}

struct SavedBaton: Saved {
    /// Nil when a handler alone has it.
    var descriptor: SavedDescriptor?
    var origin = SavedOrigin()
    var wasSentBefore = false
    var isSuspect = false
    var avoids: UInt64?
    var socket: UInt64?
    var waited = Duration.zero
    var queuedSince: Duration?
    var traffic: SavedTraffic?
    var isBegun = false

    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&descriptor)
        coder.value(&origin)
        coder.flag(&wasSentBefore)
        coder.flag(&isSuspect)
        coder.optional(&avoids)
        coder.optional(&socket)
        coder.duration(&waited)
        coder.optional(&queuedSince)
        coder.optional(&traffic)
        coder.since(2) { $0.flag(&isBegun) }
    }
}

/// `StreamTraffic`.
struct SavedTraffic: Saved {
    var read: Int64 = 0
    var written: Int64 = 0
    var inFlight = 0

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&read)
        coder.integer(&written)
        coder.integer(&inFlight)
    }
}
