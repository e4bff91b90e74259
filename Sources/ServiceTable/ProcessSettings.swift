package import LinuxSystem

/// What a handler's process is given ("The handler's process" in the table's documentation).
package struct ProcessSettings: Hashable, Sendable {
    /// Nil: the supervisor's own identity.
    package var credentials: Credentials?
    /// The mode bits that umask(2) takes away.
    package var umask: UInt32 = 0o022
    /// The working directory, inside `chroot` if there is one.
    package var directory = "/"
    package var chroot: String?
    /// Nil: the supervisor's own.
    package var nice: Int?
    /// How willingly the kernel ends it when memory is short (proc(5)). Nil: the supervisor's own.
    package var oomScoreAdjust: Int?
    /// The CPUs that it may run on, in order. Empty: the supervisor's own.
    package var processors: [Int] = []
    /// Directory of its cgroup in the v2 hierarchy, made where it is missing. Nil: the supervisor's own.
    package var cgroup: String?
    /// What stays in the capability bounding set: bit n is capability n. Nil: the supervisor's own.
    package var capabilities: UInt64?
    /// Programs that it executes give it nothing more (PR_SET_NO_NEW_PRIVS).
    package var noNewPrivileges = false
    package var environment: [EnvironmentVariable] = []
    /// Names taken over from the supervisor's own environment.
    package var passEnvironment: [String] = []
    /// In a fixed order, each at most once.
    package var resourceLimits: [ResourceLimit] = []
    package var standardError = StandardError.log
    /// From start to TERM. Nil is unlimited.
    package var runtimeLimit: Duration?
    /// The signal that asks the process group to end.
    package var stopSignal: Int32 = 15
    /// From `stopSignal` to SIGKILL.
    package var stopGrace = Duration.seconds(10)
}

/// Who the process becomes, resolved when the table was read.
package struct Credentials: Hashable, Sendable {
    /// Nil when only `group` or `groups` was given.
    package var user: UserAccount?
    package var gid: UInt32
    /// Supplementary groups.
    package var groups: [UInt32] = []

    package init(user: UserAccount?, gid: UInt32, groups: [UInt32]) {
        self.user = user
        self.gid = gid
        self.groups = groups
    }
}

package struct EnvironmentVariable: Hashable, Sendable {
    package var name = ""
    package var value = ""
}

/// One of setrlimit(2)'s limits; soft and hard are set alike. `nofile` counts descriptors, `nproc`
/// processes, `cpu` seconds, the rest bytes.
package struct ResourceLimit: Hashable, Sendable {
    package var resource = Resource.nofile
    /// Nil is unlimited.
    package var value: UInt64?

    package enum Resource: String, Hashable, Sendable, CaseIterable {
        case nofile, nproc, cpu, `as`, data, stack, core, fsize, memlock
    }
}

/// Where a handler's descriptor 2 goes.
package enum StandardError: Hashable, Sendable {
    /// Each line to the log, with service and pid.
    case log
    /// The connection, as inetd does.
    case connection
    case null
    /// Appended to this file, opened in the child before chroot.
    case path(String)
}
