internal import ControlProtocol
internal import ServiceTable

/// What a reload would do, as far as it can be known before: the differences of the tables, and what runs.
struct Outlook {
    private let old: ServiceTable
    private let new: ServiceTable
    private let services: [String: ActiveService]

    init(from old: ServiceTable, to new: ServiceTable, services: [ActiveService]) {
        self.old = old
        self.new = new
        self.services = Dictionary(services.map { ($0.record.name, $0) }) { first, _ in first }
    }

    func report(_ difference: ServiceTableDifference) -> ReloadReport {
        var report = ReloadReport()
        report.keys = difference.keys
        report.added = difference.services(.added).map(\.name)
        report.removed = difference.services(.removed).map(\.name)
        report.unchanged = difference.services(.unchanged).count
        report.changed = difference.services(.changed).compactMap(change)
        for change in difference.services(.removed) {
            report.notes += notes(change).map { "\(change.name): \($0)" }
        }
        return report
    }

    private func change(_ difference: ServiceDifference) -> ReloadReport.Change? {
        guard let handlers = ReloadReport.Handlers(difference) else { return nil }
        var change = ReloadReport.Change(service: difference.name, keys: difference.keys, handlers: handlers)
        change.listeners = listeners(difference)
        change.notes = notes(difference)
        return change
    }

    private func listeners(_ difference: ServiceDifference) -> [ReloadReport.Listener] {
        let endpoints = new.services.first { $0.name == difference.name }?.boundEndpoints ?? []
        let coming = zip(endpoints, difference.origins).compactMap { endpoint, origin -> ReloadReport.Listener? in
            guard let origin else { return ReloadReport.Listener(endpoint, .added) }
            guard origin.service != difference.name else { return nil }
            return ReloadReport.Listener(endpoint, .takenOver, from: origin.service)
        }
        let before = old.services.first { $0.name == difference.name }?.boundEndpoints ?? []
        return coming + difference.closed.map { ReloadReport.Listener(before[$0], .removed) }
    }

    // MARK: Notes

    private func notes(_ difference: ServiceDifference) -> [String] {
        guard let service = services[difference.name] else { return [] }
        let definition = new.services.first { $0.name == difference.name }
        var notes: [String] = []
        if service.isStopping, definition?.enabled == true, service.definition.enabled {
            notes.append("it was stopped, and is started again")
        }
        for process in service.dispatcher.waits.compactMap(\.process) {
            notes += note(onHandler: process.pid, of: service, definition).map { [$0] } ?? []
        }
        return notes
    }

    /// A `wait` handler has its sockets, and only it can give them back.
    private func note(onHandler pid: Int, of service: ActiveService, _ new: Service?) -> String? {
        let name = service.record.name
        guard let new else {
            return "its handler, pid \(pid), keeps the socket until it ends; baton stop \(name) ends it"
        }
        guard new.continues(service.definition) else {
            return "its handler, pid \(pid), keeps the socket until it ends"
        }
        guard !new.startsLike(service.definition) else { return nil }
        return "its handler, pid \(pid), goes on as it was started until it ends; baton restart \(name) ends it"
    }
}

extension Service {
    /// A process that was started for `other` is as one that is started for this.
    fileprivate func startsLike(_ other: Service) -> Bool {
        dispatch == other.dispatch && process == other.process && style == other.style
            && heartbeat == other.heartbeat && unresponsive == other.unresponsive
            && endpoints.map(\.name) == other.endpoints.map(\.name)
            && endpoints.map(\.address) == other.endpoints.map(\.address)
    }
}

extension ReloadReport.Handlers {
    /// Nil for a service that is not in both tables.
    init?(_ difference: ServiceDifference) {
        guard difference.kind == .changed || difference.kind == .unchanged else { return nil }
        switch difference.handlers {
        case .kept: self = .kept
        case .rolling: self = .rolling
        case .draining: self = .draining
        }
    }
}

extension ReloadReport.Listener {
    fileprivate init(_ endpoint: Endpoint, _ change: Change, from: String? = nil) {
        self.init(
            address: "\(endpoint.address)", transport: endpoint.kind.rawValue, change, from: from)
    }
}
