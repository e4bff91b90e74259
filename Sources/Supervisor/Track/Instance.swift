internal import ControlProtocol
internal import Glibc
internal import LinuxSystem
internal import ServiceTable

/// One process of a handler, from its spawn to its exit: how it is asked to end, and made to.
final class Instance {
    let pid: Int32
    /// The connection it serves; nil for `wait` and persistent handlers.
    let origin: ConnectionOrigin?
    let started: Timestamp
    private let service: String
    private var settings: ProcessSettings
    private let runtime: Runtime
    private let since: Duration
    private var timer: TimerID?
    private var terminated = false

    /// Follows `pid`, a new child of this process. `ended` is called once, when it is collected.
    init(
        pid: Int32, service: String, settings: ProcessSettings, origin: ConnectionOrigin?, runtime: Runtime,
        ended: @escaping (Instance, ExitStatus) -> Void
    ) {
        self.pid = pid
        self.service = service
        self.settings = settings
        self.origin = origin
        self.runtime = runtime
        started = .now
        since = runtime.loop.now
        runtime.instances.track(pid) { [self] status in
            if let timer { runtime.loop.cancel(timer) }
            timer = nil
            report(.exited(pid: Int(pid), ProcessEnd(status), duration: runtime.loop.now - since))
            ended(self, status)
        }
        if let limit = settings.runtimeLimit {
            timer = runtime.loop.schedule(after: limit) { [weak self] in self?.terminate(why: "runtime_limit") }
        }
    }

    /// How it is asked to end, and made to, from now on.
    func update(stopSignal: Int32, stopGrace: Duration) {
        (settings.stopSignal, settings.stopGrace) = (stopSignal, stopGrace)
    }

    /// Sends the stop signal to the process group, and SIGKILL when the grace is over.
    func terminate(why: String) {
        guard !terminated else { return }
        terminated = true
        signal(settings.stopSignal, why: why)
        if let timer { runtime.loop.cancel(timer) }
        timer = runtime.loop.schedule(after: settings.stopGrace) { [weak self] in self?.kill(why: "stop_grace is over")
        }
    }

    func kill(why: String) {
        terminated = true
        signal(SIGKILL, why: why)
    }

    private func signal(_ signal: Int32, why: String) {
        ChildProcess.signalGroup(pid, signal)
        report(.signalled(pid: Int(pid), signal: SignalName.of(signal), why: why))
    }

    private func report(_ event: ProcessEvent) {
        runtime.events.report(.process(event), service: service, origin)
    }
}
