internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// A service at work.
struct SavedService: Saved {
    /// A table with it alone, where the table in force has it not: it finishes what it has.
    var leaving: [UInt8] = []
    var name = ""
    var isStopping = false
    var isLeaving = false
    /// When what is left of a service that stops is ended.
    var endDue: Duration?
    /// Since when a person has paused it.
    var pausedSince: Timestamp?
    var record = SavedRecord()
    /// In the order of its endpoints.
    var listeners: [SavedListener] = []
    var rates = SavedRates()
    /// Connections whose PROXY header has not begun to come.
    var arrivals: [SavedArrival] = []
    /// Refused connections whose clients may be reading why.
    var lingering: [SavedLingering] = []
    var ways = SavedWays()
    /// Those of before a reload, which finish what they have.
    var retired: [SavedWays] = []

    mutating func code(with coder: inout FieldCoder) {
        coder.data(&leaving)
        coder.text(&name)
        coder.flag(&isStopping)
        coder.flag(&isLeaving)
        coder.optional(&endDue)
        coder.optional(&pausedSince)
        coder.value(&record)
        coder.array(&listeners)
        coder.value(&rates)
        coder.array(&arrivals)
        coder.array(&lingering)
        coder.value(&ways)
        coder.array(&retired)
    }
}

/// The ways that connections of a service take (`Dispatcher`), and what is on them.
struct SavedWays: Saved {
    /// A table with the service as it was, where these were retired by a reload.
    var definition: [UInt8] = []
    var standardError: SavedStandardError?
    /// Connections that have not been told all of the banner.
    var banner: [SavedBanner] = []
    var exec: SavedExec?
    var handoff: SavedHandoff?
    var waits: [SavedWait] = []
    /// Of before a reload: they have no listener any more.
    var formerWaits: [SavedWait] = []
    var inside: [SavedInternal] = []
    var characterLine = 0
    var redirect: SavedRedirect?
    /// Connections of `route` or tcpmux.
    var guests: [SavedGuest] = []

    mutating func code(with coder: inout FieldCoder) {
        coder.data(&definition)
        coder.optional(&standardError)
        coder.array(&banner)
        coder.optional(&exec)
        coder.optional(&handoff)
        coder.array(&waits)
        coder.array(&formerWaits)
        coder.array(&inside)
        coder.integer(&characterLine)
        coder.optional(&redirect)
        coder.array(&guests)
    }
}

/// What is counted and remembered of a service.
struct SavedRecord: Saved {
    var counters = ConnectionCounters()
    var timings = Timings()
    var lastFailure: StartFailure?
    var lastCrash: Crash?
    /// The last of each reason.
    var refusals: [Refusal] = []

    struct Refusal: Saved {
        var reason = ""
        var number: UInt64 = 0
        var peer = SocketAddress.unix(path: "")
        var detail: String?
        var time = Timestamp()

        mutating func code(with coder: inout FieldCoder) {
            coder.text(&reason)
            coder.integer(&number)
            coder.address(&peer)
            coder.optional(&detail)
            coder.value(&time)
        }
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&counters)
        coder.value(&timings)
        coder.optional(&lastFailure)
        coder.optional(&lastCrash)
        coder.array(&refusals)
    }
}

extension Crash: Saved {
    init() { self.init(handler: nil, pid: 0, reason: "", connection: nil, peer: nil, time: Timestamp()) }

    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&handler)
        coder.integer(&pid)
        coder.text(&reason)
        coder.optional(&connection)
        coder.optional(&peer)
        coder.value(&time)
    }
}

extension Timings: Saved {
    mutating func code(with coder: inout FieldCoder) {
        coder.value(&handoff)
        coder.value(&queue)
        coder.value(&spawn)
    }
}

extension Histogram: Saved {
    mutating func code(with coder: inout FieldCoder) {
        var buckets = buckets
        var sum = sum
        coder.list(&buckets, blank: (nil, 0)) {
            $1.optional(&$0.bound)
            $1.integer(&$0.count)
        }
        coder.duration(&sum)
        // Sums of them must not overflow.
        guard buckets.allSatisfy({ (0...1 << 40).contains($0.count) }) else { return coder.reject() }
        self = Histogram(buckets, sum: sum)
    }
}

