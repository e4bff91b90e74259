/// The metrics as OpenMetrics 1.0 text, built up one service at a time.
///
/// All samples of a family stand together, so each family has a buffer of its own until the end.
package struct MetricsText: Sendable {
    /// What answers to it on the wire.
    package static let mediaType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    private var samples = [[UInt8]](repeating: [], count: Metric.allCases.count)

    package init() {}

    /// The whole text.
    package var bytes: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(samples.reduce(4096) { $0 + $1.count })
        for metric in Metric.allCases where !samples[metric.rawValue].isEmpty {
            let family = metric.family
            text += "# TYPE \(family.name) \(family.type.rawValue)\n".utf8
            if let unit = family.unit { text += "# UNIT \(family.name) \(unit)\n".utf8 }
            text += "# HELP \(family.name) \(family.help)\n".utf8
            text += samples[metric.rawValue]
        }
        text += "# EOF\n".utf8
        return text
    }

    // MARK: The supervisor

    /// What is said of the supervisor as a whole, without its services.
    package struct Supervisor: Sendable {
        package var version: String
        package var started: Timestamp
        /// Nil where the kernel does not count them.
        package var openFiles: Int?
        package var mostOpenFiles: Int
        package var notificationsDropped: Int

        package init(
            version: String, started: Timestamp, openFiles: Int?, mostOpenFiles: Int, notificationsDropped: Int
        ) {
            self.version = version
            self.started = started
            self.openFiles = openFiles
            self.mostOpenFiles = mostOpenFiles
            self.notificationsDropped = notificationsDropped
        }
    }

    /// - Parameter isHealthy: Of all services.
    package mutating func add(_ supervisor: Supervisor, isHealthy: Bool) {
        let none = Labels()
        add(.build, Labels(("version", supervisor.version)), 1)
        let milliseconds = "\(supervisor.started.nanoseconds / 1_000_000 + 1000)".dropFirst()
        sample(.start, "", none, "\(supervisor.started.seconds).\(milliseconds)")
        if let openFiles = supervisor.openFiles { add(.openFiles, none, openFiles) }
        add(.mostOpenFiles, none, supervisor.mostOpenFiles)
        add(.healthy, none, isHealthy ? 1 : 0)
        add(.notificationsDropped, none, supervisor.notificationsDropped)
    }

    // MARK: Services

    package mutating func add(_ service: ServiceStatus) {
        let labels = Labels(("service", service.name))
        add(.serviceHealthy, labels, service.problems.isEmpty ? 1 : 0)
        add(
            .serviceState,
            labels.with("dispatch", service.dispatch.rawValue).with("state", service.state.rawValue), 1)
        addListeners(service.listeners, labels)
        if service.dispatch == .handoff { addHandlers(service.handlers, labels) }
        if service.dispatch == .exec { add(.processes, labels, service.processes.count) }
        add(service.connections, of: service.dispatch, labels)
        add(.handoff, labels, service.timings.handoff)
        add(.queue, labels, service.timings.queue)
        add(.spawn, labels, service.timings.spawn)
    }

    private mutating func add(_ counters: ConnectionCounters, of dispatch: DispatchKind, _ labels: Labels) {
        add(.active, labels, counters.active)
        add(.queued, labels, counters.queued)
        add(.accepted, labels, counters.accepted)
        for (reason, count) in counters.refused.present {
            add(.refused, labels.with("reason", reason.rawValue), count)
        }
        for (reason, count) in counters.dropped.present {
            add(.dropped, labels.with("reason", reason.rawValue), count)
        }
        add(.ended, labels, counters.ended)
        add(.lost, labels, counters.lost)
        if dispatch == .exec || dispatch == .handoff { add(.spawned, labels, counters.spawned) }
        guard dispatch == .handoff else { return }
        add(.handedOff, labels, counters.handedOff)
        add(.requeued, labels, counters.requeued)
        add(.cut, labels, counters.cut)
        add(.abandoned, labels, counters.abandoned)
    }

    private mutating func addListeners(_ listeners: [ListenerStatus], _ labels: Labels) {
        for state in ListenerStatus.State.allCases {
            let count = listeners.count { $0.state == state }
            if count > 0 { add(.listeners, labels.with("state", state.rawValue), count) }
        }
    }

    private mutating func addHandlers(_ handlers: [HandlerStatus], _ labels: Labels) {
        for state in HandlerStatus.State.allCases {
            add(.handlers, labels.with("state", state.rawValue), handlers.count { $0.state == state })
        }
    }

    // MARK: Samples

    private mutating func add(_ metric: Metric, _ labels: Labels, _ value: Int) {
        let suffix =
            switch metric.family.type {
            case .gauge: ""
            case .counter: "_total"
            case .histogram: preconditionFailure("a histogram is more than a number")
            case .info: "_info"
            }
        sample(metric, suffix, labels, "\(value)")
    }

    private mutating func add(_ metric: Metric, _ labels: Labels, _ histogram: Histogram) {
        guard !histogram.isEmpty else { return }
        var cumulated = 0
        for (bucket, count) in histogram.counts.enumerated() {
            cumulated += count
            let bound = bucket < Histogram.bounds.count ? "\(Histogram.bounds[bucket].seconds)" : "+Inf"
            sample(metric, "_bucket", labels.with("le", bound), "\(cumulated)")
        }
        sample(metric, "_count", labels, "\(cumulated)")
        sample(metric, "_sum", labels, "\(histogram.sum.seconds)")
    }

    private mutating func sample(_ metric: Metric, _ suffix: String, _ labels: Labels, _ value: String) {
        let name = metric.family.name
        samples[metric.rawValue] += name.utf8
        samples[metric.rawValue] += suffix.utf8
        if !labels.text.isEmpty {
            samples[metric.rawValue].append(UInt8(ascii: "{"))
            samples[metric.rawValue] += labels.text
            samples[metric.rawValue].append(UInt8(ascii: "}"))
        }
        samples[metric.rawValue].append(UInt8(ascii: " "))
        samples[metric.rawValue] += value.utf8
        samples[metric.rawValue].append(UInt8(ascii: "\n"))
    }
}

/// The labels of a sample, as they stand between its braces.
private struct Labels {
    private(set) var text: [UInt8] = []

    init() {}

    init(_ first: (name: String, value: String)) { append(first.name, first.value) }

    func with(_ name: String, _ value: String) -> Labels {
        var labels = self
        labels.append(name, value)
        return labels
    }

    private mutating func append(_ name: String, _ value: String) {
        if !text.isEmpty { text.append(UInt8(ascii: ",")) }
        text += name.utf8
        text += "=\"".utf8
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): text += "\\\\".utf8
            case UInt8(ascii: "\""): text += "\\\"".utf8
            case UInt8(ascii: "\n"): text += "\\n".utf8
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
