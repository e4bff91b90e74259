internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// `banner`: what connections of one service are told once they are admitted, before anything serves them.
///
/// A fresh socket has room for it, so that one send is the rule. Whoever has no room is waited for, in bounds.
final class Banner {
    /// Empty: nothing any more.
    var text: [UInt8]
    private let record: ServiceRecord
    private let runtime: Runtime
    private let timeout: Duration
    /// Told when one was told all, or given up: it counts no longer.
    private let changed: () -> Void
    private var waiting: [UInt64: (origin: ConnectionOrigin, rest: BannerRest)] = [:]

    /// Nil where there is nothing to say.
    ///
    /// - Parameter timeout: How long a client may take to make room for the rest.
    init?(
        _ text: [UInt8], record: ServiceRecord, runtime: Runtime, timeout: Duration = .seconds(10),
        changed: @escaping () -> Void = {}
    ) {
        guard !text.isEmpty else { return nil }
        self.changed = changed
        self.timeout = timeout
        self.text = text
        self.record = record
        self.runtime = runtime
    }

    /// Connections that have not been told all of it; they are counted as queued.
    var count: Int { waiting.count }

    /// Says it to `connection`, and lets it go on. A client that is gone is no concern here: whatever serves the
    /// connection finds out, as it does a moment later.
    ///
    /// - Parameter goOn: Called now, when `waited` is false, or later; not for a client that took too long.
    func send(on connection: DescriptorBox, _ origin: ConnectionOrigin, goOn: @escaping (_ waited: Bool) -> Void) {
        guard !text.isEmpty else { return goOn(false) }
        guard let socket = connection.borrowed else { return }
        let sent: Int
        do {
            sent = try DescriptorPassing.send(text, on: socket)
        } catch {
            sent = error == .wouldBlock ? 0 : text.count
        }
        guard sent < text.count else { return goOn(false) }
        record.connections.queued += 1
        wait(connection, origin, text[sent...], until: runtime.loop.now + timeout) { goOn(true) }
    }

    private func wait(
        _ connection: DescriptorBox, _ origin: ConnectionOrigin, _ text: ArraySlice<UInt8>, until due: Duration,
        goOn: @escaping () -> Void
    ) {
        let rest = BannerRest(connection, text, due: due, loop: runtime.loop) { [self] outcome in
            waiting[origin.number] = nil
            record.connections.queued -= 1
            switch outcome {
            case .sent: goOn()
            case .late: giveUp(connection, origin)
            }
            changed()
        }
        // No kernel memory to wait with: half a banner is worse than none at all, and cannot be taken back.
        guard rest.start() else {
            record.connections.queued -= 1
            return giveUp(connection, origin)
        }
        waiting[origin.number] = (origin, rest)
    }

    // MARK: Carried over

    var saved: [SavedBanner] { waiting.values.compactMap { $0.rest.saved($0.origin) } }

    /// Goes on telling. The connections are counted already.
    func resume(
        _ saved: [SavedBanner], _ books: Intake, goOn: @escaping (DescriptorBox, ConnectionOrigin) -> Void
    ) {
        for one in saved {
            let connection = one.connection.descriptor.adoptBox()
            let origin = ConnectionOrigin(one.connection.origin, books)
            wait(connection, origin, one.rest[...], until: one.due) { goOn(connection, origin) }
        }
    }

    private func giveUp(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        record.connections.ended += 1
        record.report(
            .ended(duration: runtime.loop.now - origin.accepted, why: "its client did not read the banner"), origin)
        if let descriptor = connection.take() { runtime.closeUnread(descriptor) }
    }

    func list(in census: inout ConnectionCensus) {
        for (origin, _) in waiting.values { census.add(origin, .banner) }
    }

    /// The supervisor stops: nobody is waited for any more.
    func end() {
        for (_, rest) in waiting.values { rest.finish(.late) }
    }
}

/// What one client has not been told yet.
private final class BannerRest: EventSource {
    private let connection: DescriptorBox
    private var rest: ArraySlice<UInt8>
    private let loop: EventLoop
    private let due: Duration
    private let ended: (Outcome) -> Void
    private var registration: RegistrationID?
    private var timer: TimerID?

    enum Outcome {
        /// Or the client is gone.
        case sent
        case late
    }

    init(
        _ connection: DescriptorBox, _ rest: ArraySlice<UInt8>, due: Duration, loop: EventLoop,
        ended: @escaping (Outcome) -> Void
    ) {
        self.connection = connection
        self.rest = rest
        self.loop = loop
        self.due = due
        self.ended = ended
    }

    func saved(_ origin: ConnectionOrigin) -> SavedBanner? {
        SavedConnection(connection, origin).map { SavedBanner(connection: $0, rest: Array(rest), due: due) }
    }

    func start() -> Bool {
        guard let socket = connection.borrowed, let id = try? loop.watch(socket, for: .writable, self) else {
            return false
        }
        registration = id
        timer = loop.schedule(at: due) { [weak self] in self?.finish(.late) }
        return true
    }

    func ready(_ interest: Epoll.Interest) {
        guard let socket = connection.borrowed else { return }
        do {
            rest = rest.dropFirst(try DescriptorPassing.send(Array(rest), on: socket))
            if rest.isEmpty { finish(.sent) }
        } catch .wouldBlock {
            return
        } catch {
            finish(.sent)
        }
    }

    func finish(_ outcome: Outcome) {
        guard let registration else { return }
        loop.forget(registration)
        self.registration = nil
        if let timer { loop.cancel(timer) }
        ended(outcome)
    }
}
