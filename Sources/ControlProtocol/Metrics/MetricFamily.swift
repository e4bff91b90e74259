/// One kind of number for monitoring systems: its name, by the conventions of Prometheus, and what it means.
/// docs/metrics.md says the same to people.
package struct MetricFamily: Hashable, Sendable {
    /// Without the suffixes that samples add.
    package let name: String
    package let type: Kind
    /// Labels besides `service`.
    package let labels: [String]
    package let isOfService: Bool
    package let help: String

    package enum Kind: String, Hashable, Sendable {
        case gauge, counter, histogram, info
    }

    /// The base unit, which ends the name; nil for mere numbers.
    package var unit: String? { name.hasSuffix("_seconds") ? "seconds" : nil }

    init(_ name: String, _ type: Kind, labels: [String] = [], isOfService: Bool = true, _ help: String) {
        self.name = name
        self.type = type
        self.labels = labels
        self.isOfService = isOfService
        self.help = help
    }
}

/// Every family, in the order of the text.
package enum Metric: Int, CaseIterable, Sendable {
    case build, start, openFiles, mostOpenFiles, healthy, notificationsDropped
    case serviceHealthy, serviceState, listeners, handlers, processes, active, queued
    case accepted, refused, handedOff, requeued, ended, cut, abandoned, lost, dropped, spawned
    case handoff, queue, spawn

    package var family: MetricFamily { Self.families[rawValue] }

    /// In the order of the cases.
    private static let families: [MetricFamily] = [
        MetricFamily(
            "baton_build", .info, labels: ["version"], isOfService: false, "The supervisor's version."),
        MetricFamily(
            "process_start_time_seconds", .gauge, isOfService: false,
            "When the supervisor started, in seconds since 1970."),
        MetricFamily(
            "process_open_fds", .gauge, isOfService: false,
            "Descriptors that the supervisor has open (from Linux 6.2 on)."),
        MetricFamily(
            "process_max_fds", .gauge, isOfService: false, "The supervisor's limit of open descriptors."),
        MetricFamily(
            "baton_healthy", .gauge, isOfService: false,
            "1 when baton status has nothing to complain about, else 0."),
        MetricFamily(
            "baton_notifications_dropped", .counter, isOfService: false,
            "Messages to NOTIFY_SOCKET that were no handler's or no notification."),
        MetricFamily(
            "baton_service_healthy", .gauge, "1 when baton status has nothing to complain about, else 0."),
        MetricFamily(
            "baton_service_state", .gauge, labels: ["dispatch", "state"], "1 for the state that the service is in."),
        MetricFamily("baton_listeners", .gauge, labels: ["state"], "Listeners by state."),
        MetricFamily("baton_handlers", .gauge, labels: ["state"], "Persistent handlers by state."),
        MetricFamily("baton_processes", .gauge, "Processes of exec that run."),
        MetricFamily("baton_connections_active", .gauge, "Connections that are being served."),
        MetricFamily("baton_connections_queued", .gauge, "Connections that wait for a handler."),
        MetricFamily("baton_connections_accepted", .counter, "Connections that were accepted."),
        MetricFamily(
            "baton_connections_refused", .counter, labels: ["reason"], "Connections that Baton closed, by reason."),
        MetricFamily("baton_connections_handed_off", .counter, "Connections that a handler acknowledged."),
        MetricFamily("baton_connections_requeued", .counter, "Returns of a connection to the queue."),
        MetricFamily("baton_connections_ended", .counter, "Connections that were served to their end."),
        MetricFamily("baton_connections_cut", .counter, "Connections whose handler died after it took them."),
        MetricFamily("baton_connections_abandoned", .counter, "Connections given up after max_deliveries."),
        MetricFamily("baton_connections_lost", .counter, "Connections closed for no known reason: a bug in Baton."),
        MetricFamily(
            "baton_datagrams_dropped", .counter, labels: ["reason"], "Datagrams that Baton dropped, by reason."),
        MetricFamily("baton_processes_spawned", .counter, "Processes that were started."),
        MetricFamily(
            "baton_handoff_seconds", .histogram, "Time from accept to the handler's acknowledgement."),
        MetricFamily("baton_queue_seconds", .histogram, "The part of baton_handoff_seconds spent in the queue."),
        MetricFamily("baton_spawn_seconds", .histogram, "Time from accept to a program of its own that runs."),
    ]
}
