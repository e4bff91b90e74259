internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

// Connections that handlers give on: to another service, which admits them as if they had come to it, or to another
// handler of the same.

extension HandoffDispatch {
    func handler(_ handler: Handler, passes passed: PassedConnection) {
        let peer = passed.socket?.borrowed.map { Socket.peerOfConnection($0) }
        let refusal = PassPolicy.refusal(
            from: record.name, to: passed.service, allowed: settings.passTo, passes: passed.baton?.origin.passes ?? 0,
            isConnection: peer.map { $0 != nil })
        if let refusal { return refuse(passed, of: handler, refusal) }
        guard let socket = passed.socket, let peer = peer ?? nil, let room = runtime.drained.take(passed.drained.count)
        else { return refuse(passed, of: handler, .global) }
        var origin = origin(of: passed, socket, peer)
        origin.drained = passed.drained
        origin.drainedRoom = room
        let isOurs = passed.service.isEmpty || passed.service == record.name
        if isOurs { origin.avoids = handler.number }
        if isOurs, passed.baton != nil {
            takeBack(passed, origin, of: handler)
        } else if isOurs, !hasAnother(than: handler) {
            refuse(passed, of: handler, .noHandler)
        } else {
            offer(passed, origin, of: handler)
        }
    }

    /// Its number and what is known of it stay, as long as it is the socket that was delivered; of another one the
    /// kernel's word is taken, never the handler's.
    private func origin(of passed: PassedConnection, _ socket: DescriptorBox, _ peer: SocketAddress) -> ConnectionOrigin
    {
        let known = passed.baton
        var origin: ConnectionOrigin
        if let known, let descriptor = socket.borrowed, known.socket == Socket.cookie(of: descriptor) {
            origin = known.origin
        } else {
            origin = ConnectionOrigin(
                number: known?.origin.number ?? runtime.nextConnectionNumber(), peer: peer,
                kind: ConnectionOrigin.Kind(peer), listener: known?.origin.listener ?? record.name,
                accepted: known?.origin.accepted ?? runtime.loop.now)
            origin.deliveries = known?.deliveries ?? 0
            origin.passes = known?.origin.passes ?? 0
            origin.place = known?.origin.place
        }
        origin.passes += 1
        origin.isShared = true
        origin.isTouched = true
        return origin
    }

    // MARK: Another service

    private func offer(_ passed: PassedConnection, _ origin: ConnectionOrigin, of handler: Handler) {
        let name = passed.service.isEmpty ? record.name : passed.service
        guard let socket = passed.socket, let target = runtime.services[name] else {
            return refuse(passed, of: handler, .noHandler)
        }
        target.offer(socket, origin) { [self] offer in
            switch offer {
            case .refused(let reason, _): refuse(passed, of: handler, reason)
            case .admitted(let enter):
                if let baton = passed.baton {
                    record.connections.active -= 1
                    record.connections.ended += 1
                    record.report(.routed(to: name), baton)
                }
                taken(passed, of: handler)
                enter()
                changed()
            }
        }
    }

    /// The handler is told first: until then the socket is its.
    private func taken(_ passed: PassedConnection, of handler: Handler) {
        handler.answerTaken(passed.id)
        if let baton = passed.baton { close(baton) }
        if let socket = passed.socket?.borrowed { Socket.restoreMode(socket) }
    }

    private func refuse(_ passed: PassedConnection, of handler: Handler, _ reason: RefusalReason) {
        if let origin = passed.baton?.origin { record.report(.notPassed(to: passed.service, reason), origin) }
        if let socket = passed.socket { runtime.closeCopy(socket) }
        guard let abandoned = handler.answerRefused(passed.id, reason) else { return }
        record.connections.active -= 1
        cut(abandoned, with: handler, why: "its handler died when it had passed it on")
    }

    // MARK: Another handler

    private func hasAnother(than handler: Handler) -> Bool {
        handlers.contains { $0.isExpected && $0 !== handler } || supply.mayGrow
    }

    private func takeBack(_ passed: PassedConnection, _ origin: ConnectionOrigin, of handler: Handler) {
        guard let socket = passed.socket else { return }
        if isStopping { return refuse(passed, of: handler, .stopping) }
        if room == 0 { return refuse(passed, of: handler, .queueFull) }
        guard hasAnother(than: handler) else { return refuse(passed, of: handler, .noHandler) }
        record.connections.active -= 1
        record.connections.queued += 1
        record.connections.requeued += 1
        record.report(.requeued(why: "handler \(handler.id) passed it on"), origin)
        taken(passed, of: handler)
        queue.append(Baton(socket, origin), at: runtime.loop.now)
        pump()
    }
}
