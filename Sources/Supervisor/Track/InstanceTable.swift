internal import ControlProtocol
internal import Glibc
internal import LinuxSystem

/// Our children by pid, and who waits for their end.
///
/// An exit can be collected before the launcher has told whose pid it is: it is kept until then.
final class InstanceTable {
    private var watchers: [Int32: (ExitStatus) -> Void] = [:]
    private var early: [Int32: ExitStatus] = [:]
    /// Children that are part of the supervisor: they serve nobody when it goes.
    private var own: Set<Int32> = []
    private var ownEnded: (() -> Void)?
    private let loop: EventLoop
    /// Whether spawns are under way, so that an unknown pid may still get a name.
    var expectsMore: () -> Bool = { false }

    init(loop: EventLoop) {
        self.loop = loop
    }

    var isEmpty: Bool { watchers.isEmpty }

    /// Tells of the end of `pid`, a child of this process, once; also when it has come already.
    func track(_ pid: Int32, ended: @escaping (ExitStatus) -> Void) {
        if let status = early.removeValue(forKey: pid) {
            loop.afterThisRound { ended(status) }
        } else {
            watchers[pid] = ended
        }
    }

    /// The same of a part of the supervisor.
    func trackOwn(_ pid: Int32, ended: @escaping (ExitStatus) -> Void) {
        own.insert(pid)
        track(pid) { [self] status in
            own.remove(pid)
            ended(status)
            guard own.isEmpty else { return }
            ownEnded.take()?()
        }
    }

    /// Kills what is part of the supervisor; calls `done` once all of it is collected, or after `patience`: a child
    /// that hangs in the kernel does not die before its file system answers.
    func endOwn(patience: Duration, done: @escaping () -> Void) {
        guard !own.isEmpty else { return done() }
        ownEnded = done
        for pid in own { ChildProcess.signal(pid, SIGKILL) }
        _ = loop.schedule(after: patience) { [self] in ownEnded.take()?() }
    }

    /// Collects every child that has ended; strangers (orphans of ours, when we are pid 1) as well.
    func reap() {
        if !expectsMore() { early.removeAll() }
        while let (pid, status) = ChildProcess.reap() {
            if let ended = watchers.removeValue(forKey: pid) {
                ended(status)
            } else if expectsMore() {
                early[pid] = status
            }
        }
    }
}
