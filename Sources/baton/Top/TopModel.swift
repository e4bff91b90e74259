internal import ControlProtocol

/// What `baton top` knows: the last status, and what came between it and those before. Time is the supervisor's uptime.
struct TopModel {
    private(set) var status: SupervisorStatus?
    /// Between the last two statuses; nil while there is one only.
    private(set) var interval: Duration?
    private var tracks: [String: ServiceTrack] = [:]

    mutating func take(_ next: SupervisorStatus) {
        // Another supervisor, whose counters begin anew.
        if let status, status.pid != next.pid || next.uptime <= status.uptime { self = TopModel() }
        interval = status.map { next.uptime - $0.uptime }
        var known: [String: ServiceTrack] = [:]
        for service in next.services {
            var track = tracks[service.name] ?? ServiceTrack(service, at: next.uptime)
            if tracks[service.name] != nil { track.take(service, after: interval, at: next.uptime) }
            known[service.name] = track
        }
        tracks = known
        status = next
    }

    /// In table order.
    var rows: [TopRow] {
        (status?.services ?? []).compactMap { service in
            tracks[service.name].map { TopRow(service: service, track: $0) }
        }
    }

    /// Connections a second of all services; nil before there is an interval.
    var accepted: Double? { sum(\.accepted) }
    var refused: Double? { sum(\.refused) }

    private func sum(_ rate: KeyPath<ServiceTrack, Double?>) -> Double? {
        interval == nil ? nil : tracks.values.reduce(0) { $0 + ($1[keyPath: rate] ?? 0) }
    }
}

/// One service over the time that it has been watched.
struct ServiceTrack {
    /// A second, in the last interval.
    private(set) var accepted: Double?
    private(set) var refused: Double?
    /// Of the last interval.
    private(set) var timings = Timings()
    /// Accepts a second, the newest last.
    private(set) var history: [Double] = []
    /// What has been refused while it was watched.
    private(set) var refusals: [RefusalReason: Refusal] = [:]
    /// Connections that handlers acknowledged in the last interval, a second, by id.
    private(set) var served: [String: Double] = [:]
    private var last: ServiceStatus

    struct Refusal: Hashable {
        /// A second, in the last interval.
        var rate = 0.0
        /// The last one that was seen.
        var last: Duration
    }

    /// The longest that a sparkline can be.
    static let longestHistory = 240

    init(_ service: ServiceStatus, at time: Duration) {
        last = service
    }

    mutating func take(_ service: ServiceStatus, after interval: Duration?, at time: Duration) {
        defer { last = service }
        // A service of this name that is a new one has counted less.
        guard let seconds = interval?.seconds, seconds > 0, service.connections.accepted >= last.connections.accepted,
            let timings = service.timings.since(last.timings)
        else {
            self = ServiceTrack(service, at: time)
            return
        }
        func rate(_ count: (ServiceStatus) -> Int) -> Double { Double(max(0, count(service) - count(last))) / seconds }
        self.timings = timings
        let accepted = rate { $0.connections.accepted }
        self.accepted = accepted
        refused = rate { $0.connections.refused.total }
        history.append(accepted)
        if history.count > Self.longestHistory { history.removeFirst() }
        for reason in RefusalReason.allCases {
            let refused = rate { $0.connections.refused[reason] }
            if refused > 0 {
                refusals[reason] = Refusal(rate: refused, last: time)
            } else {
                refusals[reason]?.rate = 0
            }
        }
        let before = Dictionary(last.handlers.map { ($0.id, $0.served) }) { first, _ in first }
        served = [:]
        for handler in service.handlers {
            served[handler.id] = Double(max(0, handler.served - (before[handler.id] ?? 0))) / seconds
        }
    }
}

/// One service as it is shown.
struct TopRow {
    let service: ServiceStatus
    let track: ServiceTrack

    var name: String { service.name }
    var active: Int { service.connections.active }
    var queued: Int { service.connections.queued }

    /// How long clients waited in the last interval: for the acknowledgement or, where a process is started for each,
    /// for that.
    var wait: Histogram { track.timings.handoff.count > 0 ? track.timings.handoff : track.timings.spawn }
}
