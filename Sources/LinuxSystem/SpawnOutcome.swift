package import SystemPackage

/// The steps of a spawn in their order (a child that begins with our table has its `descriptors` first); the numbers are those of `baton_spawn_stage` in CLinux.
package enum SpawnStage: UInt32, CaseIterable, Sendable {
    /// Before the clone: the plan, and the descriptors that come with it.
    case prepare
    case clone
    case setsid
    case cgroup
    case oomScoreAdjust
    case nice
    case cpuAffinity
    /// Opening a file for one of the descriptors, which is always the one for errors.
    case stderr
    case descriptors
    case rlimits
    case chroot
    case directory
    case capabilities
    case groups
    case gid
    case uid
    case noNewPrivileges
    case exec
}

extension SpawnStage: CustomStringConvertible {
    /// The name in log lines.
    package var description: String {
        switch self {
        case .prepare: "prepare"
        case .clone: "clone"
        case .setsid: "setsid"
        case .cgroup: "cgroup"
        case .oomScoreAdjust: "oom_score_adjust"
        case .nice: "nice"
        case .cpuAffinity: "cpu_affinity"
        case .stderr: "stderr"
        case .descriptors: "descriptors"
        case .rlimits: "rlimits"
        case .chroot: "chroot"
        case .directory: "directory"
        case .capabilities: "capabilities"
        case .groups: "groups"
        case .gid: "gid"
        case .uid: "uid"
        case .noNewPrivileges: "no_new_privileges"
        case .exec: "exec"
        }
    }
}

/// What became of a spawn.
package enum SpawnOutcome: Hashable, Sendable {
    /// The program runs, or ran: exec succeeded. The parent collects `pid`.
    case running(pid: Int32)
    /// `stage` failed with `error`. A `pid` is that of a child that its parent has yet to collect.
    /// ECANCELED: the child was killed on its way to exec. ETIMEDOUT: it took too long and was killed.
    case failed(pid: Int32?, stage: SpawnStage, error: Errno)

    /// The process that the parent has to collect.
    package var pid: Int32? {
        switch self {
        case .running(let pid): pid
        case .failed(let pid, _, _): pid
        }
    }
}

extension SpawnOutcome {
    /// Of a child that was killed because it took too long. One that was killed within its exec seems to have come to run.
    package var timedOut: SpawnOutcome {
        switch self {
        case .running(let pid): .failed(pid: pid, stage: .exec, error: .timedOut)
        case .failed(let pid, let stage, .canceled): .failed(pid: pid, stage: stage, error: .timedOut)
        case .failed: self
        }
    }
}

extension SpawnOutcome: CustomStringConvertible {
    /// `running as 17`, or `exec: No such file or directory`, with a hint where the errno misleads.
    package var description: String {
        switch self {
        case .running(let pid): return "running as \(pid)"
        case .failed(_, let stage, let error):
            // setuid cannot fail for RLIMIT_NPROC any more; the kernel remembers and lets execve fail.
            if stage == .exec && error == .resourceTemporarilyUnavailable {
                return "exec: \(error) (the user has as many processes as RLIMIT_NPROC allows)"
            }
            return "\(stage): \(error)"
        }
    }
}
