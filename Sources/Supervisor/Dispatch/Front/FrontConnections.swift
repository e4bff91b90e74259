internal import ControlProtocol
internal import LinuxSystem

/// The connections of a front (`route`, tcpmux) until the services that they ask for have them. Each counts as active,
/// and has its place in the front, until it is settled here.
final class FrontConnections<Stage> {
    private let refuser: Refuser
    private let record: ServiceRecord
    private let runtime: Runtime
    /// Told whenever a connection left, so that there may be room again.
    private let changed: () -> Void
    private var guests: [UInt64: Guest] = [:]

    private struct Guest {
        let connection: DescriptorBox
        var origin: ConnectionOrigin
        var stage: Stage
        /// It is counted as refused; only its answer is still to be read.
        var isRefused = false
    }

    init(refuser: Refuser, record: ServiceRecord, runtime: Runtime, changed: @escaping () -> Void) {
        self.refuser = refuser
        self.record = record
        self.runtime = runtime
        self.changed = changed
    }

    var count: Int { guests.count }
    var stages: [(number: UInt64, stage: Stage)] { guests.map { ($0.key, $0.value.stage) } }

    func enter(_ connection: DescriptorBox, _ origin: ConnectionOrigin, _ stage: Stage) {
        record.connections.active += 1
        guests[origin.number] = Guest(connection: connection, origin: origin, stage: stage)
    }

    /// Nil when it is settled.
    func connection(_ number: UInt64) -> (connection: DescriptorBox, origin: ConnectionOrigin)? {
        guests[number].map { ($0.connection, $0.origin) }
    }

    func setStage(_ stage: Stage, of number: UInt64) {
        guests[number]?.stage = stage
    }

    /// What of its beginning has been read and not used.
    func setDrained(_ bytes: [UInt8], of number: UInt64) {
        guests[number]?.origin.drained = bytes
    }

    func list(in census: inout ConnectionCensus) {
        for guest in guests.values where !guest.isRefused { census.add(guest.origin, .routing) }
    }

    // MARK: Carried over

    /// - Parameter add: Puts in what the stage knows; false for one that cannot be carried over now.
    func saved(_ add: (Stage, inout SavedGuest) -> Bool) -> [SavedGuest] {
        guests.values.compactMap { guest in
            guard let connection = SavedConnection(guest.connection, guest.origin) else { return nil }
            var saved = SavedGuest(connection: connection, isRefused: guest.isRefused)
            return add(guest.stage, &saved) ? saved : nil
        }
    }

    /// Takes in one that is counted already.
    func resume(_ saved: SavedGuest, _ connection: DescriptorBox, _ origin: ConnectionOrigin, _ stage: Stage) {
        guests[origin.number] = Guest(
            connection: connection, origin: origin, stage: stage, isRefused: saved.isRefused)
    }

    /// Goes on saying what its client was being told.
    func answer(_ number: UInt64, _ saved: SavedProgress, patience: Duration) -> InternalConnection? {
        guard let guest = guests[number] else { return nil }
        return start(
            InternalConnection(
                saved, guest.connection, guest.origin, runtime: runtime, limits: Self.limits(patience)
            ) { [self] in end(number) }, number)
    }

    private static func limits(_ patience: Duration) -> InternalLimits {
        var limits = InternalLimits.standard
        limits.idleTimeout = patience
        return limits
    }

    private func start(_ answering: InternalConnection, _ number: UInt64) -> InternalConnection? {
        do {
            try answering.start()
            return answering
        } catch {
            end(number)
            return nil
        }
    }

    // MARK: To a service

    /// Offers it to a service; its place here is kept until it has one there.
    func offer(_ number: UInt64, to target: any ConnectionTarget, answer: @escaping (ConnectionOffer) -> Void) {
        guard let guest = guests[number] else { return }
        var origin = guest.origin
        origin.place = nil
        target.offer(guest.connection, origin) { [self] offer in
            if guests[number] != nil { answer(offer) }
        }
    }

    /// The service takes it over.
    func pass(_ number: UInt64, to service: String, _ enter: () -> Void) {
        guard let guest = guests.removeValue(forKey: number) else { return }
        record.connections.active -= 1
        record.connections.ended += 1
        record.report(.routed(to: service), guest.origin)
        enter()
        changed()
    }

    // MARK: To nobody

    /// The client has gone, or has read its answer.
    func end(_ number: UInt64) {
        guard let guest = guests.removeValue(forKey: number) else { return }
        if !guest.isRefused {
            record.connections.active -= 1
            record.connections.ended += 1
            record.report(.ended(duration: runtime.loop.now - guest.origin.accepted), guest.origin)
        }
        if let descriptor = guest.connection.take() { runtime.closeUnread(descriptor) }
        changed()
    }

    /// Counts it as refused; its last words are still to be said, until `end`.
    func note(_ number: UInt64, _ reason: RefusalReason, _ why: String) {
        guard let guest = guests[number], !guest.isRefused else { return }
        guests[number]?.isRefused = true
        record.connections.active -= 1
        refuser.note(guest.origin, reason, detail: why)
    }

    /// - Parameter close: How the connection is closed; nil: as this service closes its own.
    func refuse(
        _ number: UInt64, _ reason: RefusalReason, _ why: String? = nil, _ manner: RefusalManner = .close,
        close: ((DescriptorBox, ConnectionOrigin) -> Void)? = nil
    ) {
        guard let guest = guests[number] else { return }
        // It has been, and only its answer is cut off.
        guard !guest.isRefused else { return end(number) }
        guests[number] = nil
        record.connections.active -= 1
        if let close {
            refuser.note(guest.origin, reason, detail: why)
            close(guest.connection, guest.origin)
        } else {
            refuser.refuse(guest.connection, guest.origin, reason, manner, detail: why)
        }
        changed()
    }

    /// Says `words`, waits for the client to have read them, and ends the connection.
    ///
    /// - Returns: What is under way; nil when it has ended already.
    func answer(_ number: UInt64, _ words: [UInt8], patience: Duration) -> InternalConnection? {
        guard let guest = guests[number] else { return nil }
        let limits = Self.limits(patience)
        return start(
            InternalConnection(
                InternalExchange(saying: words, limits: limits), guest.connection, guest.origin, runtime: runtime,
                limits: limits
            ) { [self] in end(number) }, number)
    }
}
