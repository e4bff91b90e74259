internal import LinuxSystem
internal import SystemPackage

/// A connection on its way to a handler, with everything that must come back when it does not arrive.
final class Baton {
    let connection: DescriptorBox
    private(set) var origin: ConnectionOrigin
    /// It was sent to a handler before; that handler is gone or could not take it.
    private(set) var wasSentBefore = false
    /// It came back from a handler that died: it goes out alone, so that the guilty one is found.
    var isSuspect = false
    /// Which socket it is (`Socket.cookie`), where handlers may pass it on.
    private(set) var socket: UInt64?
    /// It came with drained bytes.
    private(set) var isBegun: Bool
    /// When a handler got it last.
    private var lastSent: Duration?
    /// Handlers in a row that died soon after they had got it.
    private var deathsSoonAfter = 0
    /// In the roster, while a handler has it.
    var place: Roster.Place?
    /// Time spent in the queue before `queuedSince`.
    private(set) var waited = Duration.zero
    private var queuedSince: Duration?
    /// What had moved on the stream at the first dispatch. Nil where the kernel keeps no count.
    private var traffic: StreamTraffic?

    init(_ connection: DescriptorBox, _ origin: consuming ConnectionOrigin) {
        self.connection = connection
        isBegun = !origin.drained.isEmpty
        self.origin = origin
    }

    /// A handler is about to have it.
    func sent(at now: Duration) {
        wasSentBefore = true
        lastSent = now
        origin.isShared = true
    }

    /// A handler has it now, and its drained bytes with it.
    func acknowledged() {
        origin.drained = []
        origin.drainedRoom = nil
    }

    /// The handler that had it died unasked. Returns how many in a row died within `soon` after they had got it.
    func survivedDeath(at now: Duration, soon: Duration) -> Int {
        deathsSoonAfter = lastSent.map { now - $0 < soon } == true ? deathsSoonAfter + 1 : 0
        return deathsSoonAfter
    }

    /// The handler that gave it to another one of its service.
    var avoids: UInt64? { origin.avoids }

    /// Handlers that it has killed, as far as is known.
    var deliveries: Int {
        get { origin.deliveries }
        set { origin.deliveries = newValue }
    }

    func entersQueue(at now: Duration) {
        queuedSince = now
    }

    func leavesQueue(at now: Duration) {
        if let queuedSince { waited += now - queuedSince }
        queuedSince = nil
    }

    /// When its time in the queue is over.
    func deadline(_ timeout: Duration) -> Duration? {
        queuedSince.map { $0 + timeout - waited }
    }

    /// Before each delivery.
    ///
    /// - Parameter mayBePassed: The handler may give it on: then it is to be known again. So it is where we alone know whose
    ///   it is: the table may allow it later.
    func prepare(mayBePassed: Bool) {
        guard let socket = connection.borrowed else { return }
        if mayBePassed || origin.statedLocal != nil, self.socket == nil { self.socket = Socket.cookie(of: socket) }
        if wasSentBefore {
            Socket.restoreMode(socket)
        } else if origin.kind == .tcp {
            traffic = origin.isTouched ? StreamTraffic(of: socket) ?? .untouched : .untouched
        }
    }

    /// Bytes of its client lie there, which a handler may have looked at, or died of.
    var hasInput: Bool {
        guard let socket = connection.borrowed, let bytes = try? Socket.inputQueue(socket) else { return false }
        return bytes > 0
    }

    /// A handler that has begun to serve it has touched it: nothing could be done without.
    var showsTouch: Bool { traffic != nil && !isBegun }

    /// There is no copy of it here: a handler had it before this program began.
    var isElsewhere: Bool { connection.borrowed == nil }

    /// Whether no handler has read from it or written to it. On sockets that keep no counts, the missing
    /// ACK is the handler's word that it has not.
    var isUntouched: Bool {
        guard let traffic, let socket = connection.borrowed else { return true }
        return traffic.isUnchanged(on: socket)
    }
}

// MARK: - Carried over

extension Baton {
    var saved: SavedBaton {
        SavedBaton(
            descriptor: connection.saved, origin: origin.saved, wasSentBefore: wasSentBefore, isSuspect: isSuspect,
            avoids: avoids, socket: socket, waited: waited, queuedSince: queuedSince,
            traffic: traffic.map { SavedTraffic(read: $0.read, written: $0.written, inFlight: $0.inFlight) },
            isBegun: isBegun)
    }

    convenience init(_ saved: SavedBaton, _ books: Intake) {
        self.init(saved.descriptor?.adoptBox() ?? DescriptorBox(), ConnectionOrigin(saved.origin, books))
        // The bytes themselves are forgotten with the acknowledgement.
        if saved.isBegun { isBegun = true }
        wasSentBefore = saved.wasSentBefore
        isSuspect = saved.isSuspect
        origin.avoids = saved.avoids
        socket = saved.socket
        waited = saved.waited
        queuedSince = saved.queuedSince
        traffic = saved.traffic.map {
            StreamTraffic(read: $0.read, written: $0.written, inFlight: $0.inFlight)
        }
    }
}
