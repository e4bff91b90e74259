internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

extension Supervisor {
    /// What the service manager has said and passed, and what it is told.
    func listen(to manager: ManagerEnvironment, _ passed: [InheritedDescriptor]) {
        let notifier = Notifier(manager, loop: loop)
        notifier?.summary = { [unowned self] in summary.text }
        notifier?.failed = { [unowned self] in report(.impaired(what: "NOTIFY_SOCKET", error: "\($0)")) }
        runtime.events.happened = { [weak notifier] in notifier?.somethingHappened() }
        runtime.notifier = notifier
        runtime.listenerStore = ListenerStore(passed, keeper: notifier, limit: manager.storeLimit)
        runtime.listenerStore.report = { [unowned self] in report($0) }
    }

    var summary: SupervisorSummary {
        services.reduce(into: SupervisorSummary(stopping: stopReason)) { $1.add(to: &$0) }
    }
}
