internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// Chooses another service for each connection by its first bytes (`route`), and leaves them in it.
final class RouteDispatch {
    private var rules: RouteRules
    private let runtime: Runtime
    private let guests: FrontConnections<Stage>

    private enum Stage {
        case looking(RouteLook)
        /// It is decided on: its service is being asked.
        case offered
        /// Nobody is there for it, and its own protocol has words for that.
        case answering(InternalConnection)
    }

    /// To read them.
    private static let answerPatience = Duration.seconds(10)

    init(
        _ route: Route, refuser: Refuser, record: ServiceRecord, runtime: Runtime, changed: @escaping () -> Void
    ) {
        rules = RouteRules(route)
        self.runtime = runtime
        guests = FrontConnections(refuser: refuser, record: record, runtime: runtime, changed: changed)
    }

    /// Connections that have not found their service: what `instances` limits.
    var count: Int { guests.count }

    func list(in census: inout ConnectionCensus) { guests.list(in: &census) }

    /// Looks at `connection`, which counts as active from now on.
    func dispatch(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        let look = RouteLook(connection, origin, rules, loop: runtime.loop) { [self] in decided($0, origin.number) }
        guests.enter(connection, origin, .looking(look))
        look.start()
    }

    // MARK: Carried over

    /// None is being offered to its service.
    var isAtRest: Bool { guests.stages.allSatisfy { if case .offered = $0.stage { false } else { true } } }

    var saved: [SavedGuest] {
        guests.saved { stage, saved in
            switch stage {
            case .looking(let look): look.save(&saved)
            case .offered: return false
            case .answering(let answering): saved.answer = answering.progress
            }
            return true
        }
    }

    /// Goes on looking. The connections are counted already.
    func resume(_ saved: [SavedGuest], _ books: Intake) {
        for guest in saved {
            let connection = guest.connection.descriptor.adoptBox()
            let origin = ConnectionOrigin(guest.connection.origin, books)
            let number = origin.number
            let look = RouteLook(connection, origin, rules, loop: runtime.loop) { [self] in decided($0, number) }
            guests.resume(guest, connection, origin, .looking(look))
            runtime.loop.afterThisRound { [self] in goOn(guest, look) }
        }
    }

    private func goOn(_ guest: SavedGuest, _ look: RouteLook) {
        guard let answer = guest.answer else { return look.resume(guest) }
        let number = guest.connection.origin.number
        guard let answering = guests.answer(number, answer, patience: Self.answerPatience) else { return }
        guests.setStage(.answering(answering), of: number)
    }

    // MARK: Reload

    /// Goes by other rules, and so do connections that are being looked at: their service may be gone.
    func update(_ route: Route) {
        rules = RouteRules(route)
        for look in looks { look.rules = rules }
        // Not now: the services that they would be offered to may not be what they will be.
        runtime.loop.afterThisRound { [self] in looks.forEach { $0.lookAgain() } }
    }

    private var looks: [RouteLook] {
        guests.stages.compactMap { if case .looking(let look) = $0.stage { look } else { nil } }
    }

    private func decided(_ outcome: RouteLook.Outcome, _ number: UInt64) {
        switch outcome {
        case .to(let service): offer(number, service)
        case .nowhere: guests.refuse(number, .route, "no rule matches")
        case .reject(let call, let rejection): reject(number, call, rejection)
        case .ended: guests.end(number)
        case .failed(let error): guests.refuse(number, .global, "epoll: \(error)")
        }
    }

    private func offer(_ number: UInt64, _ service: String) {
        guard let target = runtime.services[service] else {
            return guests.refuse(number, .route, "\(service) is disabled")
        }
        guests.setStage(.offered, of: number)
        guests.offer(number, to: target) { [self] offer in
            switch offer {
            case .admitted(let enter): guests.pass(number, to: service, enter)
            case .refused(let reason, let close):
                guests.refuse(number, .route, "\(service): \(reason.explanation)", close: close)
            }
        }
    }

    private func reject(_ number: UInt64, _ call: CourierCall, _ rejection: CourierCall.Rejection) {
        guests.note(number, .route, call.explanation(of: rejection))
        guard let answering = guests.answer(number, call.reject(rejection), patience: Self.answerPatience) else {
            return
        }
        guests.setStage(.answering(answering), of: number)
    }

    /// Closes every connection, for the supervisor stops now.
    func endAll() {
        for (number, stage) in guests.stages {
            switch stage {
            case .looking(let look):
                look.cancel()
                guests.refuse(number, .stopping, "nobody had been found to serve it")
            case .offered: guests.refuse(number, .stopping, "nobody had been found to serve it")
            case .answering(let answering): answering.end()
            }
        }
    }
}
