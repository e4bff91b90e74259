internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// What a worker is started with, in a sealed file of its own.
struct WorkerStart: Saved {
    var options = SavedOptions()
    var began = Duration.zero
    var started = Timestamp()
    /// RLIMIT_NOFILE as the monitor found it.
    var softOpenFiles: UInt64 = 0
    var hardOpenFiles: UInt64 = 0
    /// Who it becomes.
    var user = Credentials(user: nil, gid: 0, groups: [])
    var table = WorkerTable()
    /// Where handlers reach NOTIFY_SOCKET.
    var notifyPath: String?
    /// How the service manager wants signs of life.
    var watchdog: Duration?
    /// There is a service manager to be told of things.
    var hasManager = false
    /// The monitor's pid, by which others know the supervisor.
    var pid: Int32 = 0
    /// Workers that have died before.
    var restarts = 0
    /// How the last of them ended; nil for the first.
    var lastEnd: String?
    /// What the kernel keeps it from, once it has said so itself.
    var confinement = ""

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&options)
        coder.duration(&began)
        coder.value(&started)
        coder.integer(&softOpenFiles)
        coder.integer(&hardOpenFiles)
        coder.credentials(&user)
        coder.value(&table)
        coder.optional(&notifyPath)
        coder.optional(&watchdog)
        coder.flag(&hasManager)
        coder.integer(&pid)
        coder.integer(&restarts)
        coder.optional(&lastEnd)
        coder.text(&confinement)
    }

    /// The descriptors that a worker is started with, by number.
    enum Descriptor: Int32, CaseIterable {
        case requests = 3
        case news, start, permits, roster, formerRoster, control, register, registerStream, notify, manager

        /// Those in the runtime directory.
        static let sockets: [Descriptor] = [.control, .register, .registerStream, .notify]
    }
}

/// A table, with the numbers by which the launchers know what it has started.
struct WorkerTable: Saved {
    /// `LoadedTable`.
    var table: [UInt8] = []
    private var granted: [Permit] = []

    private struct Permit: Saved {
        var service = ""
        var role = ProgramKey.Role.exec
        var number: UInt32 = 0

        mutating func code(with coder: inout FieldCoder) {
            coder.text(&service)
            coder.enumeration(&role)
            coder.integer(&number)
        }
    }

    /// The longest.
    static let most = 256 << 20

    init() {}

    init(_ loaded: LoadedTable, _ permits: [ProgramKey: UInt32]) {
        table = loaded.encoded()
        granted = permits.map { Permit(service: $0.key.service, role: $0.key.role, number: $0.value) }
    }

    var permits: [ProgramKey: UInt32] {
        Dictionary(granted.map { (ProgramKey(service: $0.service, role: $0.role), $0.number) }) { first, _ in first }
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.data(&table)
        coder.array(&granted)
    }
}

extension Credentials {
    /// Whom the worker and our own programs run as.
    var identity: SpawnPlan.Identity { SpawnPlan.Identity(uid: user?.uid, gid: gid, groups: groups) }
}
