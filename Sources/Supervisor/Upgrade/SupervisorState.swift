internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// All that a supervisor knows, for the program that takes over from it.
struct SupervisorState: Saved {
    /// Of the fields. A change of them is a new version, and what it adds is coded `since` that one; the last version is
    /// read, too.
    static let version = 5
    static let oldestVersion = 1

    /// Of the program that wrote it.
    var program = ""
    var began = Duration.zero
    var started = Timestamp()
    var runningTime = Duration.zero
    var options = SavedOptions()
    /// The table in force, whatever stands in its file by now (`LoadedTable`).
    var table: [UInt8] = []
    /// RLIMIT_NOFILE as the supervisor found it.
    var softOpenFiles: UInt64 = 0
    var hardOpenFiles: UInt64 = 0
    var lastConnection: UInt64 = 0
    var lastHandler: UInt64 = 0
    var files = SavedFiles()
    /// The control socket, the sockets for registration, and NOTIFY_SOCKET.
    var control = SavedDescriptor()
    var register = SavedDescriptor()
    var registerStream = SavedDescriptor()
    var applicants: [SavedApplicant] = []
    var notifications: SavedDescriptor?
    var notificationsDropped = 0
    /// Lines that the log has not taken yet.
    var log: [SavedBytes] = []
    /// Lines that it never will have, and why; they have to be told of.
    var logDropped = 0
    var whyLogDropped = ""
    /// What mattered lately.
    var events: [SavedEvent] = []
    /// Who has asked for the upgrade.
    var requester: SavedRequester?
    var services: [SavedService] = []
    /// What a worker has of its monitor.
    var desk: SavedDesk?

    mutating func code(with coder: inout FieldCoder) {
        coder.text(&program)
        coder.duration(&began)
        coder.value(&started)
        coder.duration(&runningTime)
        coder.value(&options)
        coder.data(&table)
        coder.integer(&softOpenFiles)
        coder.integer(&hardOpenFiles)
        coder.integer(&lastConnection)
        coder.integer(&lastHandler)
        coder.value(&files)
        coder.value(&control)
        coder.value(&register)
        coder.value(&registerStream)
        coder.optional(&notifications)
        coder.integer(&notificationsDropped)
        coder.array(&log)
        coder.array(&events)
        coder.optional(&requester)
        coder.array(&services)
        coder.since(3) { $0.optional(&desk) }
        coder.since(4) {
            $0.integer(&logDropped)
            $0.text(&whyLogDropped)
        }
        coder.since(5) { $0.array(&applicants) }
    }
}

/// What the supervisor was told when it was started.
struct SavedOptions: Saved {
    /// Of the table; it is no file's where it came on a descriptor.
    var table = ""
    var isFile = true
    var runtimeDirectory: String?
    var logLevel: String?
    var logFormat: String?
    var isStrict = false

    mutating func code(with coder: inout FieldCoder) {
        coder.text(&table)
        coder.flag(&isFile)
        coder.optional(&runtimeDirectory)
        coder.optional(&logLevel)
        coder.optional(&logFormat)
        coder.since(3) { $0.flag(&isStrict) }
    }
}

extension SavedOptions {
    init(_ options: SupervisorOptions) {
        self.init(
            table: options.table.name, isFile: options.table.isFile, runtimeDirectory: options.runtimeDirectory,
            logLevel: options.logLevel?.rawValue, logFormat: options.logFormat?.rawValue, isStrict: options.isStrict)
    }
}

extension SupervisorOptions {
    init(_ saved: SavedOptions) {
        self.init(table: saved.isFile ? .file(saved.table) : .descriptor(-1, name: saved.table))
        runtimeDirectory = saved.runtimeDirectory
        logLevel = saved.logLevel.flatMap { EventLevel(rawValue: $0) }
        logFormat = saved.logFormat.flatMap { LogFormat(rawValue: $0) }
        isStrict = saved.isStrict
    }
}

/// The runtime directory, opened and locked.
struct SavedFiles: Saved {
    var path = ""
    var directory = SavedDescriptor()
    var lock = SavedDescriptor()
    var wasMade = false

    mutating func code(with coder: inout FieldCoder) {
        coder.text(&path)
        coder.value(&directory)
        coder.value(&lock)
        coder.flag(&wasMade)
    }
}

/// A client of the control socket that waits for the answer.
struct SavedRequester: Saved {
    var descriptor = SavedDescriptor()
    /// As JSON; empty where there was none.
    var id: [UInt8] = []

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&descriptor)
        coder.data(&id)
    }
}
