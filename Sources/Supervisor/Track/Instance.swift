internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable

/// When a process is asked to end, and how: of its service's settings, what concerns one that runs.
struct InstanceLimits {
    var runtime: Duration?
    var stopSignal: Int32
    /// From `stopSignal` to SIGKILL.
    var stopGrace: Duration

    init(_ settings: ProcessSettings) {
        runtime = settings.runtimeLimit
        stopSignal = settings.stopSignal
        stopGrace = settings.stopGrace
    }
}

/// One process of a handler, from its spawn to its exit: how it is asked to end, and made to.
final class Instance: RollMember {
    let pid: Int32
    /// The connection it serves; nil for `wait` and persistent handlers.
    let origin: ConnectionOrigin?
    let started: Timestamp
    private let service: String
    private var limits: InstanceLimits
    private let runtime: Runtime
    private let since: Duration
    private var timer: TimerID?
    private var terminated = false
    private var killed = false
    private let isInherited: Bool
    private var place: Roster.Place?
    /// Among those of its service.
    var rollPlace = 0

    /// Follows `pid`, a new child of this process. `ended` is called once, when it is collected.
    convenience init(
        pid: Int32, service: String, limits: InstanceLimits, origin: ConnectionOrigin?, runtime: Runtime,
        ended: @escaping (Instance, ExitStatus) -> Void
    ) {
        let now = runtime.moment
        let begun = SavedInstance(
            pid: pid, started: runtime.loop.timestamp, since: now, due: limits.runtime.map { now + $0 })
        self.init(begun, service: service, limits: limits, origin: origin, runtime: runtime, ended: ended)
    }

    /// Follows one that may have run for long, under a program whose place this one has taken.
    init(
        _ saved: SavedInstance, service: String, limits: InstanceLimits, origin: ConnectionOrigin?, runtime: Runtime,
        ended: @escaping (Instance, ExitStatus) -> Void
    ) {
        pid = saved.pid
        self.service = service
        self.limits = limits
        self.origin = origin
        self.runtime = runtime
        started = saved.started
        since = saved.since
        terminated = saved.wasTerminated
        isInherited = saved.isInherited
        let collected = { [self] (status: ExitStatus) in
            if let timer { runtime.loop.cancel(timer) }
            timer = nil
            leaveRoster()
            report(.exited(pid: Int(pid), ProcessEnd(status), duration: max(.zero, runtime.loop.now - since)))
            ended(self, status)
        }
        if isInherited {
            runtime.instances.trackInherited(pid, ended: collected)
        } else {
            runtime.instances.track(pid, ended: collected)
        }
        guard let due = saved.due else { return }
        timer = runtime.loop.schedule(at: due) { [weak self] in
            guard let self else { return }
            if terminated { kill(why: Self.graceIsOver) } else { terminate(why: "runtime_limit") }
        }
    }

    private static let graceIsOver = "stop_grace is over"

    /// To be carried over.
    var saved: SavedInstance {
        SavedInstance(
            pid: pid, started: started, since: since, wasTerminated: terminated, due: runtime.loop.time(of: timer),
            isInherited: isInherited)
    }

    /// Who goes on when this process is killed is to know of it. Of a persistent handler its handler tells.
    ///
    /// - Parameter endpoint: Of the socket that it has.
    func enroll(endpoint: Endpoint? = nil) {
        guard let roster = runtime.roster else { return }
        var entry = RosterProcess()
        entry.pid = pid
        entry.service = RosterName(service)
        entry.began = since
        entry.isWait = origin == nil
        if let origin { entry.origin = RosterOrigin(origin) }
        if let endpoint { entry.origin.listener = RosterName(endpoint) }
        place = roster.enter(entry)
    }

    private func leaveRoster() {
        if let place = place.take() { runtime.roster?.leave(place) }
    }

    /// How it is asked to end, and made to, from now on.
    func update(stopSignal: Int32, stopGrace: Duration) {
        (limits.stopSignal, limits.stopGrace) = (stopSignal, stopGrace)
    }

    /// Sends the stop signal to the process group, and SIGKILL when the grace is over.
    func terminate(why: String) {
        guard !terminated else { return }
        terminated = true
        signal(limits.stopSignal, why: why)
        if let timer { runtime.loop.cancel(timer) }
        timer = runtime.loop.schedule(after: limits.stopGrace) { [weak self] in
            self?.kill(why: Self.graceIsOver)
        }
    }

    /// Once more is no news.
    func kill(why: String) {
        let isNews = !killed
        (terminated, killed) = (true, true)
        runtime.privileges.signalGroup(pid, SIGKILL)
        if isNews { report(.signalled(pid: Int(pid), signal: SignalName.of(SIGKILL), why: why)) }
    }

    private func signal(_ signal: Int32, why: String) {
        runtime.privileges.signalGroup(pid, signal)
        report(.signalled(pid: Int(pid), signal: SignalName.of(signal), why: why))
    }

    private func report(_ event: ProcessEvent) {
        runtime.events.report(
            EventContent(.process(event), of: service), connection: origin?.number, peer: origin?.peer)
    }
}
