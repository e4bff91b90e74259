internal import CLinux
internal import Glibc
package import SystemPackage

/// Signals as data: blocked for the process and read from a descriptor (signalfd(2)).
package struct SignalDescriptor: ~Copyable {
    private let descriptor: OwnedDescriptor

    /// Blocks `signals` and takes them over. What the process spawns must unblock them before exec.
    package init(_ signals: [Int32]) throws(Errno) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        try SystemCall.value { unsafe sigprocmask(SIG_BLOCK, &set, nil) }
        let number = try SystemCall.value { unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK)) }
        descriptor = OwnedDescriptor(adopting: number)
    }

    package var borrowed: FileDescriptor { descriptor.borrowed }

    package struct Signal {
        package let number: Int32
        /// Who sent it; of SIGCHLD, the child.
        package let pid: Int32
    }

    /// The next signal that has come; nil when there is none.
    package func next() -> Signal? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        let count = try? SystemCall.value { unsafe read(descriptor.rawValue, &info, size) }
        guard count == size else { return nil }
        return Signal(number: Int32(info.ssi_signo), pid: Int32(bitPattern: info.ssi_pid))
    }

    /// Lets writes to a closed pipe fail with EPIPE instead of a signal.
    package static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }
}
