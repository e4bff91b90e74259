internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import ServiceTable

// What processes that Baton did not start ask of the services: to join one as its handler, or to take a connection over.

extension Supervisor: RegistrarTarget {
    func admitsHandler(_ credentials: PeerCredentials) -> Bool {
        services.contains { $0.outsiders.admits(credentials) }
    }

    func join(
        _ registration: HandlerMessage.Registration, _ credentials: PeerCredentials, channel: Channel
    ) -> String? {
        guard let service = services.first(where: { $0.definition.name == registration.service }) else {
            return "there is no service \(registration.service)"
        }
        guard service.outsiders.admits(credentials) else {
            return "uid \(credentials.uid) may not register for \(registration.service)"
        }
        return service.join(registration, credentials, channel: channel)
    }

    func pass(
        _ pass: HandlerMessage.Pass, _ socket: DescriptorBox, _ credentials: PeerCredentials,
        answer: @escaping (RefusalReason?) -> Void
    ) -> String? {
        guard let service = services.first(where: { $0.definition.name == pass.service }) else {
            runtime.closeCopy(socket)
            answer(.noHandler)
            return nil
        }
        guard service.outsiders.admits(credentials) else {
            runtime.closeCopy(socket)
            return "uid \(credentials.uid) may not pass connections to \(pass.service)"
        }
        service.take(socket, drained: pass.drained, answer: answer)
        return nil
    }
}

extension ActiveService {
    /// Registered handlers at a time.
    private static let mostRegistered = 64

    /// Who may join, or pass a connection here. For a service without handlers the rule is the standard one.
    var outsiders: RegistrationPolicy {
        let supervisor = CurrentProcess.uid
        guard let settings = definition.handoff else {
            return RegistrationPolicy(
                .standard, serviceUser: nil, supervisor: supervisor, overflow: runtime.overflowUID)
        }
        let user = settings.program == nil ? definition.process.credentials?.user?.uid : nil
        return RegistrationPolicy(
            settings.register, serviceUser: user, supervisor: supervisor, overflow: runtime.overflowUID)
    }

    /// Takes over the channel of a handler that has registered, or says why not.
    func join(
        _ registration: HandlerMessage.Registration, _ credentials: PeerCredentials, channel: Channel
    ) -> String? {
        guard let settings = definition.handoff, let handoff = dispatcher.handoff, !isStopping else {
            return "\(definition.name) takes no handlers now"
        }
        guard handoff.handlers.lazy.filter({ $0.machineKind == .registered }).count < Self.mostRegistered else {
            return "\(definition.name) has \(Self.mostRegistered) registered handlers already"
        }
        guard Handler.fits(registration.traits, settings) else {
            return "hold: done needs a handler that sends DONE (trait 2 is set)"
        }
        let handler = Handler(
            .registered, pid: credentials.pid, process: Socket.peerProcess(of: channel.descriptor), settings: settings,
            record: record, runtime: runtime, owner: handoff)
        handler.credentials = credentials
        channel.takesDescriptors = !settings.passTo.isEmpty
        handler.take(channel)
        handoff.add(handler)
        handler.registered(registration)
        return nil
    }

    /// Takes over a connection, or says why not.
    ///
    /// - Parameter drained: What was read of it.
    fileprivate func take(_ socket: DescriptorBox, drained: [UInt8], answer: @escaping (RefusalReason?) -> Void) {
        let refuse = { [runtime] (reason: RefusalReason) in
            runtime.closeCopy(socket)
            answer(reason)
        }
        guard definition.enabled else { return refuse(.noHandler) }
        guard !definition.wait, let peer = socket.borrowed.flatMap({ Socket.peerOfConnection($0) }) else {
            return refuse(.passed)
        }
        guard let room = runtime.drained.take(drained.count) else { return refuse(.global) }
        var origin = ConnectionOrigin(
            number: runtime.nextConnectionNumber(), peer: peer, kind: ConnectionOrigin.Kind(peer),
            listener: definition.name, accepted: runtime.loop.now)
        origin.isShared = true
        origin.drained = drained
        origin.drainedRoom = room
        intake.offer(socket, origin) { offer in
            switch offer {
            case .refused(let reason, _): refuse(reason)
            case .admitted(let enter):
                if let descriptor = socket.borrowed { Socket.restoreMode(descriptor) }
                answer(nil)
                enter()
            }
        }
    }
}
