internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable

/// A persistent handler and what is with it.
struct SavedHandler: Saved {
    var number: UInt64 = 0
    var slot = 0
    var pid: Int32 = 0
    var started = Timestamp()
    var kind = HandlerMachine.Kind.supervised
    var machine = HandlerMachine.Content()
    var channel: SavedChannel?
    /// Of one that registered by itself: who it is by the kernel's word, and its pidfd.
    var credentials: SavedCredentials?
    var process: SavedDescriptor?
    /// Of one that Baton started, while it runs.
    var instance: SavedInstance?
    var ledger = SavedLedger()
    var unacknowledged: [SavedBaton] = []
    var held: [SavedBaton] = []
    var traits: UInt16 = 0
    var ownCapacity = 0
    var served = 0
    var restsUntil = Duration.zero
    var suspect: UInt64?
    var suspectSent = Duration.zero
    var channelIsFull = false
    var channelIsBroken = false
    var wasIllegible = false
    var lastProgress = Duration.zero
    var idleSince: Duration?
    var heartbeat: Heartbeat.Content?
    var heartbeatDue: Duration?
    var startDue: Duration?
    var drainDue: Duration?
    var remnantDue: Duration?
    var silentSince: Duration?
    var statusText = ""
    var lastSign = Duration.zero

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&number)
        coder.integer(&slot)
        coder.integer(&pid)
        coder.value(&started)
        coder.enumeration(&kind)
        coder.value(&machine)
        coder.optional(&channel)
        coder.optional(&credentials)
        coder.optional(&process)
        coder.optional(&instance)
        coder.value(&ledger)
        coder.array(&unacknowledged)
        coder.array(&held)
        coder.integer(&traits)
        coder.integer(&ownCapacity)
        coder.integer(&served)
        coder.duration(&restsUntil)
        coder.optional(&suspect)
        coder.duration(&suspectSent)
        coder.flag(&channelIsFull)
        coder.flag(&channelIsBroken)
        coder.flag(&wasIllegible)
        coder.duration(&lastProgress)
        coder.optional(&idleSince)
        coder.optional(&heartbeat)
        coder.optional(&heartbeatDue)
        coder.optional(&startDue)
        coder.optional(&drainDue)
        coder.optional(&remnantDue)
        coder.optional(&silentSince)
        coder.text(&statusText)
        coder.duration(&lastSign)
    }
}

/// `BatonLedger.Content`, and which connection is which.
struct SavedLedger: Saved {
    var sendsDone = true
    var lastSent: UInt64 = 0
    var acknowledged: UInt64 = 0
    /// By rising id.
    var waiting: [(id: UInt64, connection: UInt64)] = []
    var taken: [(id: UInt64, connection: UInt64)] = []

    mutating func code(with coder: inout FieldCoder) {
        coder.flag(&sendsDone)
        coder.integer(&lastSent)
        coder.integer(&acknowledged)
        coder.list(&waiting, blank: (0, 0)) { $1.pair(&$0) }
        coder.list(&taken, blank: (0, 0)) { $1.pair(&$0) }
    }
}

extension SavedLedger {
    /// - Parameter number: Of the connection that has an id.
    init(_ content: BatonLedger.Content, number: (UInt64) -> UInt64) {
        (sendsDone, lastSent, acknowledged) = (content.sendsDone, content.lastSent, content.acknowledged)
        waiting = content.waiting.map { ($0, number($0)) }
        taken = content.taken.map { ($0, number($0)) }
    }

    var content: BatonLedger.Content {
        var content = BatonLedger.Content()
        (content.sendsDone, content.lastSent, content.acknowledged) = (sendsDone, lastSent, acknowledged)
        content.waiting = waiting.map(\.id)
        content.taken = Set(taken.map(\.id))
        return content
    }
}

extension FieldCoder {
    fileprivate mutating func pair(_ pair: inout (id: UInt64, connection: UInt64)) {
        integer(&pair.id)
        integer(&pair.connection)
    }
}

