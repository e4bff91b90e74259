internal import CLinux
internal import Glibc
package import SystemPackage

/// How a process ended (wait(2)).
package enum ExitStatus: Hashable, Sendable {
    case exited(Int32)
    case signaled(Int32, coreDumped: Bool)

    package var succeeded: Bool { self == .exited(0) }

    /// - Parameter status: As wait(2) answers it.
    init(waited status: Int32) {
        self =
            baton_exited(status) != 0
            ? .exited(baton_exit_status(status))
            : .signaled(baton_term_signal(status), coreDumped: baton_dumped_core(status) != 0)
    }
}

extension ExitStatus: CustomStringConvertible {
    package var description: String {
        switch self {
        case .exited(let status): "status \(status)"
        case .signaled(let signal, let coreDumped):
            "signal \(SignalName.of(signal))\(coreDumped ? ", core dumped" : "")"
        }
    }
}

/// Our own children. A child keeps its pid until it is reaped, so signals to it are race-free.
package enum ChildProcess {
    /// Lets children that have ended be collected, whatever this process was started with: of one that ignores SIGCHLD they
    /// leave nothing, and it is not told of them (sigaction(2)). To be called first of all.
    package static func keepEnded() {
        baton_signals_reset(1 << UInt64(SIGCHLD - 1))
    }

    /// Collects one child that has ended; nil when none has (or there is none at all). The kernel looks at all that run,
    /// one after the other.
    ///
    /// - Parameter child: This one and no other, which takes no look at the others.
    package static func reap(_ child: Int32? = nil) -> (pid: Int32, status: ExitStatus)? {
        var status: Int32 = 0
        guard let pid = try? SystemCall.value({ unsafe waitpid(child ?? -1, &status, WNOHANG) }), pid > 0 else {
            return nil
        }
        return (pid, ExitStatus(waited: status))
    }

    /// From now on what descendants leave behind becomes this process's child (prctl(2), PR_SET_CHILD_SUBREAPER).
    package static func adoptOrphans() throws(Errno) {
        try SystemCall.value { baton_adopt_orphans() }
    }

    /// Waits until one child has ended, and collects it.
    package static func collect(_ pid: Int32) throws(Errno) -> ExitStatus {
        var status: Int32 = 0
        try SystemCall.value { unsafe waitpid(pid, &status, 0) }
        return ExitStatus(waited: status)
    }

    /// The process group of any process; nil when it is gone.
    package static func group(of pid: Int32) -> Int32? {
        let group = getpgid(pid)
        return group > 0 ? group : nil
    }

    /// Signals the process group that a child of ours leads. False when nobody is left in it.
    @discardableResult
    package static func signalGroup(_ pid: Int32, _ signal: Int32) -> Bool {
        precondition(pid > 1, "a process group of our own children")
        return kill(-pid, signal) == 0
    }

    @discardableResult
    package static func signal(_ pid: Int32, _ signal: Int32) -> Bool {
        precondition(pid > 1, "a child of ours")
        return kill(pid, signal) == 0
    }
}

/// The kernel's names of signals.
package enum SignalName {
    private static let names: [(Int32, String)] = [
        (SIGHUP, "HUP"), (SIGINT, "INT"), (SIGQUIT, "QUIT"), (SIGILL, "ILL"), (SIGTRAP, "TRAP"), (SIGABRT, "ABRT"),
        (SIGBUS, "BUS"), (SIGFPE, "FPE"), (SIGKILL, "KILL"), (SIGUSR1, "USR1"), (SIGSEGV, "SEGV"), (SIGUSR2, "USR2"),
        (SIGPIPE, "PIPE"), (SIGALRM, "ALRM"), (SIGTERM, "TERM"), (SIGCHLD, "CHLD"), (SIGCONT, "CONT"),
        (SIGSTOP, "STOP"),
        (SIGTSTP, "TSTP"), (SIGTTIN, "TTIN"), (SIGTTOU, "TTOU"), (SIGURG, "URG"), (SIGXCPU, "XCPU"), (SIGXFSZ, "XFSZ"),
        (SIGVTALRM, "VTALRM"), (SIGPROF, "PROF"), (SIGWINCH, "WINCH"), (SIGIO, "IO"), (SIGPWR, "PWR"), (SIGSYS, "SYS"),
    ]

    /// `TERM` for 15; the number where there is no name.
    package static func of(_ signal: Int32) -> String {
        names.first { $0.0 == signal }?.1 ?? "\(signal)"
    }

    /// The number of `TERM` or `SIGTERM`.
    package static func number(_ name: some StringProtocol) -> Int32? {
        let bare = name.hasPrefix("SIG") ? String(name.dropFirst(3)) : String(name)
        return names.first { $0.1 == bare }?.0
    }
}

/// A process held by a pidfd, so that its number cannot come to mean another and its end can be waited for.
package struct ProcessDescriptor: ~Copyable {
    private let descriptor: OwnedDescriptor

    package init(adopting descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// A child of ours that has not been collected (pidfd_open(2)).
    package init(child pid: Int32) throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try SystemCall.value { baton_pidfd_open(pid) })
    }

    /// Readable when the process has ended (pidfd_open(2)).
    package var borrowed: FileDescriptor { descriptor.borrowed }

    /// Whether it has ended, collected or not.
    package var hasEnded: Bool {
        (try? Poll.wait(for: descriptor.borrowed, .readable, within: .zero)) ?? false
    }

    package consuming func release() -> OwnedDescriptor { descriptor }

    /// Whether it has ended and was collected, so that its number may mean another by now.
    package var isCollected: Bool {
        do { try signal(0) } catch { return error == .noSuchProcess }
        return false
    }

    package borrowing func signal(_ signal: Int32) throws(Errno) {
        try SystemCall.value { baton_pidfd_signal(descriptor.rawValue, signal) }
    }

    /// Waits until the process has ended; whether its parent has collected it does not matter.
    package borrowing func waitForEnd() throws(Errno) {
        var epoll = try Epoll(batch: 1)
        try epoll.add(descriptor.borrowed, .readable, token: 0)
        while try epoll.wait(timeout: nil) == 0 {}
    }
}
