internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

// What a reload changes in the supervisor as a whole.

extension Supervisor: ReloadTarget {
    var refusesTables: String? { isStopping ? "the supervisor is stopping" : nil }

    func faults(of new: ServiceTable) -> [ConfigurationFault] {
        let why = "it cannot change while the supervisor runs"
        var faults: [ConfigurationFault] = []
        if new.supervisorUser != table.supervisorUser, client != nil || CurrentProcess.uid == 0 {
            faults.append(ConfigurationFault(file: new.file, key: "supervisor_user", message: why))
        }
        // Everybody who talks to the supervisor looks for it where it is.
        let place = runtimeDirectory(by: table).path
        if runtimeDirectory(by: new).path != place {
            faults.append(
                ConfigurationFault(file: new.file, key: "runtime_directory", message: "\(why), which has \(place)"))
        }
        return faults
    }

    func runtimeDirectory(by table: ServiceTable) -> RuntimeDirectory {
        let named = options.runtimeDirectory ?? table.runtimeDirectory ?? runtime.environment["BATON_RUNTIME_DIRECTORY"]
        if let named { return RuntimeDirectory(path: named) }
        return RuntimeDirectory.standard(uid: CurrentProcess.uid, session: runtime.environment["XDG_RUNTIME_DIR"])
    }

    func outlook(on new: ServiceTable) -> ReloadReport {
        report(ServiceTableDifference(from: table, to: new), new, servicesByName)
    }

    private var servicesByName: [String: ActiveService] {
        Dictionary(services.lazy.map { ($0.record.name, $0) }) { first, _ in first }
    }

    private func report(
        _ difference: ServiceTableDifference, _ new: ServiceTable, _ services: [String: ActiveService]
    ) -> ReloadReport {
        var report = Outlook(services: services).report(difference, to: new)
        if let level = options.logLevel, difference.keys.contains("log.level") {
            report.notes.append("log.level has no effect: --log-level \(level.rawValue) counts")
        }
        return report
    }

    func take(_ new: ServiceTable) throws(ConfigurationFault) -> ReloadReport {
        var new = new
        new.merge(with: table)
        let difference = ServiceTableDifference(from: table, to: new)
        if new.log != table.log { try moveLog(new) }
        let old = servicesByName
        var report = report(difference, new, old)
        let before = table
        table = new
        runtime.privileges.took()
        settle(after: before, &report)
        var change = TableSwitch(difference, to: new, from: old, leaving: leaving, runtime: runtime)
        for note in change.run() { report.add(note) }
        services = change.services
        leaving.removeAll { service in services.contains { $0 === service } }
        leaving += change.removed
        listenToStops()
        watchHosts()
        serviceStopped()
        return report
    }

    /// The one thing that may fail, and so the first that is done.
    private func moveLog(_ new: ServiceTable) throws(ConfigurationFault) {
        let plan = logPlan(of: new)
        do {
            try runtime.events.go(on: plan, opening: runtime.opensLog)
        } catch {
            throw ConfigurationFault(file: new.file, key: "log.to", message: "\(plan.name): \(error)")
        }
    }

    private func settle(after before: ServiceTable, _ report: inout ReloadReport) {
        settleLevel()
        runtime.occupancy.limit = table.limits.instances
        if table.limits.openFiles != before.limits.openFiles { raiseOpenFiles() }
        guard table.controlGroup != before.controlGroup else { return }
        do {
            try openControl(to: table.controlGroup)
        } catch {
            report.notes.append("control.group: \(error); the control socket is as it was")
        }
    }

    /// Those that are finished are forgotten: not now, for whoever tells of it has not come to its own end.
    func forgetFinished() {
        guard leaving.contains(where: \.isFinished) else { return }
        runtime.loop.afterThisRound { [weak self] in
            guard let self else { return }
            for service in leaving where service.isFinished { service.sayFarewell() }
            leaving.removeAll(where: \.isFinished)
        }
    }
}

extension ReloadReport {
    fileprivate mutating func add(_ note: TableSwitch.Note) {
        if let place = changed.firstIndex(where: { $0.service == note.service }) {
            changed[place].notes.append(note.text)
        } else {
            notes.append("\(note.service): \(note.text)")
        }
    }
}
