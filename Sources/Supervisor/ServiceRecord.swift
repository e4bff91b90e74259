internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// What is counted and reported of one service; its stages share it.
final class ServiceRecord {
    let name: String
    var connections = ConnectionCounters()
    var timings = Timings()
    /// The last start that failed, until one succeeds.
    var lastFailure: StartFailure?
    private let events: EventLog
    /// When a drop was last reported, by reason.
    private var reportedDrops: [DropReason: Duration] = [:]

    init(name: String, events: EventLog) {
        self.name = name
        self.events = events
    }

    func report(_ kind: Event.Kind, _ origin: ConnectionOrigin? = nil) {
        events.report(kind, service: name, origin)
    }

    func report(_ event: ConnectionEvent, _ origin: ConnectionOrigin) {
        events.report(.connection(event), service: name, origin)
    }

    /// Each dropped datagram counts. A flood of them is reported once a second, or it would flood the log as well.
    func drop(_ reason: DropReason, at now: Duration) {
        connections.dropped[reason] += 1
        if let last = reportedDrops[reason], now - last < .seconds(1) { return }
        reportedDrops[reason] = now
        report(.connection(.dropped(reason)))
    }

    /// A start that failed, for the status and the log.
    func failed(stage: String, error: String) {
        lastFailure = StartFailure(stage: stage, error: error, time: .now)
    }
}
