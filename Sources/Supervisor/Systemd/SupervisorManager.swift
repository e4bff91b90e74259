internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

extension Supervisor {
    /// What the service manager is told.
    func listen(to notifier: Notifier?) {
        notifier?.summary = { [unowned self] in summary.text }
        notifier?.failed = { [unowned self] in report(.impaired(what: "NOTIFY_SOCKET", error: "\($0)")) }
        notifier?.live()
        runtime.events.happened = notifier.map { notifier in { notifier.somethingHappened() } }
        runtime.notifier = notifier
        store.report = { [unowned self] in report($0) }
    }

    var summary: SupervisorSummary {
        services.reduce(into: SupervisorSummary(stopping: stopReason)) { $1.add(to: &$0) }
    }
}
