internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// Lists the connections that services have now, as far as the reply goes.
struct ConnectionCensus {
    private var service = ""
    private var found: [ConnectionStatus] = []
    private var omitted = 0
    private let now: Duration
    private let time = Timestamp.now

    /// Connections of one reply: what is rendered in one round of the loop.
    static let most = 500

    private init(at now: Duration) {
        self.now = now
    }

    static func list(_ services: [ActiveService]) -> ConnectionList {
        guard let now = services.first?.runtime.loop.now else { return ConnectionList(connections: [], omitted: 0) }
        var census = ConnectionCensus(at: now)
        for service in services where service.record.connections.present > 0 {
            census.service = service.definition.name
            service.intake.list(in: &census)
            service.dispatcher.list(in: &census)
        }
        return ConnectionList(connections: census.found.sorted { $0.id < $1.id }, omitted: census.omitted)
    }

    /// Counts one more; what it is, is asked for only where it is shown.
    mutating func add(
        _ origin: @autoclosure () -> ConnectionOrigin, _ state: @autoclosure () -> ConnectionStatus.State,
        handler: Handler? = nil, pid: Int32? = nil
    ) {
        guard found.count < Self.most else {
            omitted += 1
            return
        }
        let origin = origin()
        let age = now - origin.accepted
        found.append(
            ConnectionStatus(
                id: origin.number, peer: origin.peer.description, service: service, handler: handler?.id,
                pid: (pid ?? handler?.pid).map { Int($0) }, listener: origin.listener, accepted: time - age, age: age,
                state: state()))
    }
}
