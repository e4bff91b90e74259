internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// NOTIFY_SOCKET: what `wait` handlers say of themselves, one datagram socket for all of them.
///
/// Anybody may send there; who is heard is decided by the kernel's word on the sender (SCM_CREDENTIALS): a
/// handler, or a process of its group. Descriptors that come along are closed, which is what
/// sd_notify_barrier(3) waits for; not by the kernel on the way, nor here: their close may wait.
final class NotifySocket: EventSource {
    /// As handlers reach it.
    let path: String
    private let socket: OwnedDescriptor
    private let runtime: Runtime
    private var registration: RegistrationID?
    private var buffer = [UInt8](repeating: 0, count: NotifyMessage.longest)
    private var listeners: [Int32: (ProcessNotification) -> Void] = [:]
    /// From processes that are not known yet, while a launcher has yet to tell whose they are.
    private var early: [(sender: Int32, group: Int32?, notifications: [ProcessNotification])] = []
    /// Messages that were no handler's, or no notification.
    var dropped = 0
    private var unreported = 0
    private var summary: TimerID?
    private var rest: TimerID?

    static let socketName = "notify.sock"
    /// Messages read in one round of the loop.
    private static let budget = 64
    private static let mostEarly = 64
    /// What may lie in the socket's queue (net.unix.max_dgram_qlen), and more.
    private static let mostQueued = 4096
    /// While too many descriptors wait to be closed.
    private static let restDelay = Duration.milliseconds(20)

    init(_ socket: consuming OwnedDescriptor, path: String, runtime: Runtime) throws(Errno) {
        self.path = path
        self.runtime = runtime
        try Socket.set(.passCredentials, 1, on: socket.borrowed)
        // Not before Linux 6.5.
        try? Socket.set(.passProcess, 1, on: socket.borrowed)
        self.socket = socket
        registration = try runtime.loop.watch(self.socket.borrowed, for: .readable, self)
    }

    var saved: SavedDescriptor { SavedDescriptor(socket.borrowed) }

    func close() {
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        for timer in [summary, rest] { timer.map(runtime.loop.cancel) }
        (summary, rest) = (nil, nil)
        listeners = [:]
    }

    /// Tells what `pid`, a child that leads its process group, says, from now on and what it has said already.
    func listen(to pid: Int32, _ hear: @escaping (ProcessNotification) -> Void) {
        listeners[pid] = hear
        let mine = early.filter { $0.sender == pid || $0.group == pid }
        early.removeAll { $0.sender == pid || $0.group == pid }
        for notification in mine.flatMap(\.notifications) { hear(notification) }
    }

    /// `pid` has ended: its number may come to mean another.
    func forget(_ pid: Int32) {
        listeners[pid] = nil
    }

    func ready(_ interest: Epoll.Interest) {
        read(atMost: Self.budget)
    }

    /// Reads everything that has come so far.
    func drain() {
        read(atMost: Self.mostQueued)
    }

    /// Nothing is read at the moment: silence proves nothing.
    var isResting: Bool { rest != nil }

    private func read(atMost count: Int) {
        var left = count
        while left > 0 {
            guard !runtime.launchers.isBurdened else { return restNow() }
            guard
                let message = try? DescriptorPassing.receive(
                    into: &buffer, room: DescriptorPassing.mostDescriptors, withPID: true, on: socket.borrowed)
            else { return }
            runtime.closeForeign(message.descriptors)
            take(message)
            left -= 1 + message.descriptors.count
        }
    }

    private func restNow() {
        guard rest == nil else { return }
        if let registration { runtime.loop.forget(registration) }
        registration = nil
        rest = runtime.loop.schedule(after: Self.restDelay) { [weak self] in
            guard let self else { return }
            rest = nil
            registration = try? runtime.loop.watch(socket.borrowed, for: .readable, self)
        }
    }

    private func take(_ message: DescriptorPassing.Received) {
        guard !message.dataTruncated, let notifications = NotifyMessage.parse(buffer[..<message.count]) else {
            return drop(message.pid, "it is no notification")
        }
        // 0 is a sender outside our pid namespace.
        let group = message.pid > 0 ? ChildProcess.group(of: message.pid) : nil
        // Looked at last: so the number was its own when it was looked up.
        if let process = message.process?.take(), ProcessDescriptor(adopting: process).isCollected {
            return drop(message.pid, "its process has ended, and the number may be another's")
        }
        if let hear = listeners[message.pid] ?? group.flatMap({ listeners[$0] }) {
            for notification in notifications { hear(notification) }
        } else if isEarly(message.pid, of: group) {
            early.append((message.pid, group, notifications))
            expireEarly()
        } else {
            drop(message.pid, "it is no wait handler of ours, nor in the group of one")
        }
    }

    /// Whether it may be a handler's of whom its launcher has yet to tell. That is a child of ours, which no stranger is.
    private func isEarly(_ sender: Int32, of group: Int32?) -> Bool {
        guard runtime.instances.expectsMore(), early.count < Self.mostEarly else { return false }
        return ChildProcess.has(sender) || group.map(ChildProcess.has) == true
    }

    /// Once nothing is being started, those that nobody has asked for are nobody's.
    private func expireEarly() {
        guard early.count == 1 else { return }
        _ = runtime.loop.schedule(after: .seconds(1)) { [weak self] in
            guard let self, !early.isEmpty else { return }
            if runtime.instances.expectsMore() { return expireEarly() }
            for message in early { drop(message.sender, "it is no wait handler of ours, nor in the group of one") }
            early = []
        }
    }

    private func drop(_ pid: Int32, _ why: String) {
        dropped += 1
        unreported += 1
        guard summary == nil else { return }
        summary = runtime.loop.schedule(after: .seconds(1)) { [weak self] in
            guard let self else { return }
            summary = nil
            runtime.events.report(.supervisor(.notificationsDropped(count: unreported, pid: Int(pid), why: why)))
            unreported = 0
        }
    }
}
