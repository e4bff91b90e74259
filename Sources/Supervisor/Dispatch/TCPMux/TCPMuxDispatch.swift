internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// Serves `internal: tcpmux` (RFC 1078): each client names the service that it wants on its first line.
///
/// The line is taken off the connection byte for byte, so that what the client sends behind it reaches the service.
final class TCPMuxDispatch {
    private let runtime: Runtime
    private let lineTimeout: Duration
    private let guests: FrontConnections<Stage>

    /// As long as inetd gives (FreeBSD's and the GNU one).
    static let standardLineTimeout = Duration.seconds(10)

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
        self.runtime = runtime
        self.lineTimeout = lineTimeout
        guests = FrontConnections(refuser: refuser, record: record, runtime: runtime, changed: changed)
    }

    /// Connections that have not found their service: what `instances` limits.
    var count: Int { guests.count }

    func list(in census: inout ConnectionCensus) { guests.list(in: &census) }

    /// Reads the name from `connection`, which counts as active from now on.
    func dispatch(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        let reception = reception(connection, origin)
        guests.enter(connection, origin, .naming(reception))
        reception.start(until: runtime.loop.now + lineTimeout)
    }

    private func reception(_ connection: DescriptorBox, _ origin: ConnectionOrigin) -> TCPMuxReception {
        let number = origin.number
        return TCPMuxReception(connection, origin, runtime: runtime) { [self] outcome, drained in
            guests.setDrained(drained, of: number)
            named(outcome, number)
        }
    }

    // MARK: Carried over

    /// None is being offered to its service.
    var isAtRest: Bool { guests.stages.allSatisfy { if case .offered = $0.stage { false } else { true } } }

    var saved: [SavedGuest] {
        guests.saved { stage, saved in
            switch stage {
            case .naming(let reception): saved.due = reception.due
            case .offered: return false
            case .answering(let answering): saved.answer = answering.progress
            }
            return true
        }
    }

    /// Goes on reading names. The connections are counted already.
    func resume(_ saved: [SavedGuest], _ books: Intake) {
        for guest in saved {
            let connection = guest.connection.descriptor.adoptBox()
            let origin = ConnectionOrigin(guest.connection.origin, books)
            let reception = reception(connection, origin)
            guests.resume(guest, connection, origin, .naming(reception))
            runtime.loop.afterThisRound { [self] in goOn(guest, reception) }
        }
    }

    private func goOn(_ guest: SavedGuest, _ reception: TCPMuxReception) {
        guard let answer = guest.answer else { return reception.start(until: guest.due ?? runtime.loop.now) }
        let number = guest.connection.origin.number
        guard let answering = guests.answer(number, answer, patience: lineTimeout) else { return }
        guests.setStage(.answering(answering), of: number)
    }

    private func named(_ outcome: TCPMuxReception.Outcome, _ number: UInt64) {
        switch outcome {
        case .name(let name): offer(number, name)
        case .help: answer(number, runtime.services.multiplexed.list)
        case .malformed(let why): refuse(number, why)
        case .late: refuse(number, "no service was named in time")
        case .ended: guests.end(number)
        case .failed(let error): guests.refuse(number, .global, "epoll: \(error)")
        }
    }

    // MARK: The service that was named

    private func offer(_ number: UInt64, _ name: String) {
        guard let entry = runtime.services.multiplexed[name], let target = runtime.services[entry.service] else {
            return refuse(number, "there is no service \(name)")
        }
        guests.setStage(.offered, of: number)
        guests.offer(number, to: target) { [self] offer in
            switch offer {
            case .admitted(let enter): pass(number, to: entry, enter)
            case .refused(let reason, _): answer(number, Self.negative(reason.explanation))
            }
        }
    }

    private func pass(_ number: UInt64, to entry: TCPMuxNames.Entry, _ enter: () -> Void) {
        guard let socket = guests.connection(number)?.connection.borrowed else { return }
        if entry.answers {
            // A socket that was never written to has room for it; the service's own words follow.
            guard (try? DescriptorPassing.send(Array("+Go\r\n".utf8), on: socket)) == 5 else {
                return guests.end(number)
            }
        }
        guests.pass(number, to: entry.service, enter)
    }

    // MARK: Answers

    private static func negative(_ why: String) -> [UInt8] {
        Array("-\(why)\r\n".utf8)
    }

    private func answer(_ number: UInt64, _ words: [UInt8]) {
        guard let answering = guests.answer(number, words, patience: lineTimeout) else { return }
        guests.setStage(.answering(answering), of: number)
    }

    private func refuse(_ number: UInt64, _ why: String) {
        guests.note(number, .route, why)
        answer(number, Self.negative(why.printable()))
    }

    /// Closes every connection, for the supervisor stops now.
    func endAll() {
        for (number, stage) in guests.stages {
            switch stage {
            case .naming(let reception):
                reception.cancel()
                guests.refuse(number, .stopping, nil, .silence)
            case .offered: guests.refuse(number, .stopping, nil, .silence)
            case .answering(let answering): answering.end()
            }
        }
    }
}