extension Heartbeat {
    /// What it knows, apart from its settings.
    struct Content: Saved {
        var lastPing: UInt64 = 0
        var asked: Duration?

        mutating func code(with coder: inout FieldCoder) {
            coder.integer(&lastPing)
            coder.optional(&asked)
        }
    }
}

extension HandlerMachine {
    /// What it knows of the handler's life so far.
    struct Content: Saved {
        var state = State.starting
        var everRegistered = false
        var processEnded = false
        var channelEnded = false
        var status: ExitStatus?
        var drainAnnounced = false
        var dismissed = false
        var brokeProtocol = false

        mutating func code(with coder: inout FieldCoder) {
            coder.enumeration(&state)
            coder.flag(&everRegistered)
            coder.flag(&processEnded)
            coder.flag(&channelEnded)
            coder.optional(&status)
            coder.flag(&drainAnnounced)
            coder.flag(&dismissed)
            coder.flag(&brokeProtocol)
        }
    }
}

/// `PeerCredentials`.
struct SavedCredentials: Saved {
    var pid: Int32 = 0
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var groups: [UInt32] = []

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&pid)
        coder.integer(&uid)
        coder.integer(&gid)
        coder.list(&groups, blank: 0) { $1.integer(&$0) }
    }
}

extension SavedCredentials {
    init(_ credentials: PeerCredentials) {
        self.init(pid: credentials.pid, uid: credentials.uid, gid: credentials.gid, groups: credentials.groups)
    }
}

extension PeerCredentials {
    init(_ saved: SavedCredentials) {
        self.init(pid: saved.pid, uid: saved.uid, gid: saved.gid, groups: saved.groups)
    }
}

/// A process that has connected to a registration socket and not been heard yet.
struct SavedApplicant: Saved {
    var channel = SavedChannel()
    var credentials = SavedCredentials()
    /// When it is refused.
    var due = Duration.zero

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&channel)
        coder.value(&credentials)
        coder.duration(&due)
    }
}

/// A process of a handler.
struct SavedInstance: Saved {
    var pid: Int32 = 0
    var started = Timestamp()
    var since = Duration.zero
    var wasTerminated = false
    /// When `runtime_limit` or, once it was terminated, the grace is over.
    var due: Duration?
    /// A child of whoever started this supervisor, by which its end is told.
    var isInherited = false

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&pid)
        coder.value(&started)
        coder.duration(&since)
        coder.flag(&wasTerminated)
        coder.optional(&due)
        coder.since(3) { $0.flag(&isInherited) }
    }
}

/// Our end of a handler's channel.
struct SavedChannel: Saved {
    var descriptor = SavedDescriptor()
    var takesDescriptors = false
    var unsent: [SavedBytes] = []
    var waitsForRoom = false
    var waitsForMemory = false
    var hasEnded = false
    var isIllegible = false
    /// Of a stream: what has come of a message.
    var stream: Stream?
    /// Of a datagram channel: the connection on which it was registered; none or one.
    var lifeline: [SavedChannel] = []

    struct Stream: Saved {
        var bytes: [UInt8] = []
        /// Nil is one that the kernel dropped.
        var arrived: [SavedDescriptor?] = []
        var last: UInt16 = MessageType.register.rawValue
        var isCutShort = false

        mutating func code(with coder: inout FieldCoder) {
            coder.data(&bytes)
            coder.list(&arrived, blank: nil) { $1.optional(&$0) }
            coder.integer(&last)
            coder.flag(&isCutShort)
        }
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&descriptor)
        coder.flag(&takesDescriptors)
        coder.array(&unsent)
        coder.flag(&waitsForRoom)
        coder.flag(&waitsForMemory)
        coder.flag(&hasEnded)
        coder.flag(&isIllegible)
        coder.optional(&stream)
        coder.array(&lifeline)
    }
}
