internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Who is upgraded.
protocol UpgradeTarget: AnyObject {
    func state() -> SupervisorState
    /// Takes nothing new, or takes it again.
    func awaitUpgrade(_ waits: Bool)
    /// Everything can be carried over now.
    var isAtRest: Bool { get }
    /// It was told to stop, and that is what it does.
    var isStopping: Bool { get }
    /// The program is about to be another.
    func leave()
}

/// An upgrade under way: the program on disk is tried, everything comes to rest, and this process becomes the other
/// program. Whatever fails before that leaves all as it was.
final class Upgrade {
    private let runtime: Runtime
    private let target: any UpgradeTarget
    private let path: String
    private let former: OwnedDescriptor
    private let failed: (_ why: String) -> Void
    private var timer: TimerID?

    /// To come to rest: a process that is being started may take so long, and a name that is looked up.
    private static let patience = Duration.seconds(6)
    private static let stops = "the supervisor stops"

    /// - Parameter failed: Called once, unless this process is another program by then.
    static func begin(
        _ target: any UpgradeTarget, runtime: Runtime, failed: @escaping (_ why: String) -> Void
    ) {
        do throws(Errno) {
            guard let path = ProgramChange.path else { return failed("the program's own file is not known") }
            let upgrade = Upgrade(
                target, path: path, former: try ProgramChange.currentProgram(), runtime: runtime, failed: failed)
            let trial = StateFile(target.state(), formerProgram: upgrade.former.borrowed)
            try UpgradeTrial.begin(path, on: trial.bytes, runtime: runtime) { upgrade.tried($0) }
        } catch {
            failed("\(error)")
        }
    }

    private init(
        _ target: any UpgradeTarget, path: String, former: consuming OwnedDescriptor, runtime: Runtime,
        failed: @escaping (String) -> Void
    ) {
        self.target = target
        self.path = path
        self.former = former
        self.runtime = runtime
        self.failed = failed
    }

    private func tried(_ outcome: UpgradeTrial.Outcome) {
        switch outcome {
        case _ where target.isStopping: failed(Self.stops)
        case .failed(let why): failed("\(path): \(why)")
        case .passed(let version):
            runtime.events.report(.supervisor(.upgrading(to: version)))
            target.awaitUpgrade(true)
            timer = runtime.loop.schedule(after: Self.patience) { [self] in
                giveUp("something is still being started, looked up or closed after \(Self.patience.brief)")
            }
            runtime.loop.askEachRound { [self] in
                if target.isStopping {
                    giveUp(Self.stops)
                } else if target.isAtRest {
                    change()
                } else {
                    return false
                }
                return true
            }
        }
    }

    private func giveUp(_ why: String) {
        if let timer { runtime.loop.cancel(timer) }
        runtime.loop.askEachRound(nil)
        target.awaitUpgrade(false)
        failed(why)
    }

    /// There is nobody to return to but on failure.
    private func change() {
        if let why = runtime.privileges.becomeNext() { return giveUp(why) }
        let file = StateFile(target.state(), formerProgram: former.borrowed)
        do throws(Errno) {
            let state = try OwnedDescriptor.sealedFile(file.bytes, name: "baton-state")
            target.leave()
            let kept = file.descriptors + [former.rawValue, state.rawValue]
            try ProgramChange.keepOpen(kept, true)
            let error = ProgramChange.become(path, arguments: Takeover.arguments(state.rawValue, .supervisor))
            try ProgramChange.keepOpen(kept, false)
            throw error
        } catch {
            giveUp("\(path): exec: \(error)")
        }
    }
}
