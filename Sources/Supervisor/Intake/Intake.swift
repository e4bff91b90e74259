internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// What connections of one service go through between accept and dispatch.
final class Intake {
    private let definition: Service
    private let record: ServiceRecord
    private let runtime: Runtime
    private let dispatcher: Dispatcher
    private let refuser: Refuser
    private var isStopping = false

    init(
        _ definition: Service, dispatcher: Dispatcher, refuser: Refuser, record: ServiceRecord, runtime: Runtime
    ) {
        self.definition = definition
        self.dispatcher = dispatcher
        self.refuser = refuser
        self.record = record
        self.runtime = runtime
    }

    /// How many connections may be taken now; the rest waits in the backlog.
    var room: Int {
        let instances = Room.left(of: definition.instances, taken: dispatcher.instanceCount)
        guard case .handoff = definition.dispatch else { return instances }
        guard let handoff = dispatcher.handoff else { return 0 }
        return dispatcher.way == .spawn ? instances : handoff.room
    }

    /// Takes a connection from one of the service's own listeners.
    func accepted(_ accepted: consuming AcceptedSocket, on listener: Listener) {
        let origin = ConnectionOrigin(
            number: runtime.nextConnectionNumber(), peer: accepted.peer, kind: listener.endpoint.kind.originKind,
            listener: listener.endpoint.name, accepted: runtime.loop.now)
        let connection = DescriptorBox(accepted.descriptor)
        record.connections.accepted += 1
        record.report(.accepted(listener: origin.listener), origin)
        decide(connection, origin)
    }

    private func decide(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        let way = dispatcher.way
        if case .refuse(let reason) = way { return refuse(connection, origin, reason) }
        dispatcher.dispatch(connection, origin, way)
    }

    private func refuse(_ connection: DescriptorBox, _ origin: ConnectionOrigin, _ reason: RefusalReason) {
        record.connections.refused[reason] += 1
        record.report(.refused(reason), origin)
        if let descriptor = connection.take() { runtime.close(descriptor) }
    }

    /// Takes no more.
    func stop() {
        isStopping = true
    }
}

extension Intake: ConnectionTarget {
    func offer(
        _ connection: DescriptorBox, _ origin: ConnectionOrigin, answer: @escaping (ConnectionOffer) -> Void
    ) {
        let way = dispatcher.way
        if let reason = refusal(way) {
            record.connections.accepted += 1
            record.connections.refused[reason] += 1
            record.report(.accepted(listener: origin.listener), origin)
            record.report(.refused(reason), origin)
            return answer(.refused(reason))
        }
        answer(
            .admitted { [self] in
                record.connections.accepted += 1
                record.report(.accepted(listener: origin.listener), origin)
                dispatcher.dispatch(connection, origin, way)
            })
    }

    private func refusal(_ way: Way) -> RefusalReason? {
        if isStopping { return .stopping }
        if case .refuse(let reason) = way { return reason }
        guard room == 0 else { return nil }
        return way == .handOff ? .queueFull : .instances
    }
}
