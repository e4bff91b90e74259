internal import ControlProtocol
internal import ServiceTable

/// What a reload would do, as far as it can be known before: the differences of the tables, and what runs.
struct Outlook {
    /// By their names.
    let services: [String: ActiveService]

    /// - Parameter table: The one that `difference` leads to.
    func report(_ difference: ServiceTableDifference, to table: ServiceTable) -> ReloadReport {
        var report = ReloadReport()
        report.keys = difference.keys
        for (place, service) in difference.services.enumerated() {
            let definition = table.services.indices.contains(place) ? table.services[place] : nil
            switch service.kind {
            case .added: report.added.append(service.name)
            case .unchanged: report.unchanged += 1
            case .changed: if let change = change(service, to: definition) { report.changed.append(change) }
            case .removed:
                report.removed.append(service.name)
                report.notes += notes(service, to: nil).map { "\(service.name): \($0)" }
            }
        }
        return report
    }

    private func change(_ difference: ServiceDifference, to new: Service?) -> ReloadReport.Change? {
        guard let handlers = ReloadReport.Handlers(difference) else { return nil }
        var change = ReloadReport.Change(service: difference.name, keys: difference.keys, handlers: handlers)
        change.listeners = listeners(difference, to: new)
        change.notes = notes(difference, to: new)
        return change
    }

    private func listeners(_ difference: ServiceDifference, to new: Service?) -> [ReloadReport.Listener] {
        let endpoints = new?.boundEndpoints ?? []
        let coming = zip(endpoints, difference.origins).compactMap { endpoint, origin -> ReloadReport.Listener? in
            guard let origin else { return ReloadReport.Listener(endpoint, .added) }
            guard origin.service != difference.name else { return nil }
            return ReloadReport.Listener(endpoint, .takenOver, from: origin.service)
        }
        let before = services[difference.name]?.definition.boundEndpoints ?? []
        return coming + difference.closed.map { ReloadReport.Listener(before[$0], .removed) }
    }

    // MARK: Notes

    private func notes(_ difference: ServiceDifference, to new: Service?) -> [String] {
        guard let service = services[difference.name] else { return [] }
        var notes: [String] = []
        if service.isStopping, new?.enabled == true, service.definition.enabled {
            notes.append("it was stopped, and is started again")
        }
        for process in service.dispatcher.waits.compactMap(\.process) {
            notes += note(onHandler: process.pid, of: service, new).map { [$0] } ?? []
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
