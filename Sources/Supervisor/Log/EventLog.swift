internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Who is told that there is something new in the ring.
protocol EventFollower: AnyObject {
    func eventsCame()
}

/// Where everything that happens is reported, once, by whoever decides it; the log renders it, and the ring keeps it
/// for those who ask.
final class EventLog {
    let output: LogOutput
    private let loop: EventLoop
    var level: EventLevel
    private var choices: [String: LogChoice] = [:]
    private(set) var ring = EventRing()
    private var followers: [any EventFollower] = []
    private var plan = LogPlan(LogSettings(), override: nil, standardErrorIsJournal: false)
    private let sender = Event.SyslogSender(host: Machine.name, pid: Int(CurrentProcess.pid))

    init(output: LogOutput, level: EventLevel, loop: EventLoop) {
        self.output = output
        self.loop = loop
        self.level = level
        output.caughtUp = { [unowned self] count, why in
            write(Event(time: loop.timestamp, .supervisor(.logDropped(lines: count, why: why))))
        }
    }

    /// Told of everything, whether it is written or not; nil where nobody is.
    var happened: (() -> Void)?

    /// Goes on as `plan` has it.
    ///
    /// - Throws: Why it cannot: the log stays what it was.
    func go(on plan: LogPlan, opening open: @escaping LogPlan.Opening) throws(Errno) {
        guard plan != self.plan else { return }
        try output.go(to: plan.target(opening: open))
        self.plan = plan
    }

    /// The log's file was moved away, perhaps.
    func reopen() {
        do {
            try output.reopen()
        } catch {
            report(.supervisor(.impaired(what: "the log cannot be opened anew", error: "\(error)")))
        }
    }

    /// What a service's `log_on` says; nil where it says nothing.
    func choose(_ choice: LogChoice?, for service: String) {
        choices[service] = choice
    }

    func report(_ kind: consuming Event.Kind, service: String? = nil) {
        report(EventContent(kind, of: service))
    }

    /// - Parameter duration: Of a connection that a handler has finished.
    func report(
        _ content: EventContent, connection: UInt64? = nil, peer: SocketAddress? = nil,
        lasting duration: Duration? = nil
    ) {
        happened?()
        let time = loop.timestamp
        if content.level >= level || !choices.isEmpty {
            log(
                RecordedEvent(
                    time: time, content: content, connection: connection, peer: peer, duration: duration))
        }
        ring.append(content, at: time, connection: connection, peer: peer, lasting: duration)
        for follower in followers { follower.eventsCame() }
    }

    /// Renders what is to be written, and nothing else.
    private func log(_ recorded: RecordedEvent) {
        let choice = choices.isEmpty ? nil : recorded.content.service.flatMap { choices[$0] }
        if choice == nil, recorded.content.level < level { return }
        var event = recorded.event
        if let choice {
            guard let shown = choice.shown(event) else { return }
            event = shown
        }
        guard event.level >= level else { return }
        write(event)
    }

    private func write(_ event: Event) {
        switch plan.format {
        case .text: output.write(Array("\(event.text)\n".utf8))
        case .json: output.write(event.json.line)
        case .syslog: output.write(Array(event.syslog(from: sender).utf8))
        case .journal: output.write(event.journal)
        }
    }

    // MARK: Carried over

    /// What mattered lately.
    var saved: [SavedEvent] { ring.notableEvents.map { SavedEvent($0) } }

    /// Keeps what the program before has told.
    func resume(_ saved: [SavedEvent]) {
        for event in saved {
            guard let content = event.content else { continue }
            ring.append(content, at: event.time, connection: event.connection, peer: event.peer)
        }
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
