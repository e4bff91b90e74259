internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

// What a reload changes in one service.

extension ActiveService {
    /// Goes by another definition.
    ///
    /// - Parameters:
    ///   - listeners: For the endpoints that are to be bound, in their order.
    ///   - rolls: Persistent handlers are to be started otherwise than those that run.
    func update(to new: Service, listeners: [Listener], rolls: Bool) {
        guard new.enabled else { return disable(new) }
        let goesOn = new.continues(definition) && !isStopping
        definition = new
        self.listeners = listeners
        runtime.events.choose(LogChoice(new), for: new.name)
        refuser.update(reply: new.admission.busyReply)
        if goesOn { dispatcher.update(new, rolls: rolls) } else { replaceDispatcher() }
        intake.update(new, dispatcher: dispatcher)
        dispatcher.arrangeWaits(listeners)
        if !goesOn { wake() }
        dismissStrangers()
    }

    /// Nothing that a person has written has changed: takes over what names were looked up to.
    func refresh(from new: Service) {
        definition = new
        guard !isStopping else { return }
        intake.update(new, dispatcher: dispatcher)
    }

    private func disable(_ new: Service) {
        if definition.enabled { leave(why: "disabled in the table") }
        definition = new
    }

    /// The table has it no longer: it takes no more, and what runs finishes.
    func leave(why: String) {
        isLeaving = true
        stop(why: why)
        // It may have been stopped before, for another time.
        if waysAreStopped { dispatcher.retire() }
    }

    /// It was stopped by a person, and is wanted again.
    func startAgain() {
        let listeners = definition.boundEndpoints.map { makeListener($0, of: definition) }
        update(to: definition, listeners: listeners, rolls: false)
        for listener in listeners { listener.open() }
        roomChanged()
    }

    private func replaceDispatcher() {
        let former = dispatcher
        dispatcher = Dispatcher(definition, refuser: refuser, record: record, runtime: runtime)
        dispatcher.changed = { [weak self] in self?.roomMayHaveChanged() }
        dispatcher.succeed(former)
        (isStopping, isLeaving, waysAreStopped) = (false, false, false)
    }

    /// Registered handlers that may not register any more finish what they hold.
    private func dismissStrangers() {
        for handler in dispatcher.handoff?.handlers ?? [] {
            guard let credentials = handler.credentials, !outsiders.admits(credentials) else { continue }
            handler.handle(.drainAsked)
        }
    }

    /// Nothing of it is left at all, not even what would outlive the supervisor.
    var isFinished: Bool { isStopping && intake.isDone && dispatcher.isFinished }

    /// What was counted and not told yet.
    func tellRest() {
        refuser.endSummary()
        for each in [dispatcher] + dispatcher.retired { each.standardError?.tellRest() }
    }

    /// Where processes write that outlive the supervisor.
    fileprivate var outlivingEnds: [FileDescriptor] {
        ([dispatcher] + dispatcher.retired).filter { !$0.instances.isEmpty }.compactMap(\.standardError?.readingEnd)
    }

    /// The last that is heard of it.
    func sayFarewell() {
        tellRest()
        for each in [dispatcher] + dispatcher.retired { each.standardError?.retire() }
        record.report(.service(.stopped))
        runtime.events.choose(nil, for: record.name)
    }
}

extension [ActiveService] {
    /// The supervisor ends: they tell what is left to tell, and whoever outlives it writes to somebody still.
    func end() {
        for service in self { service.tellRest() }
        let ends = flatMap(\.outlivingEnds)
        if !ends.isEmpty { Spawn.readOn(ends) }
    }
}
