internal import ControlProtocol
internal import ServiceTable

extension ActiveService {
    var status: ServiceStatus {
        var status = ServiceStatus(
            name: definition.name, dispatch: definition.dispatch.kind, state: state,
            listeners: listeners.map(\.status), connections: record.connections)
        status.handlers = dispatcher.handlers.map(\.status)
        status.processes = dispatcher.processes
        status.timings = record.timings
        status.lastFailure = record.lastFailure
        status.lastCrash = record.lastCrash
        status.lastRefusals = record.lastRefusals
        status.pausedSince = pausedSince
        status.retry = retry
        status.reason = reason
        return status
    }

    private var state: ServiceStatus.State {
        if isLeaving { return isFinished ? .disabled : .draining }
        if !definition.enabled { return .disabled }
        if isStopping { return isDone ? .disabled : .draining }
        if let handoff = dispatcher.handoff, handoff.supply.isFailed, !handoff.hasReadyHandler { return .failed }
        if pausedSince != nil { return .paused }
        if dispatcher.waits.contains(where: \.isPaused) || shortage != nil { return .limited }
        if let handoff = dispatcher.handoff, !handoff.handlers.contains(where: \.isExpected) { return .idle }
        return .ready
    }

    /// The limit that is reached, whether it makes clients wait or refuses them.
    private var shortage: RefusalReason? {
        guard !listeners.isEmpty, case .shut(let reason, _) = intake.gate.and(intake.limit) else { return nil }
        return reason
    }

    /// Until what failed is tried again.
    private var retry: Duration? {
        guard !isStopping else { return nil }
        let waits = dispatcher.waits.filter(\.isPaused).map { max(.zero, $0.pausedUntil - runtime.loop.now) }
        return dispatcher.handoff?.supply.retry ?? waits.min()
    }

    private var reason: String? {
        switch state {
        case .failed: dispatcher.handoff?.supply.failure
        case .limited:
            dispatcher.waits.contains(where: \.isPaused)
                ? "trigger_limit: its handler keeps failing" : shortage?.explanation
        case .disabled: definition.enabled ? "stopped by request" : nil
        case .paused: "by request: its clients wait in the backlog"
        case .idle: dispatcher.handoff?.settings.takesRegisteredOnly == true ? "no handler has registered" : nil
        case .ready, .draining: nil
        }
    }
}

extension Dispatch {
    fileprivate var kind: DispatchKind {
        switch self {
        case .exec: .exec
        case .handoff: .handoff
        case .internal, .tcpmux: .internal
        case .redirect: .redirect
        case .route: .route
        }
    }
}
