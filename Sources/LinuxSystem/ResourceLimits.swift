internal import CLinux
internal import Glibc
package import SystemPackage

/// The limits of this process and of others (getrlimit(2), prlimit(2)).
package enum ResourceLimits {
    /// RLIMIT_NOFILE, as SpawnPlan names limits.
    package static let openFilesNumber = Int32(RLIMIT_NOFILE.rawValue)

    package struct Pair: Hashable, Sendable {
        package var soft: UInt64
        package var hard: UInt64

        package init(soft: UInt64, hard: UInt64) {
            self.soft = soft
            self.hard = hard
        }
    }

    /// How many descriptors this process may have open.
    package static func openFiles() throws(Errno) -> Pair {
        var limit = rlimit()
        try SystemCall.value { unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
        return Pair(soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
    }

    package static func setOpenFiles(_ pair: Pair) throws(Errno) {
        var limit = rlimit(rlim_cur: rlim_t(pair.soft), rlim_max: rlim_t(pair.hard))
        try SystemCall.value { unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
    }

    /// How many descriptors another process may have open.
    package static func openFiles(of pid: Int32) throws(Errno) -> Pair {
        var pair = Pair(soft: 0, hard: 0)
        try SystemCall.value { unsafe baton_get_open_files(pid, &pair.soft, &pair.hard) }
        return pair
    }

    /// Takes effect at once; what that process has open stays open.
    package static func setOpenFiles(_ pair: Pair, of pid: Int32) throws(Errno) {
        try SystemCall.value { baton_set_open_files(pid, pair.soft, pair.hard) }
    }
}
