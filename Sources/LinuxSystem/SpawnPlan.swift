/// All that a process to be started is: resolved, so that nothing has to be looked up between clone and exec.
///
/// What every process gets besides: a session of its own, default signal dispositions, an empty signal
/// mask, and no descriptor but those named here.
package struct SpawnPlan: Hashable, Sendable {
    /// The program. Found inside `chroot` if there is one, and from `directory` if it is relative.
    package var path: String
    /// From argv[0] on.
    package var arguments: [String]
    /// Nothing else is inherited.
    package var environment = EnvironmentBlock()
    /// What the child has as descriptor 0, 1, 2 …; all other descriptors are closed.
    package var descriptors: [DescriptorSource]
    /// The nice value itself, not an increment (setpriority(2)); nil leaves it.
    package var nice: Int32?
    /// Directory of the cgroup (v2) that the child is born into; made where it is missing.
    package var cgroup: String?
    /// -1000 to 1000 (proc(5), oom_score_adj); nil leaves it.
    package var oomScoreAdjust: Int32?
    /// The CPUs that it may run on, by number below `SpawnLimit.mostProcessors`; empty leaves them.
    package var processors: [Int] = []
    /// What stays in the bounding set: bit n is capability n. Nil leaves it.
    package var capabilities: UInt64?
    /// Neither setuid programs nor file capabilities give it anything any more (PR_SET_NO_NEW_PRIVS).
    package var noNewPrivileges = false
    package var resourceLimits: [ResourceLimit] = []
    package var chroot: String?
    /// Inside `chroot` if there is one.
    package var directory = "/"
    /// Nil keeps the launcher's own.
    package var identity: Identity?
    package var umask: UInt32 = 0o022
    /// Adds LISTEN_PID with the child's own number to its environment (sd_listen_fds(3)).
    package var announcesListenPID = false
    /// The number under which a guarded launcher finds what it may be (`PermitBook`); 0 is none.
    package var permit: UInt32 = 0

    package init(path: String, arguments: [String], descriptors: [DescriptorSource]) {
        self.path = path
        self.arguments = arguments
        self.descriptors = descriptors
    }

    package enum DescriptorSource: Hashable, Sendable {
        /// By its place among the descriptors that go with the plan.
        case passed(Int)
        /// /dev/null, for reading and writing.
        case null
        /// Opened for appending in the child, before chroot and with the launcher's rights; created with
        /// mode 0600; a symlink is refused (ELOOP).
        case file(String)
    }

    /// One of setrlimit(2)'s limits, by its number there. `UInt64.max` is unlimited (RLIM_INFINITY).
    package struct ResourceLimit: Hashable, Sendable {
        package var resource: Int32
        package var soft: UInt64
        package var hard: UInt64

        package init(resource: Int32, soft: UInt64, hard: UInt64) {
            self.resource = resource
            self.soft = soft
            self.hard = hard
        }
    }

    /// Real, effective and saved ids. Where the launcher may not change them, they must be what they are.
    package struct Identity: Hashable, Sendable {
        /// Nil keeps the user.
        package var uid: UInt32?
        package var gid: UInt32
        /// Supplementary groups, all of them.
        package var groups: [UInt32]

        package init(uid: UInt32?, gid: UInt32, groups: [UInt32]) {
            self.uid = uid
            self.gid = gid
            self.groups = groups
        }
    }
}
