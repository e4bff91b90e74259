internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Serves connections inside (RFC 862 to 868): no process, no hand-off.
final class InternalDispatch {
    var service: InternalService
    private let refuser: Refuser
    private let record: ServiceRecord
    private let runtime: Runtime
    private let limits: InternalLimits
    /// Told whenever a connection ended, so that there may be room again.
    private let changed: () -> Void
    private var connections: [UInt64: InternalConnection] = [:]

    init(
        _ service: InternalService, refuser: Refuser, record: ServiceRecord, runtime: Runtime,
        limits: InternalLimits = .standard, changed: @escaping () -> Void
    ) {
        self.refuser = refuser
        self.service = service
        self.record = record
        self.runtime = runtime
        self.limits = limits
        self.changed = changed
    }

    /// Connections being served: what `instances` limits.
    var count: Int { connections.count }

    /// Serves `connection`, which counts as active from now on.
    func dispatch(_ connection: DescriptorBox, _ origin: ConnectionOrigin) {
        var exchange = InternalExchange(service, at: .now, limits: limits)
        if !origin.drained.isEmpty { exchange.received(origin.drained) }
        let served = InternalConnection(exchange, connection, origin, runtime: runtime, limits: limits) { [self] in
            ended(origin)
        }
        do {
            try served.start()
        } catch {
            return refuser.refuse(connection, origin, .global, detail: "epoll: \(error)")
        }
        record.connections.active += 1
        connections[origin.number] = served
    }

    func list(in census: inout ConnectionCensus) {
        for connection in connections.values { census.add(connection.origin, .internal) }
    }

    /// Closes every connection, for the supervisor stops now.
    func endAll() {
        for connection in connections.values { connection.end() }
    }

    // MARK: Carried over

    var saved: [SavedInternal] { connections.values.compactMap(\.saved) }

    /// Goes on serving. The connections are counted already.
    func resume(_ saved: [SavedInternal], _ books: Intake) throws(Errno) {
        for connection in saved {
            let origin = ConnectionOrigin(connection.connection.origin, books)
            let served = InternalConnection(
                connection.progress, connection.connection.descriptor.adoptBox(), origin, runtime: runtime,
                limits: limits
            ) { [self] in ended(origin) }
            try served.start()
            connections[origin.number] = served
        }
    }

    private func ended(_ origin: ConnectionOrigin) {
        let traffic = connections.removeValue(forKey: origin.number)?.traffic
        record.connections.active -= 1
        record.connections.ended += 1
        record.report(.ended(duration: runtime.loop.now - origin.accepted, traffic: traffic), origin)
        changed()
    }
}
