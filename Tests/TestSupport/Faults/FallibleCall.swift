import Glibc
import SystemCallFaults

/// A system call that may fail, as far as its arguments say which one it is, and what with: what the man page allows and
/// the kernel does, to a call that is right.
///
/// What is not here: close(2) always releases its descriptor. fcntl(F_SETFL), epoll_ctl(EPOLL_CTL_MOD and EPOLL_CTL_DEL) and
/// shutdown(2) always succeed on what is open, registered and connected. EPIPE and ECONNRESET say what the peer did, which
/// is a peer's part in a test. A file in memory is read without fail, and private memory is the Swift runtime's, which
/// ends the process without it.
package struct FallibleCall: Hashable, Sendable {
    /// As the man page calls it, with the operation where that makes it another one.
    package let name: String
    package let errors: [Int32]
    let number: Int32
    private let condition: Condition?

    private init?(_ name: String, _ errors: [Int32], _ condition: Condition? = nil) {
        number = faults_number(name)
        guard number >= 0 else { return nil }
        self.name = condition.map { "\(name)(\($0.name))" } ?? name
        self.errors = errors
        self.condition = condition
    }

    /// The one of this name.
    package static func named(_ name: String) throws -> FallibleCall {
        guard let call = all.first(where: { $0.name == name }) else { throw TestFailure("no call \(name)") }
        return call
    }

    /// Errors that may last, and pass: what the kernel or the process is short of. Nobody is short of anything for reading.
    package var shortages: [Int32] {
        if name.hasPrefix("re") { return [] }
        return errors.filter(Self.isShortage)
    }

    package static func isShortage(_ error: Int32) -> Bool {
        [EMFILE, ENFILE, ENOMEM, ENOBUFS, ETOOMANYREFS].contains(error)
    }

    private enum Condition: Hashable {
        /// What one argument has in some of its bits.
        case operation(String, argument: Int, value: UInt64, mask: UInt64 = 0xffff_ffff)
        /// What the first argument is a descriptor of.
        case socket, pipe, file

        var name: String {
            switch self {
            case .operation(let name, _, _, _): name
            case .socket: "socket"
            case .pipe: "pipe"
            case .file: "file"
            }
        }
    }

    func matches(_ call: faults_call) -> Bool {
        guard call.number == number else { return false }
        let arguments = call.arguments
        let first = Int32(truncatingIfNeeded: arguments.0)
        switch condition {
        case nil: return true
        case .operation(_, let argument, let value, let mask):
            let all = [arguments.0, arguments.1, arguments.2, arguments.3, arguments.4, arguments.5]
            return all[argument] & mask == value
        case .socket: return ProcessView(pid: call.thread).kind(of: first) == "socket:"
        case .pipe: return ProcessView(pid: call.thread).kind(of: first) == "pipe:"
        case .file: return ProcessView(pid: call.thread).kind(of: first)?.hasPrefix("/") == true
        }
    }

    private static let noDescriptor = [EMFILE, ENFILE, ENOMEM]
    private static let privilege = [EPERM]

    package static let all = (descriptors + sockets + files + processes + child + confinement).compactMap { $0 }

    private static let descriptors: [FallibleCall?] = [
        FallibleCall("epoll_create1", noDescriptor),
        FallibleCall("epoll_ctl", [ENOMEM, ENOSPC], .operation("ADD", argument: 1, value: 1)),
        FallibleCall("epoll_pwait", [EINTR]),
        FallibleCall("epoll_wait", [EINTR]),
        FallibleCall("eventfd2", noDescriptor),
        FallibleCall("fcntl", [EMFILE], .operation("F_DUPFD_CLOEXEC", argument: 1, value: 1030)),
        FallibleCall("fcntl", [EPERM, EBUSY], .operation("F_ADD_SEALS", argument: 1, value: 1033)),
        FallibleCall("futex", [EAGAIN, EINTR], .operation("FUTEX_WAIT", argument: 1, value: 0)),
        FallibleCall("memfd_create", noDescriptor + [EINVAL]),
        FallibleCall("mmap", [ENOMEM, EAGAIN], .operation("MAP_SHARED", argument: 3, value: 1, mask: 3)),
        FallibleCall("pipe2", noDescriptor),
        FallibleCall("poll", [EINTR]),
        FallibleCall("ppoll", [EINTR]),
        FallibleCall("signalfd4", noDescriptor),
        FallibleCall("splice", [ENOMEM, EINTR]),
    ]

    private static let sockets: [FallibleCall?] = [
        FallibleCall("accept4", [EMFILE, ENFILE, ENOBUFS, ENOMEM, EAGAIN, EINTR, ECONNABORTED, EPERM, EPROTO]),
        FallibleCall("bind", [EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOMEM]),
        FallibleCall("connect", [EAGAIN, ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, EPERM, ETIMEDOUT]),
        FallibleCall("getpeername", [ENOTCONN, ENOBUFS]),
        FallibleCall("getsockname", [ENOBUFS]),
        FallibleCall("getsockopt", [ENOPROTOOPT, ENOMEM]),
        FallibleCall("ioctl", [EINVAL], .operation("SIOCINQ", argument: 1, value: 0x541b)),
        FallibleCall("ioctl", [EINVAL], .operation("SIOCOUTQ", argument: 1, value: 0x5411)),
        FallibleCall("listen", [EADDRINUSE]),
        FallibleCall("recvfrom", [EAGAIN, EINTR, ENOMEM, ECONNREFUSED]),
        FallibleCall("recvmsg", [EAGAIN, EINTR, ENOMEM]),
        FallibleCall("sendmsg", [ENOBUFS, ETOOMANYREFS, ENOMEM, EAGAIN, EINTR, EPERM]),
        FallibleCall("sendto", [ENOBUFS, ENOMEM, EAGAIN, EINTR, EPERM]),
        FallibleCall("setsockopt", [ENOMEM, EPERM, ENOPROTOOPT, ENOBUFS]),
        FallibleCall("socket", noDescriptor + [ENOBUFS, EAFNOSUPPORT, EACCES]),
        FallibleCall("socketpair", noDescriptor),
    ]

    private static let files: [FallibleCall?] = [
        FallibleCall("chmod", [EPERM, EROFS]),
        FallibleCall("fchmod", [EPERM, EROFS]),
        FallibleCall("fchmodat", [EPERM, EROFS]),
        FallibleCall("fchownat", [EPERM, EROFS]),
        FallibleCall("flock", [EAGAIN, ENOLCK, EINTR]),
        FallibleCall("fstat", [ENOMEM]),
        FallibleCall("ftruncate", [EINTR, EIO, ENOSPC]),
        FallibleCall("getdents64", [EIO]),
        FallibleCall("mkdir", [EACCES, ENOSPC, EROFS]),
        FallibleCall("mkdirat", [EACCES, ENOSPC, EROFS]),
        FallibleCall("newfstatat", [ENOMEM, EACCES]),
        FallibleCall("open", noDescriptor + [EACCES, EINTR]),
        FallibleCall("openat", noDescriptor + [EACCES, EINTR, ENOENT]),
        FallibleCall("pwrite64", [ENOSPC, ENOMEM]),
        FallibleCall("pwritev2", [EAGAIN, EINTR, EOPNOTSUPP]),
        FallibleCall("read", [EINTR, EIO, ENOMEM], .file),
        FallibleCall("read", [EAGAIN, EINTR], .pipe),
        FallibleCall("read", [EAGAIN, EINTR, ENOMEM], .socket),
        FallibleCall("rename", [EACCES, ENOSPC]),
        FallibleCall("unlink", [EACCES, ENOENT]),
        FallibleCall("unlinkat", [EACCES, ENOENT]),
        FallibleCall("write", [ENOSPC, EIO, EINTR, EDQUOT], .file),
        FallibleCall("write", [EAGAIN, EINTR], .pipe),
        FallibleCall("write", [EAGAIN, EINTR, ENOBUFS], .socket),
    ]

    private static let processes: [FallibleCall?] = [
        FallibleCall("clone", [EAGAIN, ENOMEM]),
        FallibleCall("clone3", [EAGAIN, ENOMEM, EPERM]),
        FallibleCall("execve", [EAGAIN, ENOMEM, EACCES, EMFILE, ETXTBSY, ENOENT]),
        FallibleCall("execveat", [EAGAIN, ENOMEM, EACCES]),
        FallibleCall("kill", [EPERM]),
        FallibleCall("pidfd_open", noDescriptor + [ESRCH]),
        FallibleCall("pidfd_send_signal", [EPERM, ESRCH]),
        FallibleCall("prlimit64", privilege),
        FallibleCall("wait4", [EINTR]),
        FallibleCall("waitid", [ECHILD]),
    ]

    /// Between clone and exec.
    private static let child: [FallibleCall?] = [
        FallibleCall("capget", privilege),
        FallibleCall("capset", privilege),
        FallibleCall("chdir", [EACCES, ENOENT, ENOMEM]),
        FallibleCall("chroot", privilege),
        FallibleCall("close_range", [EMFILE, ENOMEM]),
        FallibleCall("dup3", [EMFILE, EBUSY, EINTR]),
        FallibleCall("prctl", [EINVAL], .operation("PR_SET_NO_NEW_PRIVS", argument: 0, value: 38)),
        FallibleCall("prctl", privilege, .operation("PR_CAPBSET_DROP", argument: 0, value: 24)),
        FallibleCall("sched_setaffinity", [EINVAL, EPERM]),
        FallibleCall("setgroups", [EPERM, ENOMEM]),
        FallibleCall("setpriority", [EACCES, EPERM]),
        FallibleCall("setresgid", privilege),
        FallibleCall("setresuid", [EAGAIN, EPERM]),
        FallibleCall("setsid", privilege),
        FallibleCall("statx", [ENOMEM, EACCES]),
    ]

    /// What a worker gives up.
    private static let confinement: [FallibleCall?] = [
        FallibleCall("landlock_create_ruleset", [EOPNOTSUPP, ENOMEM, EMFILE]),
        FallibleCall("landlock_restrict_self", [E2BIG, ENOMEM]),
        FallibleCall("prctl", [EINVAL], .operation("PR_SET_MDWE", argument: 0, value: 65)),
        FallibleCall("prctl", [EINVAL, EACCES, ENOMEM], .operation("PR_SET_SECCOMP", argument: 0, value: 22)),
    ]
}