extension ConnectionCounters: Saved {
    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&active)
        coder.integer(&accepted)
        coder.integer(&queued)
        coder.counts(&refused)
        coder.counts(&dropped)
        coder.integer(&spawned)
        coder.integer(&handedOff)
        coder.integer(&requeued)
        coder.integer(&ended)
        coder.integer(&cut)
        coder.integer(&abandoned)
        coder.integer(&lost)
    }
}

extension FieldCoder {
    /// By name, so that a reason may come or go.
    fileprivate mutating func counts<Reason: RawRepresentable<String>>(_ counts: inout ReasonCounts<Reason>) {
        var named = counts.present.map { (name: $0.reason.rawValue, count: $0.count) }
        list(&named, blank: ("", 0)) {
            $1.text(&$0.name)
            $1.integer(&$0.count)
        }
        for (name, count) in named { Reason(rawValue: name).map { counts[$0] = count } }
    }
}

extension StartFailure: Saved {
    init() { self.init(stage: "", error: "", time: Timestamp()) }

    mutating func code(with coder: inout FieldCoder) {
        coder.text(&stage)
        coder.text(&error)
        coder.value(&time)
    }
}

struct SavedListener: Saved {
    /// Nil while it could not be bound.
    var descriptor: SavedDescriptor?
    var lastAddress: SocketAddress?
    /// How often it could not be bound since it last was.
    var failures = 0
    var keeping = ListenerKeeping.nobody
    /// An older program does not say.
    var wasLent = true

    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&descriptor)
        coder.optional(&lastAddress)
        coder.integer(&failures)
        coder.value(&keeping)
        coder.since(5) { $0.flag(&wasLent) }
    }
}

extension ListenerKeeping: Saved {
    init() { self = .nobody }

    mutating func code(with coder: inout FieldCoder) {
        var name: String?
        var isOfUnit = self == .unit
        if case .stored(let stored) = self { name = stored }
        coder.optional(&name)
        coder.flag(&isOfUnit)
        self = isOfUnit ? .unit : name.map { .stored($0) } ?? .nobody
    }
}

struct SavedStandardError: Saved {
    var ours = SavedDescriptor()
    /// Nil when no handler gets it any more.
    var theirs: SavedDescriptor?
    /// Lines that are not complete.
    var lines: [Line] = []
    /// Under which it is kept (`DescriptorKeeper`); 0: it is not.
    var kept: UInt64 = 0

    struct Line: Saved {
        var pid: Int32 = 0
        var bytes: [UInt8] = []

        mutating func code(with coder: inout FieldCoder) {
            coder.integer(&pid)
            coder.data(&bytes)
        }
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&ours)
        coder.optional(&theirs)
        coder.array(&lines)
        coder.since(3) { $0.integer(&kept) }
    }
}

struct SavedArrival: Saved {
    var connection = SavedConnection()
    /// When the header is to be complete.
    var due = Duration.zero

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&connection)
        coder.duration(&due)
    }
}

struct SavedBanner: Saved {
    var connection = SavedConnection()
    var rest: [UInt8] = []
    var due = Duration.zero

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&connection)
        coder.data(&rest)
        coder.duration(&due)
    }
}

struct SavedLingering: Saved {
    var number: UInt64 = 0
    var descriptor = SavedDescriptor()
    /// Bytes that its client may still send.
    var left = 0
    var due = Duration.zero

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&number)
        coder.value(&descriptor)
        coder.integer(&left)
        coder.duration(&due)
    }
}

/// A connection that looks for its service.
struct SavedGuest: Saved {
    var connection = SavedConnection()
    /// It is counted as refused, and its client may be reading why.
    var isRefused = false
    /// It was greeted in its protocol before it had said a word.
    var isGreeted = false
    /// When what is known of it has to do; nil is never.
    var due: Duration?
    /// What it is being told.
    var answer: SavedProgress?

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&connection)
        coder.flag(&isRefused)
        coder.flag(&isGreeted)
        coder.optional(&due)
        coder.optional(&answer)
    }
}
