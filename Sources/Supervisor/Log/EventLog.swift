internal import ControlProtocol
internal import LinuxSystem

/// Who is told that there is something new in the ring.
protocol EventFollower: AnyObject {
    func eventsCame()
}

/// Where everything that happens is reported, once, by whoever decides it; the log renders it, and the ring keeps it
/// for those who ask.
final class EventLog {
    private let output: LogOutput
    var level: EventLevel
    private var choices: [String: LogChoice] = [:]
    private(set) var ring = EventRing()
    private var followers: [any EventFollower] = []

    init(output: LogOutput, level: EventLevel) {
        self.output = output
        self.level = level
    }

    /// What a service's `log_on` says; nil where it says nothing.
    func choose(_ choice: LogChoice?, for service: String) {
        choices[service] = choice
    }

    func report(_ kind: Event.Kind, service: String? = nil, _ origin: ConnectionOrigin? = nil) {
        let recorded = RecordedEvent(
            time: .now, service: service, connection: origin?.number, peer: origin?.peer, kind: kind)
        ring.append(recorded)
        for follower in followers { follower.eventsCame() }
        log(recorded)
    }

    /// Renders what is to be written, and nothing else.
    private func log(_ recorded: RecordedEvent) {
        let choice = recorded.service.flatMap { choices[$0] }
        if choice == nil, recorded.kind.level < level { return }
        var event = recorded.event
        if let choice {
            guard let shown = choice.shown(event) else { return }
            event = shown
        }
        guard event.level >= level else { return }
        output.write(event.text)
    }

    // MARK: Following

    func add(_ follower: any EventFollower) {
        followers.append(follower)
    }

    func remove(_ follower: any EventFollower) {
        followers.removeAll { $0 === follower }
    }
}

extension Timestamp {
    static var now: Timestamp {
        let (seconds, nanoseconds) = Clock.wall()
        return Timestamp(seconds: seconds, nanoseconds: Int32(nanoseconds))
    }
}

extension ProcessEnd {
    init(_ status: ExitStatus) {
        switch status {
        case .exited(let status): self = .status(Int(status))
        case .signaled(let signal, let coreDumped): self = .signal(name: SignalName.of(signal), coreDumped: coreDumped)
        }
    }
}
