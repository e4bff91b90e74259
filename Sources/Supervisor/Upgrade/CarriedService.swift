internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

extension ActiveService {
    /// Whether everything of it can be carried over now.
    var isAtRest: Bool { intake.isAtRest && dispatcher.isAtRest }

    /// Takes nothing new, or takes it again; clients wait in the backlog meanwhile.
    func awaitUpgrade(_ waits: Bool) {
        for listener in listeners { if waits { listener.hold(.upgrade) } else { listener.release(.upgrade) } }
    }

    var saved: SavedService {
        refuser.endSummary()
        var saved = SavedService()
        saved.name = definition.name
        saved.isStopping = isStopping
        saved.isLeaving = isLeaving
        saved.endDue = endDue
        saved.pausedSince = pausedSince
        saved.record = record.saved
        saved.listeners = listeners.map(\.saved)
        saved.rates = intake.rates
        saved.arrivals = intake.savedArrivals
        saved.lingering = refuser.saved
        saved.ways = dispatcher.saved
        saved.retired = dispatcher.savedRetired
        return saved
    }

    /// The same of one that the table has no longer.
    var savedLeaving: SavedService {
        var saved = saved
        saved.leaving = ServiceTable.bytes(with: definition)
        return saved
    }

    /// Its sockets again: first of all, for a process of another service may have one of them.
    func resumeListeners(_ saved: SavedService) {
        guard definition.enabled, !saved.isStopping else { return }
        listeners = definition.boundEndpoints.map { makeListener($0, of: definition) }
        for (listener, socket) in zip(listeners, saved.listeners) { listener.resume(socket) }
        dispatcher.arrangeWaits(listeners)
        runtime.services[definition.name] = intake
        if let name = definition.tcpmux { runtime.services.multiplexed.add(name, service: definition.name) }
        for listener in listeners {
            guard let bound = listener.boundAddress, listener.endpoint.kind == .udp, dispatcher.datagrams != nil else {
                continue
            }
            runtime.internalPorts.add(bound)
        }
    }

    /// Goes on where the program before left off.
    ///
    /// - Parameter sockets: The listeners of all services, by descriptor.
    func resume(_ saved: SavedService, _ sockets: [Int32: Listener]) throws {
        record.saved = saved.record
        intake.rates = saved.rates
        pausedSince = saved.pausedSince
        (isStopping, isLeaving) = (saved.isStopping, saved.isLeaving)
        if isStopping {
            intake.stop()
            // Before anything else is done: nobody starts handlers for what had none any more.
            if saved.arrivals.isEmpty { runtime.loop.afterThisRound { [self] in stopWays() } }
        }
        if pausedSince != nil { for listener in listeners { listener.hold(.person) } }
        try dispatcher.resume(saved.ways, intake, sockets)
        try dispatcher.resume(retired: saved.retired, intake, sockets)
        refuser.resume(saved.lingering)
        intake.resume(saved.arrivals)
        if let due = saved.endDue { end(at: due) }
        runtime.loop.afterThisRound { [self] in roomChanged() }
    }
}
