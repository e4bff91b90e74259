internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Where the table comes from.
package enum TableSource: Sendable {
    case file(String)
    /// Text on an open descriptor, and what to call it in faults.
    case descriptor(Int32, name: String)

    var isFile: Bool { if case .file = self { true } else { false } }

    package var name: String {
        switch self {
        case .file(let path): path
        case .descriptor(_, let name): name
        }
    }
}

/// Has a table read by a process of its own, which may block in NSS and file systems in our place, and
/// takes over what it hands back.
final class TableLoader: EventSource, TableReading {
    private let starter: ProcessStarter
    private let ours: OwnedDescriptor
    private var registration: RegistrationID?
    private var bytes: [UInt8] = []
    private var reading = true
    private var exit: ExitStatus?
    private var failure: String?
    private var pid: Int32?
    private var isSettled = false
    private let done: (LoadedTable) -> Void
    private let source: TableSource

    /// Its memory grows in steps of 16 MiB, in huge pages where there are any: with 10,000 services a sixth of its time went
    /// to page faults (mallopt(3), M_TOP_PAD; the GNU C Library's manual, Memory Allocation Tunables).
    private static let allocator = ["GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=16777216"]

    /// Bytes of a table as the loader hands it back.
    private static let longest = 64 << 20

    /// - Parameter done: Called once, with the table or its faults.
    @discardableResult
    static func load(
        _ source: TableSource, starter: ProcessStarter, done: @escaping (LoadedTable) -> Void
    ) throws(Errno) -> TableLoader {
        let pair = try Socket.pair(.stream)
        try Socket.setNonblocking(pair.ours.borrowed, true)
        let loader = TableLoader(source, ours: pair.ours, starter: starter, done: done)
        try loader.start(writingTo: DescriptorBox(pair.theirs))
        return loader
    }

    /// Waits no longer: its process is killed, and what it has not said is a fault.
    func giveUp(why: String) {
        failure = why
        if let pid, exit == nil { ChildProcess.signal(pid, SIGKILL) }
        if reading { ended() }
        finish()
    }

    private init(
        _ source: TableSource, ours: consuming OwnedDescriptor, starter: ProcessStarter,
        done: @escaping (LoadedTable) -> Void
    ) {
        self.source = source
        self.ours = ours
        self.starter = starter
        self.done = done
    }

    private func start(writingTo theirs: DescriptorBox) throws(Errno) {
        registration = try starter.loop.watch(ours.borrowed, for: .readable, self)
        var passing = [theirs, DescriptorBox(try FileDescriptor.standardError.duplicate())]
        var arguments = ["batond", "load"]
        var input = SpawnPlan.DescriptorSource.null
        switch source {
        case .file(let path):
            arguments.append(path)
        case .descriptor(let number, let name):
            passing.append(DescriptorBox(try FileDescriptor(rawValue: number).duplicate()))
            input = .passed(2)
            arguments += ["--standard-input", name]
        }
        var plan = SpawnPlan(
            path: "/proc/self/exe", arguments: arguments, descriptors: [input, .passed(0), .passed(1)])
        let environment = starter.environment.merging(Self.allocator) { theirs, _ in theirs }
        plan.environment = EnvironmentBlock(environment.map { "\($0.key)=\($0.value)" })
        plan.directory = CurrentProcess.workingDirectory ?? "/"
        starter.spawn(plan, passing) { [self] outcome in
            _ = theirs.take()
            switch outcome {
            case .running(let pid):
                self.pid = pid
                starter.instances.trackOwn(pid) { [self] in exited($0) }
                if isSettled { ChildProcess.signal(pid, SIGKILL) }
            case .failed:
                failure = "the loader cannot be started: \(outcome)"
                exited(.exited(1))
            }
        }
    }

    func ready(_ interest: Epoll.Interest) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        do {
            while let count = try ours.borrowed.readOnce(into: &buffer) {
                guard count > 0 else { return ended() }
                bytes += buffer[..<count]
                if bytes.count > Self.longest {
                    failure = "the table is too large"
                    return ended()
                }
            }
        } catch {
            failure = "the loader's answer: \(error)"
            ended()
        }
    }

    private func ended() {
        if let registration { starter.loop.forget(registration) }
        registration = nil
        reading = false
        settle()
    }

    private func exited(_ status: ExitStatus) {
        exit = status
        settle()
    }

    /// Both its answer and its exit are here.
    private func settle() {
        guard !reading, let exit else { return }
        if failure == nil, !exit.succeeded { failure = "the loader ended with \(exit)" }
        // To decode a large table takes some ms, to take it over more: clients come in between.
        starter.loop.afterThisRound { self.finish() }
    }

    private func finish() {
        guard !isSettled else { return }
        isSettled = true
        if failure == nil {
            do {
                return done(try LoadedTable(decoding: bytes))
            } catch {
                failure = error.description
            }
        }
        let fault = ConfigurationFault(file: source.name, message: failure ?? "the loader failed")
        done(LoadedTable(table: nil, faults: [fault]))
    }
}
