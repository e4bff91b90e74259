internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// Serves `internal: tcpmux` (RFC 1078): each client names the service that it wants on its first line.
///
/// The line is taken off the connection byte for byte, so that what the client sends behind it reaches the service.
final class TCPMuxDispatch {
    private let refuser: Refuser
    private let record: ServiceRecord
    private let runtime: Runtime
    private let lineTimeout: Duration
    /// Told whenever a connection left, so that there may be room again.
    private let changed: () -> Void
    private var guests: [UInt64: Guest] = [:]

    /// As long as inetd gives (FreeBSD's and the GNU one).
    static let standardLineTimeout = Duration.seconds(10)

    /// A connection, until its service has it or its answer is read.
    private struct Guest {
        let connection: DescriptorBox
        let origin: ConnectionOrigin
        var stage: Stage
        /// It is counted as refused; only its answer is still to be read.
        var isRefused = false
    }

    private enum Stage {
        case naming(TCPMuxReception)
        /// The service that it named is being asked.
        case offered
        case answering(InternalConnection)
    }

    init(
        refuser: Refuser, record: ServiceRecord, runtime: Runtime,
        lineTimeout: Duration = TCPMuxDispatch.standardLineTimeout, changed: @escaping () -> Void
    ) {
        self.refuser = refuser
        self.record = record
        self.runtime = runtime
        self.lineTimeout = lineTimeout
        self.changed = changed
    }

    /// Connections that have not found their service: what `instances` limits.
    var count: Int { guests.count }

    /// Reads the name from `connection`, which counts as active from now on.
    func dispatch(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        record.connections.active += 1
        let reception = TCPMuxReception(connection, runtime: runtime) { [self] in named($0, origin.number) }
        guests[origin.number] = Guest(connection: connection, origin: origin, stage: .naming(reception))
        reception.start(timeout: lineTimeout)
    }

    private func named(_ outcome: TCPMuxReception.Outcome, _ number: UInt64) {
        switch outcome {
        case .name(let name): offer(number, name)
        case .help: answer(number, runtime.services.multiplexed.list)
        case .malformed(let why): refuse(number, .route, why)
        case .late: refuse(number, .route, "no service was named in time")
        case .ended: end(number)
        case .failed(let error): refuse(number, .global, "epoll: \(error)")
        }
    }

    // MARK: The service that was named

    private func offer(_ number: UInt64, _ name: String) {
        let entry = runtime.services.multiplexed[name]
        guard let guest = guests[number] else { return }
        guard let entry, let target = runtime.services[entry.service] else {
            return refuse(number, .route, "there is no service \(name)")
        }
        guests[number]?.stage = .offered
        // Its place here is kept here, until it has one there.
        var origin = guest.origin
        origin.place = nil
        target.offer(guest.connection, origin) { [self] offer in
            guard guests[number] != nil else { return }
            switch offer {
            case .admitted(let enter): pass(number, to: entry, enter)
            case .refused(let reason): answer(number, Self.negative(reason.explanation))
            }
        }
    }

    private func pass(_ number: UInt64, to entry: TCPMuxNames.Entry, _ enter: () -> Void) {
        guard let guest = guests[number], let socket = guest.connection.borrowed else { return }
        if entry.answers {
            // A socket that was never written to has room for it; the service's own words follow.
            guard (try? DescriptorPassing.send(Array("+Go\r\n".utf8), on: socket)) == 5 else { return end(number) }
        }
        guests[number] = nil
        record.connections.active -= 1
        record.connections.ended += 1
        record.report(.routed(to: entry.service), guest.origin)
        enter()
        changed()
    }

    // MARK: Answers

    private static func negative(_ why: String) -> [UInt8] {
        Array("-\(why)\r\n".utf8)
    }

    /// Says `words`, waits for the client to have read them, and ends the connection.
    private func answer(_ number: UInt64, _ words: [UInt8]) {
        guard let guest = guests[number] else { return }
        var limits = InternalLimits.standard
        limits.idleTimeout = lineTimeout
        let exchange = InternalExchange(saying: words, limits: limits)
        let answering = InternalConnection(exchange, guest.connection, guest.origin, runtime: runtime, limits: limits) {
            [self] in end(number)
        }
        guests[number]?.stage = .answering(answering)
        do {
            try answering.start()
        } catch {
            end(number)
        }
    }

    private func end(_ number: UInt64) {
        guard let guest = guests.removeValue(forKey: number) else { return }
        if !guest.isRefused {
            record.connections.active -= 1
            record.connections.ended += 1
            record.report(.ended(duration: runtime.loop.now - guest.origin.accepted), guest.origin)
        }
        if let descriptor = guest.connection.take() { runtime.closeUnread(descriptor) }
        changed()
    }

    private func refuse(_ number: UInt64, _ reason: RefusalReason, _ why: String) {
        guard let guest = guests[number] else { return }
        record.connections.active -= 1
        refuser.note(guest.origin, reason, detail: why)
        guests[number]?.isRefused = true
        answer(number, Self.negative(why.printable()))
    }

    /// Closes every connection, for the supervisor stops now.
    func endAll() {
        for (number, guest) in guests {
            switch guest.stage {
            case .naming(let reception):
                reception.cancel()
                drop(number)
            case .offered: drop(number)
            case .answering(let answering): answering.end()
            }
        }
    }

    private func drop(_ number: UInt64) {
        guard let guest = guests.removeValue(forKey: number) else { return }
        record.connections.active -= 1
        refuser.refuse(guest.connection, guest.origin, .stopping, .silence)
        changed()
    }
}
