internal import ControlProtocol
internal import LinuxSystem

/// Where everything that happens is reported, once, by whoever decides it; the log renders it.
final class EventLog {
    private let output: LogOutput
    var level: EventLevel
    private var choices: [String: LogChoice] = [:]

    init(output: LogOutput, level: EventLevel) {
        self.output = output
        self.level = level
    }

    /// What a service's `log_on` says; nil where it says nothing.
    func choose(_ choice: LogChoice?, for service: String) {
        choices[service] = choice
    }

    func report(_ kind: Event.Kind, service: String? = nil, _ origin: ConnectionOrigin? = nil) {
        var event = Event(
            time: Timestamp.now, service: service, connection: origin?.number, peer: origin?.peer.description, kind)
        if let service, let choice = choices[service] {
            guard let shown = choice.shown(event) else { return }
            event = shown
        }
        guard event.level >= level else { return }
        output.write(event.text)
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
