internal import ControlProtocol
internal import LinuxSystem

/// Our children by pid, and who waits for their end.
///
/// An exit can be collected before the launcher has told whose pid it is: it is kept until then.
final class InstanceTable {
    private var watchers: [Int32: (ExitStatus) -> Void] = [:]
    private var early: [Int32: ExitStatus] = [:]
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
