internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// What a worker asks its monitor for, one request at a time, in a packet each. The monitor does what its own table
/// says, and nothing else, whatever is asked.
enum MonitorRequest: Equatable {
    /// The socket of an endpoint of the table.
    case open(Endpoint)
    /// The listener with this cookie is closed.
    case close(UInt64)
    /// It goes on as this endpoint.
    case change(UInt64, to: Endpoint)
    /// All listeners have been tried.
    case finishAdopting
    case ready
    case ending
    case ended
    case showControl(to: UInt32?)
    case openLog(String, isSocket: Bool)
    /// The table anew: it comes as news.
    case read
    case giveUpReading(why: String)
    /// The table that was read last is in force.
    case took
    case signal(Int32, Int32)
    case signalGroup(Int32, Int32)
    /// The descriptors that come along are a handler's channel, or the like, to be held until they are given up.
    case keep(UInt64)
    case giveUp(UInt64)
    /// What is held under one number, each once in a worker's life; nothing when there is no more.
    case nextKept
    /// Tell of the end of a process that a worker before has started, and that lived at that moment.
    case follow(Int32, since: Duration)
    /// Become the program on disk, which answers.
    case becomeNext
    /// Kill the handler that registered over the channel that is held under this number.
    case killRegistered(UInt64)
    /// Memory for the roster of a program that takes over. Until it is ready, what the one before has written counts.
    case newRoster
}

extension MonitorRequest: Saved {
    init() { self = .ready }

    /// By number; each with nothing in it.
    private static let blanks: [MonitorRequest] = [
        .open(.blank), .close(0), .change(0, to: .blank), .finishAdopting, .ready, .ending, .ended,
        .showControl(to: nil), .openLog("", isSocket: false), .read, .giveUpReading(why: ""), .took, .signal(0, 0),
        .signalGroup(0, 0),
        .keep(0), .giveUp(0), .nextKept, .follow(0, since: .zero), .becomeNext, .killRegistered(0),
        .newRoster,
    ]

    private var number: Int {
        switch self {
        case .open: 0
        case .close: 1
        case .change: 2
        case .finishAdopting: 3
        case .ready: 4
        case .ending: 5
        case .ended: 6
        case .showControl: 7
        case .openLog: 8
        case .read: 9
        case .giveUpReading: 10
        case .took: 11
        case .signal: 12
        case .signalGroup: 13
        case .keep: 14
        case .giveUp: 15
        case .nextKept: 16
        case .follow: 17
        case .becomeNext: 18
        case .killRegistered: 19
        case .newRoster: 20
        }
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.choice(&self, number: number, of: Self.blanks)
        switch self {
        case .open(var endpoint):
            coder.endpoint(&endpoint)
            self = .open(endpoint)
        case .change(var cookie, var endpoint):
            coder.integer(&cookie)
            coder.endpoint(&endpoint)
            self = .change(cookie, to: endpoint)
        case .showControl(var group):
            coder.maybe(&group, blank: 0) { $1.integer(&$0) }
            self = .showControl(to: group)
        case .follow(var pid, var since):
            coder.integer(&pid)
            coder.duration(&since)
            self = .follow(pid, since: since)
        case .finishAdopting, .ready, .ending, .ended, .read, .took, .nextKept, .becomeNext, .newRoster: break
        case .close, .keep, .giveUp, .killRegistered: codeNumber(with: &coder)
        case .openLog, .giveUpReading: codeText(with: &coder)
        case .signal, .signalGroup: codeSignal(with: &coder)
        }
    }

    private mutating func codeNumber(with coder: inout FieldCoder) {
        func coded(_ number: UInt64) -> UInt64 {
            var number = number
            coder.integer(&number)
            return number
        }
        switch self {
        case .close(let cookie): self = .close(coded(cookie))
        case .keep(let number): self = .keep(coded(number))
        case .giveUp(let number): self = .giveUp(coded(number))
        case .killRegistered(let number): self = .killRegistered(coded(number))
        default: break
        }
    }

    private mutating func codeText(with coder: inout FieldCoder) {
        switch self {
        case .openLog(var path, var isSocket):
            coder.text(&path)
            coder.flag(&isSocket)
            self = .openLog(path, isSocket: isSocket)
        case .giveUpReading(var why):
            coder.text(&why)
            self = .giveUpReading(why: why)
        default: break
        }
    }

    private mutating func codeSignal(with coder: inout FieldCoder) {
        switch self {
        case .signal(var pid, var signal):
            coder.integer(&pid)
            coder.integer(&signal)
            self = .signal(pid, signal)
        case .signalGroup(var pid, var signal):
            coder.integer(&pid)
            coder.integer(&signal)
            self = .signalGroup(pid, signal)
        default: break
        }
    }
}

/// The monitor's answer. Descriptors may come along.
struct MonitorReply: Saved {
    /// The step that failed, where it was one of several.
    var step = ""
    /// 0: it was done.
    var error: Int32 = 0
    /// What the kernel refused of `change`.
    var words: [String] = []
    /// Of the channel that comes along.
    var number: UInt64 = 0

    mutating func code(with coder: inout FieldCoder) {
        coder.text(&step)
        coder.integer(&error)
        coder.array(&words)
        coder.integer(&number)
    }
}

/// What the monitor tells its worker without having been asked just then.
enum MonitorNews: Equatable {
    /// The table that was to be read, with its permits: in the file that comes along.
    case table
    /// A process that a worker before has started has ended.
    case ended(Int32, ExitStatus)
}

extension MonitorNews: Saved {
    init() { self = .table }

    mutating func code(with coder: inout FieldCoder) {
        let number = if case .table = self { 0 } else { 1 }
        coder.choice(&self, number: number, of: [.table, .ended(0, ExitStatus())])
        guard case .ended(var pid, var status) = self else { return }
        coder.integer(&pid)
        coder.value(&status)
        self = .ended(pid, status)
    }
}

/// Messages between the two: a packet each, never longer than `most`.
enum MonitorMessage {
    /// An endpoint's longest strings, and more.
    static let most = 64 * 1024
    /// Of the descriptors that come along.
    static let mostDescriptors = 2

    private static let known = SupervisorState.oldestVersion...SupervisorState.version

    /// - Parameter version: That of who reads it.
    static func encode(_ value: some Saved, version: Int = SupervisorState.version) -> [UInt8] {
        var coder = FieldCoder(version: version)
        coder.version(known: known)
        var value = value
        value.code(with: &coder)
        return coder.bytes
    }

    /// Nil when it is none.
    static func decode<Value: Saved>(_ bytes: ArraySlice<UInt8>) -> (value: Value, version: Int)? {
        var coder = FieldCoder(reading: Array(bytes))
        coder.version(known: known)
        var value = Value()
        value.code(with: &coder)
        coder.expectEnd()
        return coder.failure == nil ? (value, coder.version) : nil
    }
}
