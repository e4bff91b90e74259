internal import ControlProtocol
internal import LinuxSystem

/// Where everything that happens is reported, once, by whoever decides it; the log renders it.
final class EventLog {
    private let output: LogOutput
    var level: EventLevel

    init(output: LogOutput, level: EventLevel) {
        self.output = output
        self.level = level
    }

    func report(_ kind: Event.Kind, service: String? = nil, _ origin: ConnectionOrigin? = nil) {
        let event = Event(
            time: Timestamp.now, service: service, connection: origin?.number, peer: origin?.peer.description, kind)
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
