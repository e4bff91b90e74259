internal import LinuxSystem
internal import SystemPackage

/// What a worker that died has started, and the monitor has for children now: the next worker is told of the end of each
/// that it asks about, even if that came before.
final class LeftProcesses {
    private let instances: InstanceTable
    private var followed: Set<Int32> = []
    /// Told of the end of one that was asked about.
    var ended: (_ pid: Int32, _ status: ExitStatus) -> Void = { _, _ in }

    /// RLIMIT_NOFILE allows no more processes with a descriptor each.
    private static let most = 1 << 20

    init(_ instances: InstanceTable) {
        self.instances = instances
    }

    /// One whose number has come to mean another is not, nor one that the monitor waits for itself.
    func follow(_ pid: Int32, since moment: Duration) -> Errno? {
        guard pid > 1, followed.count < Self.most, ChildProcess.has(pid),
            ProcessBirth(of: pid)?.isBefore(moment) == true, followed.contains(pid) || !instances.isTracked(pid)
        else { return .noSuchProcess }
        follow(pid)
        return nil
    }

    private func follow(_ pid: Int32) {
        followed.insert(pid)
        instances.track(pid) { [weak self] status in
            guard let self else { return }
            followed.remove(pid)
            ended(pid, status)
        }
    }

    /// Those that have ended keep their numbers until the next one has asked.
    func workerEnded() { instances.leavesStrangers = true }

    /// It has asked.
    func workerIsReady() {
        instances.leavesStrangers = false
        instances.reapAll()
    }

    // MARK: Carried over

    var saved: [Int32] { Array(followed) }

    func resume(_ saved: [Int32]) {
        for pid in saved { follow(pid) }
    }
}
