internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// What connections of one service go through between accept and dispatch: room, PROXY header, who they are, how many.
final class Intake {
    private var definition: Service
    let record: ServiceRecord
    let runtime: Runtime
    private var dispatcher: Dispatcher
    private let refuser: Refuser
    private let arrivals = Arrivals()
    /// Lent, not copied.
    private var settings: AdmissionSettings { _read { yield admission.settings } }
    private var admission: Admission
    private var isStopping = false

    init(
        _ definition: Service, dispatcher: Dispatcher, refuser: Refuser, record: ServiceRecord, runtime: Runtime
    ) {
        self.definition = definition
        self.dispatcher = dispatcher
        self.refuser = refuser
        self.record = record
        self.runtime = runtime
        admission = Admission(Self.settings(of: definition))
    }

    private static func settings(of definition: Service) -> AdmissionSettings {
        var settings = definition.admission
        // Whoever waits at a listening socket that a handler gets as it is can only wait on.
        if definition.wait, definition.endpoints.contains(where: { !$0.kind.isDatagram }) { settings.onRate = .wait }
        return settings
    }

    /// Goes by another definition. Those on their way are decided on by it, and go on to `dispatcher`.
    func update(_ new: Service, dispatcher: Dispatcher) {
        self.dispatcher = dispatcher
        definition = new
        admission.update(Self.settings(of: new), at: runtime.loop.now)
        isStopping = false
    }

    func list(in census: inout ConnectionCensus) { arrivals.list(in: &census) }

    /// Nobody is waited for any more.
    var isDone: Bool { arrivals.count == 0 }

    // MARK: Before accept

    /// Whether connections may be taken now; the others wait in the backlog.
    var gate: Gate {
        // Of a `wait` service no connection is known that could be refused.
        let limits = settings.onLimit == .wait || definition.wait ? limit : queue
        return limits.and(rate).and(Gate(arrivals.room, else: .proxy))
    }

    /// The limits of the table, whatever is to happen when they are reached.
    var limit: Gate {
        if dispatcher.way == .handOff {
            let room = Room.left(of: settings.connections, taken: dispatcher.heldCount + arrivals.count)
            return Gate(room, else: .connections).and(queue)
        }
        let room = Room.left(of: definition.instances, taken: dispatcher.instanceCount + arrivals.count)
        let global = max(0, runtime.occupancy.room - arrivals.count)
        return Gate(room, else: .instances).and(
            Gate(global, else: .global))
    }

    /// A full queue never refuses those who can wait in the backlog.
    private var queue: Gate {
        guard let handoff = dispatcher.handoff, dispatcher.way != .spawn else { return .open(.max) }
        return Gate(handoff.room - min(handoff.room, arrivals.count), else: .queueFull)
    }

    /// `rate`, where it makes clients wait.
    private var rate: Gate {
        guard settings.onRate == .wait else { return .open(.max) }
        return admission.rate(reserved: arrivals.count, at: runtime.loop.now)
    }

    // MARK: From accept to the decision

    /// A connection that is decided on.
    private struct Candidate {
        let connection: DescriptorBox
        var origin: ConnectionOrigin
        /// Who is told, where it comes from another service; nil for one of the service's own.
        var answer: ((ConnectionOffer) -> Void)?
    }

    /// Takes a connection from one of the service's own listeners.
    func accepted(_ accepted: consuming AcceptedSocket, on listener: Listener) {
        let peer = accepted.peer
        let candidate = Candidate(
            connection: DescriptorBox(accepted.descriptor),
            origin: ConnectionOrigin(
                number: runtime.nextConnectionNumber(), peer: peer, kind: listener.endpoint.kind.originKind,
                listener: listener.endpoint.name, accepted: runtime.loop.now))
        record.connections.accepted += 1
        record.reportAccepted(candidate.origin)
        if settings.onLimit != .wait, case .shut(let reason, _) = limit {
            return refuse(candidate, reason, settings.onLimit.manner)
        }
        receiveHeader(candidate)
    }

    /// - Parameter due: When its header is to be complete, where that is known already.
    private func receiveHeader(_ candidate: consuming Candidate, until due: Duration? = nil) {
        guard let proxy = settings.proxyProtocol, candidate.origin.kind == .tcp else { return decide(candidate) }
        receive(proxy, candidate, until: due)
    }

