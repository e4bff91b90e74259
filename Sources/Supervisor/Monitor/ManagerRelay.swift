internal import LinuxSystem
internal import SystemPackage

/// Takes to the service manager what the worker has to say to it: a manager listens to the main process only.
///
/// It speaks of the supervisor's state, and of nothing else: descriptors are the monitor's to give into keeping.
final class ManagerRelay: EventSource {
    private let ours: OwnedDescriptor
    private let end: OwnedDescriptor
    private let notifier: Notifier
    private var registration: RegistrationID?
    private var buffer = [UInt8](repeating: 0, count: 4096)

    private static let taken: Set<Substring> = [
        "READY", "RELOADING", "STOPPING", "STATUS", "MONOTONIC_USEC", "WATCHDOG", "EXIT_STATUS", "ERRNO",
    ]

    convenience init(_ notifier: Notifier, loop: EventLoop) throws(Errno) {
        let pair = try Socket.pair(.datagram)
        try Socket.setNonblocking(pair.theirs.borrowed, true)
        try self.init(notifier, ours: pair.ours, theirs: pair.theirs, loop: loop)
    }

    private init(
        _ notifier: Notifier, ours: consuming OwnedDescriptor, theirs: consuming OwnedDescriptor, loop: EventLoop
    ) throws(Errno) {
        self.notifier = notifier
        self.ours = ours
        end = theirs
        registration = try loop.watch(self.ours.borrowed, for: .readable, self)
    }

    /// Both ends.
    var saved: [SavedDescriptor] { [SavedDescriptor(ours.borrowed), SavedDescriptor(end.borrowed)] }

    /// Goes on with both ends.
    convenience init(_ notifier: Notifier, _ saved: [SavedDescriptor], loop: EventLoop) throws(Errno) {
        try self.init(notifier, ours: saved[0].adopt(), theirs: saved[1].adopt(), loop: loop)
    }

    /// The worker's end.
    var theirs: FileDescriptor { end.borrowed }

    func ready(_ interest: Epoll.Interest) {
        // What came along is nobody's.
        let received = try? DescriptorPassing.receive(
            into: &buffer, room: DescriptorPassing.mostDescriptors, on: ours.borrowed)
        guard let received else { return }
        Disposal.close(received.descriptors)
        let lines = String(decoding: buffer[..<received.count], as: UTF8.self).split(separator: "\n").filter { line in
            line.firstIndex(of: "=").map { Self.taken.contains(line[..<$0]) } ?? false
        }
        if !lines.isEmpty { notifier.relay(lines.joined(separator: "\n")) }
    }
}
