internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Hands connections to persistent handlers, and keeps what no handler has acknowledged.
final class HandoffDispatch {
    @Shared private(set) var settings: Handoff
    /// Of the settings, what each connection asks for: they lie where the table has them, and a look at them is a call.
    private(set) var asked: AskedSettings
    let record: ServiceRecord
    let runtime: Runtime
    let supply: HandlerSupply
    /// The service's own `exec`.
    private var fallback: ExecDispatch?
    private let refuser: Refuser
    /// Told when the room in the queue may have changed.
    let changed: () -> Void
    var queue = BatonQueue()
    var handlers: [Handler] = []
    private var queueTimer: TimerID?
    private var retry: TimerID?
    private(set) var isStopping = false
    /// The time to drain is over: what comes back now reaches nobody.
    private var ended = false
    var balance: BalancePolicy
    /// Who takes what waits here, when another way has taken the place of this one.
    private var successor: ((Baton) -> Void)?
    /// No longer in the table.
    private var isRetired = false

    struct AskedSettings {
        let queueSize: Int?
        let queueTimeout: Duration?
        let isKept: Bool
        let holdsUntilDone: Bool

        init(_ settings: Handoff) {
            queueSize = settings.queueSize
            queueTimeout = settings.queueTimeout
            isKept = settings.program != nil
            holdsUntilDone = settings.hold == .done
        }
    }

    /// After a send that failed for lack of kernel memory.
    private static let shortDelay = Duration.milliseconds(20)