    /// Trusted senders must send a header; of the others there is none to be expected, so none is looked for.
    private func receive(_ proxy: ProxyProtocol, _ candidate: Candidate, until due: Duration?) {
        guard proxy.from.contains(where: { $0.contains(candidate.origin.peer) }) else {
            guard proxy.others == .plain else {
                return refuse(candidate, .proxy, .silence, "its sender is not in proxy_protocol.from")
            }
            return decide(candidate)
        }
        record.connections.queued += 1
        arrivals.receiveHeader(
            of: candidate.connection, candidate.origin, ProxyVersion(rawValue: proxy.version.rawValue) ?? .any,
            until: due ?? runtime.loop.now + ProxyReception.timeout, loop: runtime.loop,
            abandoned: { [self] in abandon(candidate) }
        ) { [self] outcome in
            record.connections.queued -= 1
            received(outcome, candidate)
            dispatcher.roomMayHaveChanged()
        }
    }

    private func received(_ outcome: ProxyReception.Outcome, _ candidate: Candidate) {
        var candidate = candidate
        candidate.origin.isTouched = true
        switch outcome {
        case .addresses(let stated):
            if let stated {
                candidate.origin.peer = stated.source
                candidate.origin.statedLocal = stated.destination
            }
            decide(candidate)
        case .malformed(let why): refuse(candidate, .proxy, .silence, why)
        case .late: refuse(candidate, .proxy, .silence, "it did not come in time")
        case .failed(let error): refuse(candidate, .proxy, .silence, "\(error)")
        }
    }
}

// MARK: The decision

extension Intake {
    private func decide(_ candidate: consuming Candidate, name: SourceName = .notAsked) {
        let way = dispatcher.way
        let unserved: RefusalReason? = if case .refuse(let reason) = way { reason } else { nil }
        switch admission.decide(subject(candidate, name), unserved: unserved, at: runtime.loop.now) {
        case .admit(let token): admit(candidate, token, way)
        case .refuse(let reason, let manner): refuse(candidate, reason, manner)
        case .askName: askName(candidate)
        }
    }

    private func admit(_ candidate: consuming Candidate, _ token: Admission.Token, _ way: Way) {
        candidate.origin.place = place(token, way)
        guard let answer = candidate.answer else {
            return dispatcher.dispatch(candidate.connection, candidate.origin, way)
        }
        tell(answer, candidate, way)
    }

    private func tell(_ answer: (ConnectionOffer) -> Void, _ candidate: Candidate, _ way: Way) {
        let origin = candidate.origin
        answer(
            .admitted { [self] in
                record.connections.accepted += 1
                record.reportAccepted(origin)
                dispatcher.dispatch(candidate.connection, origin, way)
            })
    }

    /// What the policy asks about; what it does not ask is not looked up.
    private func subject(_ candidate: Candidate, _ name: SourceName) -> AdmissionSubject {
        var subject = subject(candidate.origin.peer, candidate.origin.kind, name)
        if candidate.origin.kind == .unix, let socket = candidate.connection.borrowed {
            subject.credentials = try? Socket.peerCredentials(of: socket)
        }
        subject.isOffered = candidate.answer != nil
        return subject
    }

    private func subject(
        _ source: SocketAddress, _ kind: ConnectionOrigin.Kind, _ name: SourceName
    ) -> AdmissionSubject {
        AdmissionSubject(
            source: source, kind: kind, name: name,
            minuteOfWeek: settings.accessTimes.isEmpty ? 0 : LocalTime.minuteOfWeek(at: Clock.wall().seconds),
            load: settings.maxLoad == nil ? 0 : Machine.load())
    }

    /// Whether a handler may be given its listening socket now, by `access_times` and `max_load`.
    var isOpen: Bool {
        admission.closed(subject(.unix(path: ""), .unix, .notAsked)) == nil
    }

    func decide(datagramFrom source: SocketAddress?, _ name: SourceName) -> Admission.DatagramVerdict {
        let source = source ?? .unix(path: "")
        let kind: ConnectionOrigin.Kind = source.port == nil ? .unix : .tcp
        return admission.decide(datagram: subject(source, kind, name), at: runtime.loop.now)
    }

    /// What a process of a `wait` service counts against. A datagram has taken its token already.
    func takeStart(for listener: Listener) -> Place {
        if !listener.endpoint.kind.isDatagram { admission.takeStart(at: runtime.loop.now) }
        return runtime.occupancy.take()
    }

    /// What the connection counts against, until it is given back; nil where nothing is counted.
    private func place(_ token: Admission.Token, _ way: Way) -> Place? {
        let isInstance = way != .handOff
        return token.source != nil || isInstance ? place(token, isInstance: isInstance) : nil
    }

