internal import ControlProtocol
internal import ServiceTable

/// Puts a new table in the place of the old one, in one round of the loop: nothing that happens meanwhile is seen before
/// all of it is done. What is bound stays bound, what runs goes on.
struct TableSwitch {
    private let runtime: Runtime
    private let table: ServiceTable
    /// Those of the new table, in its order.
    private(set) var services: [ActiveService] = []
    /// Those to which something is done, of both tables.
    private var parts: [Part] = []
    private var notes: [Note] = []

    /// One service, on its way from the old table to the new one.
    private struct Part {
        let change: ServiceDifference
        let service: ActiveService
        /// What the new table says; nil when it has it not.
        let definition: Service?
        /// For the endpoints that are to be bound, in their order.
        var listeners: [Listener] = []

        var isTouched: Bool { change.kind == .added || change.kind == .changed }

        /// What serves it now goes on with it.
        var goesOn: Bool { definition?.continues(service.definition) == true && !service.isStopping }
    }

    /// What a person should know.
    struct Note {
        var service: String
        var text: String
    }

    /// - Parameters:
    ///   - difference: From the table of `old` to `table`.
    ///   - old: The services of that table by their names.
    ///   - leaving: Services of earlier tables. One that comes back goes on where it was.
    init(
        _ difference: ServiceTableDifference, to table: ServiceTable, from old: [String: ActiveService],
        leaving: [ActiveService], runtime: Runtime
    ) {
        self.runtime = runtime
        self.table = table
        let leaving = Dictionary(leaving.map { ($0.record.name, $0) }) { first, _ in first }
        for (place, change) in difference.services.enumerated() {
            let definition = table.services.indices.contains(place) ? table.services[place] : nil
            let known = old[change.name] ?? leaving[change.name]
            guard let service = known ?? definition.map({ ActiveService($0, runtime: runtime) }) else { continue }
            if definition != nil { self.services.append(service) }
            if change.isSame { continue }
            var part = Part(change: change, service: service, definition: definition)
            if let definition, part.isTouched {
                part.listeners = zip(definition.boundEndpoints, change.origins).map { endpoint, origin in
                    origin.flatMap { old[$0.service]?.listener(at: $0.index) }
                        ?? service.makeListener(endpoint, of: definition)
                }
            }
            parts.append(part)
        }
    }

    /// Those that the new table has no longer.
    var removed: [ActiveService] { parts.filter { $0.definition == nil }.map(\.service) }

    /// Carries it out, once.
    ///
    /// - Returns: What did not go as it should.
    mutating func run() -> [Note] {
        // What can be bound beside the old ones is, before any of those is closed.
        for listener in parts.flatMap(\.listeners) { listener.bindAhead() }
        close()
        for part in parts where part.isTouched || part.definition == nil { letGo(part) }
        for part in parts where part.isTouched { goOn(part) }
        enterDirectory()
        for part in parts { update(part) }
        for service in services {
            for listener in service.listeners { listener.open() }
        }
        settle()
        return notes
    }

    // MARK: Listeners

    /// Whoever waits at a listener that is closed is taken first, while its service is what it was.
    private mutating func close() {
        for part in parts {
            for listener in part.change.closed.compactMap({ part.service.listener(at: $0) }) {
                if !listener.acceptLast() {
                    let text = "\(listener.address) was closed with clients in its backlog, for whom there was no room"
                    notes.append(Note(service: part.service.record.name, text: text))
                }
                part.service.record.report(.listener(.closed(address: "\(listener.address)")))
                listener.close()
            }
        }
    }

    /// Sockets that a `wait` handler has, and that are no longer its service's, stay with it until it ends.
    private func letGo(_ part: Part) {
        let kept = part.goesOn ? part.listeners : []
        for wait in part.service.dispatcher.waits {
            wait.letGo(wait.listeners.filter { listener in !kept.contains { $0 === listener } })
        }
        part.service.listeners = []
    }

    private mutating func goOn(_ part: Part) {
        guard let definition = part.definition else { return }
        for (listener, endpoint) in zip(part.listeners, definition.boundEndpoints) {
            let refused = listener.goOn(as: endpoint, accepts: definition.accepts(on: endpoint), owner: part.service)
            notes += refused.map { Note(service: definition.name, text: $0) }
        }
    }

    // MARK: Services

    private func enterDirectory() {
        for part in parts {
            let isOpen = part.definition?.enabled ?? false
            runtime.services[part.service.record.name] = isOpen ? part.service.intake : nil
        }
        runtime.services.multiplexed = TCPMuxNames(of: table.services)
    }

    private func update(_ part: Part) {
        guard let definition = part.definition else { return part.service.leave(why: "no longer in the table") }
        switch part.change.kind {
        case .unchanged, .removed: part.service.refresh(from: definition)
        case .added where !part.service.isLeaving: part.service.begin(on: part.listeners)
        case .added, .changed:
            part.service.update(to: definition, listeners: part.listeners, rolls: part.change.handlers == .rolling)
        }
        guard part.change.kind == .changed, let handlers = ReloadReport.Handlers(part.change) else { return }
        part.service.record.report(.service(.changed(keys: part.change.keys, handlers: handlers)))
    }

    private func settle() {
        runtime.internalPorts.removeAll()
        for service in services where service.dispatcher.datagrams != nil {
            for listener in service.listeners where listener.endpoint.kind == .udp && listener.descriptor != nil {
                runtime.internalPorts.add(listener.address)
            }
        }
        for part in parts where part.isTouched { part.service.roomChanged() }
    }
}

extension ActiveService {
    /// Nil where it is not, because the service is stopped.
    fileprivate func listener(at place: Int) -> Listener? {
        listeners.indices.contains(place) ? listeners[place] : nil
    }
}
