internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// The program on disk, run as a child on a copy of the state: it must read it, and say so in time.
final class UpgradeTrial: EventSource {
    private let runtime: Runtime
    private let ours: OwnedDescriptor
    private var registration: RegistrationID?
    private var timer: TimerID?
    private var pid: Int32?
    private var said: [UInt8] = []
    private var isReading = true
    private var exit: ExitStatus?
    private var done: ((Outcome) -> Void)?

    enum Outcome {
        /// The version that it says it is.
        case passed(version: String)
        case failed(why: String)
    }

    static let timeout = Duration.seconds(10)
    /// What it may say.
    private static let most = 4096
    /// What one that can take over says, before its version.
    static let word = "can take over: baton "

    /// - Parameter done: Called once.
    static func begin(
        _ path: String, on state: [UInt8], runtime: Runtime, done: @escaping (Outcome) -> Void
    ) throws(Errno) {
        let file = try OwnedDescriptor.sealedFile(state, name: "baton-state")
        let pair = try Socket.pair(.stream)
        try Socket.setNonblocking(pair.ours.borrowed, true)
        let trial = UpgradeTrial(ours: pair.ours, runtime: runtime, done: done)
        try trial.start(path, input: DescriptorBox(file), output: DescriptorBox(pair.theirs))
    }

    private init(ours: consuming OwnedDescriptor, runtime: Runtime, done: @escaping (Outcome) -> Void) {
        self.ours = ours
        self.runtime = runtime
        self.done = done
    }

    static func plan(_ path: String, inherited: [String: String], identity: SpawnPlan.Identity?) -> SpawnPlan {
        .own(path, ["can-take-over"], [.passed(0), .passed(1), .passed(1)], inherited: inherited, identity: identity)
    }

    private func start(_ path: String, input: DescriptorBox, output: DescriptorBox) throws(Errno) {
        registration = try runtime.loop.watch(ours.borrowed, for: .readable, self)
        timer = runtime.loop.schedule(after: Self.timeout) { [self] in
            finish(.failed(why: "it said nothing for \(Self.timeout.brief)"))
        }
        var plan = Self.plan(path, inherited: runtime.environment, identity: runtime.ownIdentity)
        plan.permit = runtime.privileges.permits[ProgramKey(service: "", role: .trial)] ?? 0
        runtime.launchers.spawn(plan, passing: [input, output]) { [self] outcome in
            _ = output.take()
            switch outcome {
            case .running(let pid):
                self.pid = pid
                runtime.instances.track(pid) { [self] in exited($0) }
                // Too late already.
                if done == nil { runtime.privileges.signalGroup(pid, SIGKILL) }
            case .failed(_, let stage, let error): finish(.failed(why: "it cannot be started: \(stage): \(error)"))
            }
        }
    }

    func ready(_ interest: Epoll.Interest) {
        var buffer = [UInt8](repeating: 0, count: Self.most)
        while let count = try? ours.borrowed.readOnce(into: &buffer) {
            said += buffer[..<count].prefix(Self.most - said.count)
            if count == 0 {
                isReading = false
                if let registration { runtime.loop.forget(registration) }
                registration = nil
                return settle()
            }
        }
    }

    private func exited(_ status: ExitStatus) {
        exit = status
        pid = nil
        settle()
    }

    /// Both what it said and its exit are here.
    private func settle() {
        guard let exit, !isReading else { return }
        let words = String(decoding: said, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
        if exit.succeeded, words.hasPrefix(Self.word) {
            finish(.passed(version: String(words.dropFirst(Self.word.count)).printable()))
        } else {
            let said = words.isEmpty ? "nothing" : words.printable()
            finish(.failed(why: "it does not take the state: it said \(said), and \(exit)"))
        }
    }

    private func finish(_ outcome: Outcome) {
        guard let done = done.take() else { return }
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        if let timer { runtime.loop.cancel(timer) }
        if let pid { runtime.privileges.signalGroup(pid, SIGKILL) }
        done(outcome)
    }
}
