internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Hands connections to persistent handlers, and keeps what no handler has acknowledged.
final class HandoffDispatch {
    let settings: Handoff
    let record: ServiceRecord
    let runtime: Runtime
    let supply: HandlerSupply
    /// The service's own `exec`.
    private let fallback: ExecDispatch?
    private let refuser: Refuser
    /// Told when the room in the queue may have changed.
    private let changed: () -> Void
    private var queue = BatonQueue()
    private(set) var handlers: [Handler] = []
    private var queueTimer: TimerID?
    private var retry: TimerID?
    private var stopping = false

    /// After a send that failed for lack of kernel memory.
    private static let shortDelay = Duration.milliseconds(20)

    init(
        settings: Handoff, supply: HandlerSupply, fallback: ExecDispatch?, refuser: Refuser, record: ServiceRecord,
        runtime: Runtime, changed: @escaping () -> Void
    ) {
        self.settings = settings
        self.supply = supply
        self.fallback = fallback
        self.refuser = refuser
        self.record = record
        self.runtime = runtime
        self.changed = changed
        supply.owner = self
    }

    // MARK: Availability

    var queued: Int { queue.count }
    /// Connections that may be accepted now: what the queue takes.
    var room: Int {
        guard let size = settings.queueSize else { return .max }
        return max(0, max(1, size) - queue.count)
    }

    /// What the router needs to know.
    var availability: HandlerAvailability {
        HandlerAvailability(
            isFailed: supply.isFailed, isKept: settings.program != nil,
            isRegistered: handlers.contains { $0.isExpected })
    }

    var hasReadyHandler: Bool { handlers.contains { $0.state == .ready } }

    // MARK: Connections

    /// Takes a connection that was routed here.
    func dispatch(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        record.connections.queued += 1
        queue.append(Baton(connection, origin), at: runtime.loop.now)
        pump()
    }

    /// Sends what can be sent, in order, and sees to it that somebody comes for the rest.
    func pump() {
        while let baton = queue.first, let handler = leastLoaded(for: baton) {
            _ = queue.removeFirst(at: runtime.loop.now)
            let outcome = handler.deliver(baton)
            guard outcome != .sent else { continue }
            // Not sent, so still ours: at the head of the queue, and open.
            queue.requeue([baton], at: runtime.loop.now)
            if outcome == .short { tryAgainSoon() }
            break
        }
        if !queue.isEmpty, !stopping { supply.demand() }
        armQueueTimer()
        changed()
        drainIfDone()
    }

    private func leastLoaded(for baton: Baton) -> Handler? {
        handlers.lazy.filter { $0.hasRoom(for: baton) }.min { $0.load < $1.load }
    }

    private func tryAgainSoon() {
        guard retry == nil else { return }
        retry = runtime.loop.schedule(after: Self.shortDelay) { [weak self] in
            self?.retry = nil
            self?.pump()
        }
    }

    private func armQueueTimer() {
        if let queueTimer { runtime.loop.cancel(queueTimer) }
        queueTimer = nil
        guard let timeout = settings.queueTimeout, let deadline = queue.nextDeadline(timeout) else { return }
        queueTimer = runtime.loop.schedule(after: max(.zero, deadline - runtime.loop.now)) { [weak self] in
            self?.expire()
        }
    }

    private func expire() {
        queueTimer = nil
        guard let timeout = settings.queueTimeout else { return }
        for baton in queue.removeExpired(timeout, at: runtime.loop.now) { refuse(baton, .queueTimeout) }
        pump()
    }

    private func refuse(_ baton: Baton, _ reason: RefusalReason) {
        record.connections.queued -= 1
        // Where a handler has set SO_LINGER the close may wait.
        if let socket = baton.connection.borrowed, Socket.mayBlockInClose(socket) {
            refuser.note(baton.origin, reason)
            return close(baton)
        }
        refuser.refuse(baton.connection, baton.origin, reason)
    }

    private func close(_ baton: Baton) {
        if let descriptor = baton.connection.take() { runtime.close(descriptor) }
    }

    // MARK: Handlers

    /// A handler that is on its way, or has come from outside.
    func add(_ handler: Handler) {
        handlers.append(handler)
    }

    /// A handler that never came to be.
    func forget(_ handler: Handler) {
        handler.channel?.close()
        handlers.removeAll { $0 === handler }
    }

    /// The service failed: nobody comes for what waits.
    func supplyFailed() {
        for baton in queue.removeAll(at: runtime.loop.now) {
            if let fallback {
                record.connections.queued -= 1
                fallback.dispatch(baton.connection, baton.origin)
            } else {
                refuse(baton, .noHandler)
            }
        }
        armQueueTimer()
        changed()
    }

