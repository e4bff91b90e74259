internal import ControlProtocol
internal import DequeModule
internal import LinuxSystem
internal import SystemPackage

/// What the supervisor tells the service manager that started it (sd_notify(3)): its state, a line about it, signs of
/// life, and the descriptors that the manager is to keep.
///
/// Nothing here waits: what the manager does not take now is sent in order when it does.
final class Notifier: EventSource {
    /// Nil where the socket is one that was given to this process.
    private let address: SocketAddress?
    private let loop: EventLoop
    private var socket: OwnedDescriptor?
    private var waiting: Deque<Message> = []
    private var registration: RegistrationID?
    private var failure: Errno?
    private var retry: TimerID?
    /// How things stand is told as it changes.
    private var tells = false
    private var lastStatus = ""
    private var update: TimerID?
    /// How things stand, in a line.
    var summary: () -> String = { "" }
    /// Told once that the manager does not hear.
    var failed: (Errno) -> Void = { _ in }

    private struct Message {
        var text: String
        var descriptor: DescriptorBox?
        /// Soon said anew, be it by another program in our place.
        var isPassing: Bool { text.hasPrefix("STATUS=") || text == "WATCHDOG=1" }
    }

    /// Messages that may wait: enough to have every listener kept.
    private static let mostWaiting = 16_384
    /// Between two lines about how things stand.
    private static let updateInterval = Duration.seconds(1)
    /// To look whether there is again what the kernel was short of.
    private static let retryDelay = Duration.milliseconds(100)

    private let watchdog: Duration?

    /// Nil where no manager listens.
    init?(_ environment: ManagerEnvironment, loop: EventLoop) {
        guard let address = environment.notifySocket else { return nil }
        self.address = address
        self.loop = loop
        watchdog = environment.watchdog
    }

    /// Tells the monitor, which tells the manager.
    ///
    /// - Parameter watchdog: The longest that the manager waits for a sign of life.
    init(toMonitor socket: consuming OwnedDescriptor, watchdog: Duration?, loop: EventLoop) {
        address = nil
        self.socket = consume socket
        self.loop = loop
        self.watchdog = watchdog
    }

    /// Signs of life, as the manager wants them.
    func live() {
        if let watchdog { showLife(every: watchdog / 2) }
    }

    /// What leads to the monitor.
    var saved: SavedDescriptor? {
        guard address == nil, let socket = socket?.borrowed else { return nil }
        return SavedDescriptor(socket)
    }

    /// Says what the worker has said.
    func relay(_ text: String) {
        send(text)
    }

    /// The manager has taken all that it was told, but for what will be said anew.
    var isAtRest: Bool { waiting.allSatisfy(\.isPassing) }

    // MARK: The state

    /// All is up, at the start or again after `reloading`.
    func ready() {
        tell("READY=1")
    }

    /// A new table is being taken over; `ready` follows, whatever came of it.
    func reloading() {
        tells = false
        send("RELOADING=1\nMONOTONIC_USEC=\(Clock.now().microseconds)\n\(Self.status("reloading"))")
    }

    /// It takes no more and ends once all is done.
    func stopping() {
        tell("STOPPING=1")
    }

    private func tell(_ state: String) {
        tells = true
        lastStatus = summary()
        send("\(state)\n\(Self.status(lastStatus))")
    }

    /// It will exit with `status`, because of `why`.
    func failing(why: String, status: Int32, error: Errno? = nil) {
        tells = false
        send(
            (["\(Self.status(why))", "EXIT_STATUS=\(status)"] + (error.map { ["ERRNO=\($0.rawValue)"] } ?? []))
                .joined(separator: "\n"))
    }

    /// Something happened, so that the line may be another one now. It is sent when it is, once a second at most.
    func somethingHappened() {
        guard tells, update == nil else { return }
        update = loop.schedule(after: Self.updateInterval) { [weak self] in
            guard let self else { return }
            update = nil
            let status = summary()
            guard tells, status != lastStatus else { return }
            lastStatus = status
            send(Self.status(status))
        }
    }

    private static func status(_ text: String) -> String { "STATUS=\(text.printable(limit: 512))" }

    /// From the loop and nowhere else: a supervisor that hangs is silent.
    private func showLife(every interval: Duration) {
        if waiting.isEmpty { send("WATCHDOG=1") }
        _ = loop.schedule(after: interval) { [weak self] in self?.showLife(every: interval) }
    }

    // MARK: What it keeps

    /// Gives the manager a copy of a socket to keep until it is told otherwise, whatever becomes of this process. It does
    /// not look at it (FDPOLL=0): it would forget a socket that was shut down and leave the name to us.
    func keep(_ descriptor: FileDescriptor, name: String) {
        guard let copy = try? descriptor.duplicate() else { return }
        send("FDSTORE=1\nFDNAME=\(name)\nFDPOLL=0", DescriptorBox(copy))
    }

    /// Has the manager close what it keeps under `name`.
    func giveUp(name: String) {
        send("FDSTOREREMOVE=1\nFDNAME=\(name)")
    }

    // MARK: Sending

    private func send(_ text: String, _ descriptor: DescriptorBox? = nil) {
        guard waiting.count < Self.mostWaiting else { return }
        waiting.append(Message(text: text, descriptor: descriptor))
        if registration == nil, retry == nil { drain() }
    }

    func ready(_ interest: Epoll.Interest) {
        drain()
    }

    private func drain() {
        while let message = waiting.first {
            do {
                let socket = try connected()
                let passing = message.descriptor?.borrowed.map { [$0] } ?? []
                try DescriptorPassing.send(Array(message.text.utf8), passing: passing, on: socket)
            } catch {
                if error == .wouldBlock { return watch() }
                if error.isShortage { return tryLater() }
                close()
                if failure == nil { failed(error) }
                failure = error
            }
            waiting.removeFirst()
        }
        unwatch()
    }

    private func connected() throws(Errno) -> FileDescriptor {
        if let descriptor = socket?.borrowed { return descriptor }
        guard let address else { throw .socketNotConnected }
        let made = try Socket.make(family: address.family, .datagram, nonblocking: true)
        try Socket.connect(made.borrowed, to: address)
        let descriptor = made.borrowed
        socket = consume made
        return descriptor
    }

    private func watch() {
        guard registration == nil, let socket = socket?.borrowed else { return }
        registration = try? loop.watch(socket, for: .writable, self)
        if registration == nil { tryLater() }
    }

    private func tryLater() {
        unwatch()
        guard retry == nil else { return }
        retry = loop.schedule(after: Self.retryDelay) { [weak self] in
            self?.retry = nil
            self?.drain()
        }
    }

    private func unwatch() {
        if let registration { loop.forget(registration) }
        registration = nil
    }

    /// One that was given to this process it cannot make anew.
    private func close() {
        unwatch()
        if address != nil { socket = nil }
    }
}

extension Duration {
    fileprivate var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