    init(
        settings: Shared<Handoff>, supply: HandlerSupply, fallback: ExecDispatch?, refuser: Refuser,
        record: ServiceRecord, runtime: Runtime, changed: @escaping () -> Void
    ) {
        _settings = settings
        asked = AskedSettings(settings.wrappedValue)
        balance = BalancePolicy(settings.wrappedValue.balance)
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
    /// In the queue or with a handler, acknowledged or not.
    var heldCount: Int { handlers.reduce(queue.count) { $0 + $1.load } }
    /// Connections that may be accepted now: what the queue takes.
    var room: Int {
        guard let size = asked.queueSize else { return .max }
        return max(0, max(1, size) - queue.count)
    }

    /// What the router needs to know.
    var availability: HandlerAvailability {
        HandlerAvailability(isFailed: supply.isFailed, isKept: asked.isKept, isRegistered: isRegistered)
    }

    private var isRegistered: Bool { handlers.contains { $0.isExpected } }

    var hasReadyHandler: Bool { handlers.contains { $0.state == .ready } }

    // MARK: Connections

    /// Takes a connection that was routed here.
    func dispatch(_ connection: DescriptorBox, _ origin: consuming ConnectionOrigin) {
        record.connections.queued += 1
        queue.append(Baton(connection, origin), at: runtime.loop.now)
        pump()
        if queue.isEmpty { supply.served() }
    }

    /// Sends what can be sent, in order, and sees to it that somebody comes for the rest.
    func pump() {
        if let successor { for baton in queue.removeAll(at: runtime.loop.now) { successor(baton) } }
        while !queue.isEmpty, let (place, handler) = nextDelivery() {
            guard let baton = queue.take(place, at: runtime.loop.now) else { break }
            let outcome = handler.deliver(baton)
            guard outcome != .sent else { continue }
            // Not sent, so still ours: at the head of the queue, and open. The handler has no room any more,
            // unless it is the kernel that is short.
            queue.requeue([baton], at: runtime.loop.now)
            if outcome == .short {
                tryAgain(after: Self.shortDelay)
                break
            }
        }
        if let baton = queue.first { seek(for: baton) }
        armQueueTimer()
        changed()
        drainIfDone()
    }

    /// The first in the queue, and the handler that gets it. Only one that passes a handler over may be overtaken: as
    /// far as that handler is concerned it is not in the queue.
    private func nextDelivery() -> (place: Int, handler: Handler)? {
        for place in 0..<queue.count {
            if let handler = handler(for: queue[place]) { return (place, handler) }
            guard queue[place].avoids != nil else { return nil }
        }
        return nil
    }

    private func handler(for baton: Baton) -> Handler? {
        let spare = supply.spare
        return balance.choose(
            source: SourceHash.of(baton.origin.peer, socket: baton.connection.borrowed), count: handlers.count
        ) { index in
            let handler = handlers[index]
            return BalanceCandidate(
                number: handler.number, slot: handler.slot, load: handler.load, room: room(on: handler, for: baton),
                isSpare: handler.number == spare)
        }.map { handlers[$0] }
    }

    /// The handler that gave it back gets it again only when there is no other.
    private func room(on handler: Handler, for baton: Baton) -> HandlerRoom {
        if baton.avoids == handler.number, handlers.contains(where: { $0.isExpected && $0 !== handler }) {
            return .none
        }
        return handler.room(for: baton)
    }

    /// Nobody could take the head of the queue.
    private func seek(for baton: Baton) {
        if isStopping {
            // Nobody else comes any more.
            if ended || handlers.isEmpty && !supply.isStarting { refuseAll(.stopping) }
        } else if handlers.allSatisfy({ room(on: $0, for: baton) == .none }) {
            supply.demand()
        } else {
            tryAgain(after: baton.isSuspect ? Self.shortDelay : Handler.patience)
        }
    }

    private func tryAgain(after delay: Duration) {
        guard retry == nil else { return }
        retry = runtime.loop.schedule(after: delay) { [self] in
            retry = nil
            pump()
        }
    }

    /// One that is set stays, though whoever it was set for has left: it finds then who is the next. Only what comes
    /// back may be due before that.
    private func armQueueTimer() {
        guard queueTimer == nil, let timeout = asked.queueTimeout, let deadline = queue.nextDeadline(timeout)
        else { return }
        queueTimer = runtime.loop.schedule(after: max(.zero, deadline - runtime.loop.now)) { [self] in expire() }
    }

    /// The first deadline may be another now.
    func disarmQueueTimer() {
        if let timer = queueTimer.take() { runtime.loop.cancel(timer) }
    }

    private func expire() {
        queueTimer = nil
        guard let timeout = asked.queueTimeout else { return }
        for baton in queue.removeExpired(timeout, at: runtime.loop.now) { refuse(baton, .queueTimeout) }
        pump()
    }

    private func refuseAll(_ reason: RefusalReason) {
        for baton in queue.removeAll(at: runtime.loop.now) { refuse(baton, reason) }
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

    func close(_ baton: Baton) {
        if let descriptor = baton.connection.take() { runtime.close(descriptor) }
    }

    // MARK: Handlers

    /// A handler that is on its way, or has come from outside.
    func add(_ handler: Handler) {
        let taken = Set(handlers.lazy.filter(\.isExpected).map(\.slot))
        handler.slot = (0...taken.count).first { !taken.contains($0) } ?? 0
        handlers.append(handler)
    }

    /// A handler that never came to be.
    func forget(_ handler: Handler) {
        handler.channel?.close()
        handlers.removeAll { $0 === handler }
    }

    /// The service failed: nobody comes for what waits, unless somebody is there already.
    func supplyFailed() {
        if !handlers.contains(where: \.isServing) { emptyQueue() }
    }

    /// Only registered handlers serve beside `exec`, and the last of them goes: what waits goes the way of what comes now.
    func leaveToFallback() {
        if fallback != nil, settings.program == nil, !isStopping, !isRegistered { emptyQueue() }
    }

    private func emptyQueue() {
        for baton in queue.removeAll(at: runtime.loop.now) {
            if let fallback, !Way.spawn.mergesPackets(of: baton.connection, isBegun: baton.isBegun) {
                record.connections.queued -= 1
                if let socket = baton.connection.borrowed { Socket.restoreMode(socket) }
                var origin = baton.origin
                origin.place = runtime.occupancy.take(beside: origin.place)
                fallback.dispatch(baton.connection, origin)
            } else {
                refuse(baton, .noHandler)
            }
        }
        armQueueTimer()
        changed()
    }

    func list(in census: inout ConnectionCensus) {
        for place in 0..<queue.count { census.add(queue[place].origin, .queued) }
        for handler in handlers { handler.list(in: &census) }
    }

    // MARK: Reload

    /// Goes by other settings, and so do the handlers that are there.
    ///
    /// - Parameters:
    ///   - start: Starts handlers from now on; nil: they register by themselves only.
    ///   - rolls: Those that run are to be replaced by what it starts.
    ///   - fallback: The service's own `exec`.
    func update(_ shared: Shared<Handoff>, start: HandlerStart?, rolls: Bool, fallback: ExecDispatch?) {
        let new = shared.wrappedValue
        if new.balance != settings.balance { balance = BalancePolicy(new.balance) }
        let wakes = new.start == .eager && (settings.start != .eager || supply.start == nil)
        (_settings, asked) = (shared, AskedSettings(new))
        disarmQueueTimer()
        self.fallback = fallback
        for handler in handlers { handler.update(new, stopSignal: start?.program.service.process.stopSignal) }
        supply.update(shared, start: start, wakes: wakes, rolls: rolls)
        pump()
    }

    // MARK: Stopping

    /// It is no longer in the table: handlers finish what they hold and are let go.
    ///
    /// - Parameter successor: Takes whatever waits or comes back, where another way has taken the place of this one.
    func retire(to successor: ((Baton) -> Void)?) {
        self.successor = successor
        isRetired = true
        stop()
    }

    /// Takes no more; handlers are drained once the queue has reached them.
    func stop() {
        isStopping = true
        supply.stop()
        pump()
    }

    /// A registered handler that has been told to finish, and has, is let go: its process is not ours to end.
    func dismissFinished() {
        guard isRetired else { return }
        for handler in handlers where handler.machineKind == .registered && handler.load == 0 {
            if handler.state == .draining { handler.handle(.lifelineEnded) }
        }
    }

    private func drainIfDone() {
        guard isStopping, queue.isEmpty || handlers.allSatisfy({ $0.state != .ready && $0.state != .starting })
        else { return }
        if queue.isEmpty { disarmQueueTimer() }
        for handler in handlers { handler.handle(.drainAsked) }
        dismissFinished()
    }

    /// The time to drain is over.
    func end(firmly: Bool) {
        ended = true
        refuseAll(.stopping)
        for handler in handlers { handler.dismiss(firmly: firmly) }
        // The process of a registered one is not ours to end: its channel ends, and it has `stop_grace` to close that too.
        for handler in handlers where handler.machineKind == .registered { handler.letGo(atOnce: firmly) }
    }

    /// Nobody is left, in the queue or to take from it.
    var isFinished: Bool { queue.isEmpty && handlers.isEmpty && !supply.isStarting }

    /// Nothing of ours is left: no child, and nobody has what was not acknowledged.
    var isDone: Bool {
        queue.isEmpty && handlers.allSatisfy { $0.machineKind == .registered && $0.load == 0 } && !supply.isStarting
    }
}
