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
    private(set) var lastCrash: Crash?
    /// By reason; rendered for those who ask only.
    private var refusals: [RefusalReason: Refusal] = [:]
    private let events: EventLog
    /// What was reported of the last that was accepted.
    private var acceptedOn: (listener: String, content: EventContent)?
    /// When a drop was last reported, by reason.
    private var reportedDrops: [DropReason: Duration] = [:]

    init(name: String, events: EventLog) {
        self.name = name
        self.events = events
    }

    func report(_ kind: consuming Event.Kind, _ origin: ConnectionOrigin? = nil) {
        events.report(content(kind), connection: origin?.number, peer: origin?.peer)
    }

    func report(_ event: consuming ConnectionEvent, _ origin: ConnectionOrigin) {
        events.report(content(.connection(event)), connection: origin.number, peer: origin.peer)
    }

    func report(_ event: consuming ConnectionEvent, _ baton: Baton) {
        report(content(.connection(event)), baton)
    }

    /// What was made before; whoever passes an origin on copies all of it.
    func report(_ content: EventContent, _ baton: Baton, lasting duration: Duration? = nil) {
        events.report(content, connection: baton.origin.number, peer: baton.origin.peer, lasting: duration)
    }

    /// To be reported of many connections, perhaps.
    func content(_ kind: consuming Event.Kind) -> EventContent { EventContent(kind, of: name) }

    func reportAccepted(_ origin: ConnectionOrigin) {
        if acceptedOn?.listener != origin.listener {
            acceptedOn = (origin.listener, content(.connection(.accepted(listener: origin.listener))))
        }
        guard let content = acceptedOn?.content else { return }
        events.report(content, connection: origin.number, peer: origin.peer)
    }

    /// Each dropped datagram counts. A flood of them is reported once a second, or it would flood the log as well.
    func drop(_ reason: DropReason, at now: Duration) {
        connections.dropped[reason] += 1
        if let last = reportedDrops[reason], now - last < .seconds(1) { return }
        reportedDrops[reason] = now
        report(.connection(.dropped(reason)))
    }

    private struct Refusal {
        let origin: (number: UInt64, peer: SocketAddress)
        let detail: String?
        let time: Timestamp
    }

    func refuse(_ origin: ConnectionOrigin, _ reason: RefusalReason, detail: String?) {
        connections.refused[reason] += 1
        refusals[reason] = Refusal(origin: (origin.number, origin.peer), detail: detail, time: .now)
    }

    /// The last refusal of each reason, the latest first.
    var lastRefusals: [LastRefusal] {
        refusals.map { reason, refusal in
            LastRefusal(
                reason: reason, detail: refusal.detail, connection: refusal.origin.number,
                peer: refusal.origin.peer.description, time: refusal.time)
        }.sorted { ($0.time, $0.connection) > ($1.time, $1.connection) }
    }

    /// A handler, or a process, died unasked.
    func crashed(handler: String? = nil, pid: Int32, _ origin: ConnectionOrigin? = nil, how: String) {
        lastCrash = Crash(
            handler: handler, pid: Int(pid), reason: how, connection: origin?.number, peer: origin?.peer.description,
            time: .now)
    }

    /// The same, if the end of the process was a crash.
    func ended(_ instance: Instance, _ status: ExitStatus) {
        let end = ProcessEnd(status)
        if end.isCrash { crashed(pid: instance.pid, instance.origin, how: end.words) }
    }

    /// To be carried over.
    var saved: SavedRecord {
        get {
            SavedRecord(
                counters: connections, timings: timings, lastFailure: lastFailure, lastCrash: lastCrash,
                refusals: refusals.map { reason, refusal in
                    SavedRecord.Refusal(
                        reason: reason.rawValue, number: refusal.origin.number, peer: refusal.origin.peer,
                        detail: refusal.detail, time: refusal.time)
                })
        }
        set {
            connections = newValue.counters
            timings = newValue.timings
            lastFailure = newValue.lastFailure
            lastCrash = newValue.lastCrash
            for saved in newValue.refusals {
                guard let reason = RefusalReason(rawValue: saved.reason) else { continue }
                refusals[reason] = Refusal(
                    origin: (saved.number, saved.peer), detail: saved.detail, time: saved.time)
            }
        }
    }

    /// A start that failed, for the status and the log.
    func failed(stage: String, error: String) {
        lastFailure = StartFailure(stage: stage, error: error, time: .now)
    }
}
