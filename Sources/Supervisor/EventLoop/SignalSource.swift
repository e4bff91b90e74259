internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Who is told of signals.
protocol SignalTarget: AnyObject {
    func received(_ signal: SignalDescriptor.Signal)
}

/// The supervisor's signals, as events of the loop.
final class SignalSource: EventSource {
    private let descriptor: SignalDescriptor
    private var registration: RegistrationID?
    weak var target: (any SignalTarget)?

    init(loop: EventLoop) throws(Errno) {
        descriptor = try SignalDescriptor([SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2])
        registration = try loop.watch(descriptor.borrowed, for: .readable, self)
    }

    func ready(_ interest: Epoll.Interest) {
        // One a call: the loop comes again for others, which are seldom there.
        if let signal = descriptor.next() { target?.received(signal) }
    }
}
