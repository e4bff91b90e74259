internal import ControlProtocol
internal import Glibc
internal import LinuxSystem

/// Our children by pid, and who waits for their end.
///
/// An exit can be collected before the launcher has told whose pid it is: it is kept until then. As pid 1 of a container
/// we collect strangers as well, whose numbers come again: only what was collected after a spawn was asked for can be
/// that spawn's.
final class InstanceTable {
    private var watchers: [Int32: (ExitStatus) -> Void] = [:]
    /// Of processes that a supervisor before this one has started: they are children of whoever started both.
    private var inherited: [Int32: (ExitStatus) -> Void] = [:]
    private var early: [Int32: (status: ExitStatus, number: UInt64)] = [:]
    /// Exits collected so far; the number of the last.
    private(set) var collected: UInt64 = 0
    private var keptSince: UInt64?
    /// Children that are part of the supervisor: they serve nobody when it goes.
    private var own: Set<Int32> = []
    private var ownEnded: (() -> Void)?
    private let loop: EventLoop
    private var look: TimerID?

    /// Up to so many are looked at whenever one of them ends.
    private static let few = 64
    /// Beyond, the time from an end to the next look, for each of them: to look at one takes a hundredth of it.
    private static let pause = Duration.microseconds(10)

    /// What `collected` was when the oldest spawn that is under way was asked for; nil when there is none.
    var oldestSpawn: () -> UInt64? = { nil }
    /// Children that nobody waits for are not collected: whose they are will turn out.
    var leavesStrangers = false
    /// Collects any child that has ended.
    var reapAny: () -> (pid: Int32, status: ExitStatus)? = { ChildProcess.reap() }
    /// Signals a child that has not been collected.
    var signal: (_ pid: Int32, _ signal: Int32) -> Void = { ChildProcess.signal($0, $1) }

    init(loop: EventLoop) {
        self.loop = loop
    }

    var isEmpty: Bool { watchers.isEmpty && inherited.isEmpty }

    /// Whether spawns are under way, so that an unknown pid may still get a name.
    func expectsMore() -> Bool { oldestSpawn() != nil }

    /// Tells of the end of `pid`, a child of this process, once; also when it has come already.
    func track(_ pid: Int32, ended: @escaping (ExitStatus) -> Void) {
        if !early.isEmpty, let exit = early.removeValue(forKey: pid) {
            loop.afterThisRound { ended(exit.status) }
        } else {
            watchers[pid] = ended
        }
    }

    /// Whether somebody waits for the end of this child.
    func isTracked(_ pid: Int32) -> Bool { watchers[pid] != nil }

    /// Tells of the end of one that is no child of this process, when `collect` does.
    func trackInherited(_ pid: Int32, ended: @escaping (ExitStatus) -> Void) {
        inherited[pid] = ended
    }

    /// Whoever has it for a child has collected it.
    func collectInherited(_ pid: Int32, _ status: ExitStatus) {
        inherited.removeValue(forKey: pid)?(status)
    }

    /// `pid` is the child of a spawn that was asked for after the exit `number`: an earlier exit of that number was another
    /// process's.
    func forget(_ pid: Int32, collectedUpTo number: UInt64) {
        if !early.isEmpty, let exit = early[pid], exit.number <= number { early[pid] = nil }
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
        for pid in own { signal(pid, SIGKILL) }
        _ = loop.schedule(after: patience) { [self] in ownEnded.take()?() }
    }

    /// `pid` has ended, and perhaps others: while the kernel has not told of one, it tells of no second.
    ///
    /// Of ten thousand children that one is collected at once, and the others are looked for after a while: what the end
    /// of one costs must not grow with those that live on.
    func reap(_ pid: Int32) {
        guard watchers.count > Self.few else { return reapAll() }
        forgetStrangers()
        if let exit = ChildProcess.reap(pid) { collect(exit.pid, exit.status) }
        guard look == nil else { return }
        look = loop.schedule(after: Self.pause * watchers.count) { [self] in
            look = nil
            reapAll()
        }
    }

    /// Collects every child that has ended; strangers (orphans of ours, when we are pid 1) as well.
    func reapAll() {
        forgetStrangers()
        while !leavesStrangers, let (pid, status) = reapAny() { collect(pid, status) }
        guard leavesStrangers else { return }
        for pid in Array(watchers.keys) {
            if let exit = ChildProcess.reap(pid) { collect(exit.pid, exit.status) }
        }
    }

    private func collect(_ pid: Int32, _ status: ExitStatus) {
        collected += 1
        if let ended = watchers.removeValue(forKey: pid) {
            ended(status)
        } else if expectsMore() {
            early[pid] = (status, collected)
        }
    }

    /// Those that no spawn under way can be about.
    private func forgetStrangers() {
        let oldest = oldestSpawn()
        guard oldest != keptSince || oldest == nil else { return }
        keptSince = oldest
        early = oldest.map { oldest in early.filter { $0.value.number > oldest } } ?? [:]
    }
}