    /// The place of a connection that the program before has admitted.
    func takeAgain(_ place: SavedPlace) -> Place? {
        if place.isInService { return self.place(admission.takeAgain(place.source), isInstance: place.isInstance) }
        return place.isInstance ? runtime.occupancy.take() : nil
    }

    private func place(_ token: Admission.Token, isInstance: Bool) -> Place {
        Place(.service(source: token.source), of: self, with: isInstance ? runtime.occupancy.take() : nil)
    }

    private func refuse(
        _ candidate: Candidate, _ reason: RefusalReason, _ manner: RefusalManner = .close, _ detail: String? = nil
    ) {
        guard let answer = candidate.answer else {
            return refuser.refuse(candidate.connection, candidate.origin, reason, manner, detail: detail)
        }
        record.connections.accepted += 1
        record.reportAccepted(candidate.origin)
        refuser.note(candidate.origin, reason, detail: detail)
        answer(.refused(reason, close: refuser.closing(manner)))
    }

    /// A list has `.domains`: the source's name is looked up, and then decided on again.
    private func askName(_ candidate: Candidate) {
        let number = candidate.origin.number
        let isOwn = candidate.answer == nil
        if isOwn { record.connections.queued += 1 }
        arrivals.keep(candidate.connection, candidate.origin, isOwn: isOwn) { [self] in abandon(candidate) }
        runtime.names.confirmedName(of: candidate.origin.peer) { [self] name in
            guard arrivals.claim(number) else { return }
            if isOwn { record.connections.queued -= 1 }
            decide(candidate, name: name.map { .known($0) } ?? .none)
            dispatcher.roomMayHaveChanged()
        }
    }

    private func abandon(_ candidate: Candidate) {
        if candidate.answer == nil { record.connections.queued -= 1 }
        refuse(candidate, .stopping)
    }

    // MARK: Carried over

    /// Nobody is being looked up, and no header has come in part.
    var isAtRest: Bool { arrivals.isAtRest }

    var rates: SavedRates {
        get { admission.saved }
        set { admission.saved = newValue }
    }

    var savedArrivals: [SavedArrival] { arrivals.saved }

    /// Goes on waiting for headers. The connections are counted already.
    func resume(_ saved: [SavedArrival]) {
        for arrival in saved {
            let candidate = Candidate(
                connection: arrival.connection.descriptor.adoptBox(),
                origin: ConnectionOrigin(arrival.connection.origin, self))
            runtime.loop.afterThisRound { [self] in
                record.connections.queued -= 1
                receiveHeader(candidate, until: arrival.due)
            }
        }
    }

    // MARK: Hosts of the lists

    var hosts: Set<String> { admission.hosts }

    func fill(_ settings: inout AdmissionSettings) { admission.fill(&settings) }

    /// Those that had no address when the table was read.
    var unknownHosts: [String] {
        ((settings.onlyFrom ?? []) + settings.noAccess).compactMap { source in
            if case .host(let name, let addresses) = source, addresses.isEmpty { name } else { nil }
        }
    }

    func setAddresses(_ addresses: [SocketAddress], of host: String) {
        admission.setAddresses(addresses.compactMap { AddressBlock($0) }, of: host)
    }

    // MARK: Stopping

    /// Takes no more; those on their way are still decided on.
    func stop() {
        isStopping = true
    }

    /// The time to drain is over.
    func end() {
        arrivals.abandonAll()
    }
}

extension Intake: PlaceOwner {
    func takeBack(_ kind: Place.Kind) {
        if case .service(let source) = kind { admission.giveBack(Admission.Token(source: source)) }
    }
}

extension Intake: ConnectionTarget {
    func offer(
        _ connection: DescriptorBox, _ origin: ConnectionOrigin, answer: @escaping (ConnectionOffer) -> Void
    ) {
        var candidate = Candidate(connection: connection, origin: origin, answer: answer)
        candidate.origin.place = nil
        candidate.origin.isTouched = true
        if isStopping { return refuse(candidate, .stopping) }
        if dispatcher.way.mergesPackets(of: connection, isBegun: !origin.drained.isEmpty) {
            return refuse(candidate, .passed)
        }
        // There is no backlog behind another service: who would wait is refused.
        if case .shut(let reason, _) = limit { return refuse(candidate, reason, settings.onLimit.manner) }
        if case .shut(let reason, _) = rate { return refuse(candidate, reason) }
        decide(candidate)
    }
}