    // MARK: Stopping

    /// Takes no more; handlers are drained once the queue has reached them.
    func stop() {
        stopping = true
        supply.stop()
        pump()
    }

    private func drainIfDone() {
        guard stopping, queue.isEmpty || handlers.allSatisfy({ $0.state != .ready && $0.state != .starting })
        else { return }
        for handler in handlers { handler.handle(.drainAsked) }
    }

    /// The time to drain is over.
    func end(firmly: Bool) {
        for baton in queue.removeAll(at: runtime.loop.now) { refuse(baton, .stopping) }
        for handler in handlers { handler.dismiss(firmly: firmly) }
    }

    /// Nothing of ours is left: no child, and nobody has what was not acknowledged.
    var isDone: Bool {
        queue.isEmpty && handlers.allSatisfy { $0.machineKind == .registered && $0.load == 0 } && !supply.isStarting
    }
}

extension HandoffDispatch: HandlerOwner {
    func handlerReady(_ handler: Handler) {
        if handler.machineKind == .supervised { supply.succeeded() }
        pump()
    }

    func handlerHasRoom(_ handler: Handler) {
        if !queue.isEmpty { pump() }
    }

    func handler(_ handler: Handler, acknowledged batons: [Baton]) {
        for baton in batons {
            record.connections.queued -= 1
            record.connections.active += 1
            record.connections.handedOff += 1
            record.report(.acknowledged(handler: handler.id), baton.origin)
            close(baton)
        }
    }

    func handler(_ handler: Handler, ended origins: [ConnectionOrigin]) {
        for origin in origins {
            record.connections.active -= 1
            record.connections.ended += 1
            record.report(.ended(duration: runtime.loop.now - origin.accepted), origin)
        }
    }

    func handler(_ handler: Handler, returned baton: Baton, why: String) {
        record.report(.nacked(handler: handler.id, why: why), baton.origin)
        requeue([baton], why: "NACK")
        pump()
    }

    func handlerLeaving(_ handler: Handler) {
        supply.left(handler)
        if !queue.isEmpty { pump() }
    }

    func handlerGone(_ handler: Handler, _ departure: HandlerMachine.Departure, _ remains: Handler.Remains) {
        handlers.removeAll { $0 === handler }
        let expected = departure.manner == .dismissed || departure.manner == .finished
        record.report(
            .handler(.gone(id: handler.id, pid: Int(handler.pid), why: departure.description, expected: expected)))
        settle(held: remains.held, expected: expected)
        settle(unacknowledged: remains.unacknowledged, departure, asked: handler.machine.endsAsAsked, of: handler)
        supply.ended(handler, departure, worked: remains.worked)
        pump()
    }

    private func settle(held: [ConnectionOrigin], expected: Bool) {
        for origin in held {
            record.connections.active -= 1
            if expected {
                record.connections.ended += 1
                record.report(.ended(duration: runtime.loop.now - origin.accepted), origin)
            } else {
                record.connections.cut += 1
                record.report(.cut(why: "its handler died"), origin)
            }
        }
    }

    /// What was not acknowledged goes back to the front of the queue, unless somebody may have it.
    private func settle(
        unacknowledged batons: [Baton], _ departure: HandlerMachine.Departure, asked: Bool, of handler: Handler
    ) {
        var returning: [Baton] = []
        if batons.count == 1, !asked { batons[0].deliveries += 1 }
        for baton in batons {
            if departure.leftChannelOpen || !baton.isUntouched {
                record.connections.queued -= 1
                record.connections.cut += 1
                record.report(
                    .cut(why: departure.leftChannelOpen ? "its channel stayed open" : "it was touched"), baton.origin)
                close(baton)
            } else if let most = settings.maxDeliveries, baton.deliveries >= most {
                record.connections.queued -= 1
                record.connections.abandoned += 1
                record.report(.abandoned(deliveries: baton.deliveries), baton.origin)
                close(baton)
            } else {
                baton.isSuspect = !asked
                returning.append(baton)
            }
        }
        requeue(returning, why: "handler \(handler.id) is gone")
    }

    private func requeue(_ batons: [Baton], why: String) {
        guard !batons.isEmpty else { return }
        for baton in batons { record.report(.requeued(why: why), baton.origin) }
        record.connections.requeued += batons.count
        queue.requeue(batons, at: runtime.loop.now)
    }
}

extension HandlerMachine.Departure: CustomStringConvertible {
    var description: String {
        let how =
            switch manner {
            case .failedStart: "never registered"
            case .crashed: "ended unasked"
            case .finished: "finished"
            case .dismissed: "ended as asked"
            }
        return status.map { "\(how), \($0)" } ?? how
    }
}
