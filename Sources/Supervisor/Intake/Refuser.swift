internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// How a connection that is refused is closed.
enum RefusalManner {
    /// With the service's `busy_reply`, if it has one.
    case close
    /// RST: the client's connect or first call fails.
    case reset
    /// Without a word: to somebody who does not speak the service's protocol.
    case silence
}

/// Refuses connections of one service: counts, reports, says the last word, closes.
final class Refuser {
    private let record: ServiceRecord
    private let runtime: Runtime
    private var reply: [UInt8]?
    private var lingering: [UInt64: LingeringClose] = [:]
    private var summary = RefusalSummary()
    private var summaryTimer: TimerID?

    /// Clients at a time that are waited for until they have read the reply; the others are closed on at once.
    private static let mostLingering = 256

    /// - Parameter reply: `busy_reply`.
    init(reply: String?, record: ServiceRecord, runtime: Runtime) {
        self.reply = reply.map { Array($0.utf8) }
        self.record = record
        self.runtime = runtime
    }

    /// - Parameter reply: `busy_reply`, from now on.
    func update(reply: String?) {
        self.reply = reply.map { Array($0.utf8) }
    }

    /// Clients that may still be reading their reply.
    var count: Int { lingering.count }

    /// Counts a refusal and closes the connection.
    func refuse(
        _ connection: DescriptorBox, _ origin: ConnectionOrigin, _ reason: RefusalReason,
        _ manner: RefusalManner = .close, detail: String? = nil
    ) {
        note(origin, reason, detail: detail)
        close(connection, origin, manner)
    }

    /// How a connection is closed that another service keeps after its refusal here; nil where the table says nothing of it.
    func closing(_ manner: RefusalManner) -> ((DescriptorBox, ConnectionOrigin) -> Void)? {
        if manner == .close, reply == nil { return nil }
        return { [self] in close($0, $1, manner) }
    }

    private func close(_ connection: DescriptorBox, _ origin: ConnectionOrigin, _ manner: RefusalManner) {
        switch manner {
        case .close: close(connection, origin)
        case .reset:
            if let socket = connection.borrowed { try? Socket.setResetOnClose(socket) }
            close(connection)
        case .silence: close(connection)
        }
    }

    /// Counts and reports a refusal: the first of its kind from its source at once, its repetitions in summary.
    func note(_ origin: ConnectionOrigin, _ reason: RefusalReason, detail: String? = nil) {
        record.refuse(origin, reason, detail: detail)
        guard summary.reports(origin.peer.withoutPort, reason, at: runtime.loop.now) else { return }
        record.report(
            .refused(reason, detail: detail, duration: runtime.loop.now - origin.accepted), origin)
        scheduleSummary()
    }

    private func close(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        guard let reply else { return close(connection) }
        let closing = LingeringClose(connection, runtime: runtime) { [weak self] in
            self?.lingering[origin.number] = nil
        }
        if closing.start(reply, waits: lingering.count < Self.mostLingering) { lingering[origin.number] = closing }
    }

    // MARK: Carried over

    var saved: [SavedLingering] { lingering.compactMap { $1.saved($0) } }

    /// Goes on waiting for clients to have read their reply.
    func resume(_ saved: [SavedLingering]) {
        for one in saved {
            let closing = LingeringClose(one.descriptor.adoptBox(), runtime: runtime) { [weak self] in
                self?.lingering[one.number] = nil
            }
            if closing.resume(one) { lingering[one.number] = closing }
        }
    }

    private func close(_ connection: DescriptorBox) {
        if let descriptor = connection.take() { runtime.closeUnread(descriptor) }
    }

    private func scheduleSummary() {
        guard summaryTimer == nil, let next = summary.nextDue else { return }
        summaryTimer = runtime.loop.schedule(after: max(.zero, next - runtime.loop.now)) { [weak self] in
            guard let self else { return }
            summaryTimer = nil
            reportSummary()
            scheduleSummary()
        }
    }

    private func reportSummary() {
        for repeats in summary.takeDue(at: runtime.loop.now) {
            record.report(
                .connection(
                    .refusedAgain(
                        repeats.reason, source: repeats.source?.host ?? repeats.source?.description,
                        count: repeats.count, within: RefusalSummary.interval)))
        }
    }

    /// The service stops: nobody is waited for any more, and what was not reported yet is.
    func end() {
        for closing in lingering.values { closing.finish() }
        endSummary()
    }

    /// What was not reported yet is.
    func endSummary() {
        summary.endIntervals()
        reportSummary()
        if let summaryTimer { runtime.loop.cancel(summaryTimer) }
        summaryTimer = nil
    }
}
