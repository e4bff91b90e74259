internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// All that a monitor knows, for the program that takes over from it.
struct MonitorState: Saved {
    var began = Duration.zero
    var started = Timestamp()
    var options = SavedOptions()
    var readyDescriptor: Int32?
    /// In force.
    var table: [UInt8] = []
    var softOpenFiles: UInt64 = 0
    var hardOpenFiles: UInt64 = 0
    var files = SavedFiles()
    /// The sockets there: for clients, for registration, and NOTIFY_SOCKET.
    var control = SavedDescriptor()
    var register = SavedDescriptor()
    var registerStream = SavedDescriptor()
    var notify = SavedDescriptor()
    var notifyPath: String?
    var manager = SavedManager()
    /// The two ends of what the worker tells the service manager.
    var relay: [SavedDescriptor] = []
    var worker = SavedWorker()
    var listeners: [SavedHeld] = []
    var kept: [SavedKept] = []
    /// `PermitBook`, and `Roster`.
    var permits = SavedDescriptor()
    var roster = SavedDescriptor()
    /// Processes whose end the worker is told of.
    var followed: [Int32] = []
    var restarts = 0
    var lastEnd: String?

    mutating func code(with coder: inout FieldCoder) {
        coder.duration(&began)
        coder.value(&started)
        coder.value(&options)
        coder.optional(&readyDescriptor)
        coder.data(&table)
        coder.integer(&softOpenFiles)
        coder.integer(&hardOpenFiles)
        coder.value(&files)
        coder.value(&control)
        coder.value(&register)
        coder.value(&registerStream)
        coder.value(&notify)
        coder.optional(&notifyPath)
        coder.value(&manager)
        coder.array(&relay)
        coder.value(&worker)
        coder.array(&listeners)
        coder.array(&kept)
        coder.value(&permits)
        coder.value(&roster)
        coder.array(&followed)
        coder.integer(&restarts)
        coder.optional(&lastEnd)
    }
}

/// `ManagerEnvironment`, as far as it counts after the start.
struct SavedManager: Saved {
    var address: SocketAddress?
    var watchdog: Duration?
    var storeLimit: Int?

    mutating func code(with coder: inout FieldCoder) {
        coder.optional(&address)
        coder.optional(&watchdog)
        coder.optional(&storeLimit)
    }
}

/// A worker that goes on under another monitor's program.
struct SavedWorker: Saved {
    var pid: Int32 = 0
    var started = Duration.zero
    var requests = SavedDescriptor()
    var news = SavedDescriptor()
    /// Of its messages.
    var version = SupervisorState.version

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&pid)
        coder.duration(&started)
        coder.value(&requests)
        coder.value(&news)
        // Before it was told, the worker was the program of whoever wrote this.
        if coder.version < 4 { version = coder.version } else { coder.integer(&version) }
    }
}

/// A listener in the monitor's keeping.
struct SavedHeld: Saved {
    var socket = SavedDescriptor()
    var endpoint = Endpoint.blank
    var keeping = ListenerKeeping.nobody

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&socket)
        coder.endpoint(&endpoint)
        coder.value(&keeping)
    }
}

/// What goes with a handler, in the monitor's keeping.
struct SavedKept: Saved {
    var number: UInt64 = 0
    var descriptors: [SavedDescriptor] = []

    mutating func code(with coder: inout FieldCoder) {
        coder.integer(&number)
        coder.array(&descriptors)
    }
}
