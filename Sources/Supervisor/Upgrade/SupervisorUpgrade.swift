internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

extension Supervisor: UpgradeTarget {
    /// - Parameter answer: Called when it fails; who is asked by a client answers in the new program.
    func upgrade(answer: @escaping (Result<JSON, ControlError>) -> Void) {
        let fail = { [self] (why: String) in
            report(.upgradeFailed(why: why))
            answer(.failure(ControlError(.failed, why)))
        }
        if stopBegan != nil || services.isEmpty { return fail("the supervisor is starting or stopping") }
        if isUpgrading { return fail("an upgrade is under way") }
        isUpgrading = true
        Upgrade.begin(self, runtime: runtime) { [self] why in
            isUpgrading = false
            fail(why)
        }
    }

    var isAtRest: Bool {
        !runtime.launchers.isBusy && runtime.names.isAtRest && runtime.notifier?.isAtRest ?? true
            && registrar?.isAtRest ?? true
            && (services + leaving).allSatisfy(\.isAtRest) && !reloader.isBusy
    }

    func awaitUpgrade(_ waits: Bool) {
        for service in services { service.awaitUpgrade(waits) }
    }

    func leave() {
        control?.leave()
    }

    func state() -> SupervisorState {
        var state = SupervisorState()
        state.program = BatonVersion.text
        state.began = began
        state.started = started
        state.runningTime = loop.runningTime
        state.options = SavedOptions(options)
        state.table = LoadedTable(table: tableOfNow, faults: []).encoded()
        state.softOpenFiles = runtime.originalOpenFiles.soft
        state.hardOpenFiles = runtime.originalOpenFiles.hard
        state.lastConnection = runtime.lastConnection
        state.lastHandler = runtime.lastHandler
        runtime.privileges.save(to: &state)
        if let desk, let client {
            state.desk = desk.save(client, runtime.notifier, confinement: confinement)
            state.desk?.launchers = runtime.launchers.saved
        }
        if let saved = control?.saved { state.control = saved }
        if let sockets = registrar?.sockets, sockets.count == 2 {
            (state.register, state.registerStream) = (sockets[0], sockets[1])
        }
        state.applicants = registrar?.savedApplicants ?? []
        state.notifications = runtime.notifications?.saved
        state.notificationsDropped = runtime.notifications?.dropped ?? 0
        state.services = services.map(\.saved) + leaving.map(\.savedLeaving)
        state.requester = control?.requester
        let log = runtime.events.output
        (state.log, state.logDropped, state.whyLogDropped) = (log.saved, log.dropped, log.whyDropped)
        state.events = runtime.events.saved
        return state
    }

    /// The table in force, with what the hosts in it stand for by now.
    private var tableOfNow: ServiceTable {
        var table = table
        for (index, service) in services.enumerated() where !service.intake.hosts.isEmpty {
            service.intake.fill(&table.services[index].admission)
        }
        return table
    }

    /// Goes on where the program before left off. Nothing is read, written or accepted before the loop runs.
    ///
    /// - Parameter why: What has brought this program back, when it was the one before itself.
    convenience init(_ state: SupervisorState, backBecause why: String?) throws {
        guard let table = try LoadedTable(decoding: state.table).table else {
            throw StateFile.Unreadable(why: "the state has no table")
        }
        try self.init(
            SupervisorOptions(state.options),
            original: ResourceLimits.Pair(soft: state.softOpenFiles, hard: state.hardOpenFiles),
            began: state.began, runningTime: state.runningTime, desk: state.desk.map { WorkerDesk($0) })
        if let desk { try resume(desk) }
        started = state.started
        self.table = table
        try settleLimits()
        runtime.events.resume(state.events)
        runtime.events.output.resume(state.log, dropped: state.logDropped, why: state.whyLogDropped)
        try resume(state)
        client?.ready()
        report(why.map { .upgradeFailed(why: $0) } ?? .upgraded(from: state.program, to: BatonVersion.text))
        runtime.notifier?.ready()
        answer(state.requester, why, former: state.program)
    }

    private func resume(_ state: SupervisorState) throws {
        (runtime.lastConnection, runtime.lastHandler) = (state.lastConnection, state.lastHandler)
        let notifyPath = runtime.privileges.resume(state)
        try serve(
            RuntimeSockets(
                control: state.control.adoptBox(), register: state.register.adoptBox(),
                registerStream: state.registerStream.adoptBox(),
                notify: state.notifications?.adoptBox() ?? DescriptorBox(), notifyPath: notifyPath))
        runtime.notifications?.dropped = state.notificationsDropped
        if table.controlGroup != nil { try openControl(to: table.controlGroup) }
        try resume(state.services)
        registrar?.resume(state.applicants)
        watchHosts()
        reloader.open()
        loop.afterThisRound { [self] in
            runtime.instances.reapAll()
            comeToRest()
        }
    }

    func resume(_ saved: [SavedService]) throws {
        let byName = Dictionary(saved.filter(\.leaving.isEmpty).map { ($0.name, $0) }) { $1 }
        var parts = table.services.map { definition in
            (ActiveService(definition, runtime: runtime, saved: byName[definition.name]), byName[definition.name])
        }
        services = parts.map(\.0)
        for state in saved where !state.leaving.isEmpty {
            let definition = try ServiceTable.service(in: state.leaving)
            leaving.append(ActiveService(definition, runtime: runtime, saved: state))
            parts.append((leaving[leaving.count - 1], state))
        }
        listenToStops()
        for (service, state) in parts {
            if let state { service.resumeListeners(state) }
        }
        let listeners = services.flatMap(\.listeners)
        let sockets = Dictionary(
            listeners.compactMap { listener in listener.descriptor.map { ($0.rawValue, listener) } }
        ) { $1 }
        for case (let service, let state?) in parts { try service.resume(state, sockets) }
    }

    private func answer(_ requester: SavedRequester?, _ why: String?, former: String) {
        guard let requester else { return }
        control?.answer(
            requester,
            why.map { .failure(ControlError(.failed, $0)) }
                ?? .success(["version": .string(BatonVersion.text), "former": .string(former)]))
    }
}
