internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// A `wait` handler's word on itself, and its heartbeat where it has one.
final class NotifyingProcess {
    private let pid: Int32
    private let unresponsive: Handoff.Unresponsive
    private let record: ServiceRecord
    private let runtime: Runtime
    private let kill: (_ why: String) -> Void
    private var watchdog: Watchdog?
    private var timer: TimerID?
    /// What it has said, or its silence.
    private(set) var state: ProcessStatus.State?
    private(set) var status: String?
    /// The state to go back to when it answers again.
    private var said: ProcessStatus.State?

    private static let restDelay = Duration.milliseconds(20)

    /// - Parameter kill: Ends the process now.
    init(pid: Int32, service: Service, record: ServiceRecord, runtime: Runtime, kill: @escaping (String) -> Void) {
        self.pid = pid
        unresponsive = service.unresponsive
        self.record = record
        self.runtime = runtime
        self.kill = kill
        if let timeout = service.heartbeat { watch(timeout) }
        runtime.notifications?.listen(to: pid) { [weak self] in self?.take($0) }
    }

    /// To be carried over.
    var saved: SavedNotifying {
        SavedNotifying(
            state: state, said: said, status: status, timeout: watchdog?.timeout, lastSign: watchdog?.lastSign ?? .zero)
    }

    /// What it has said to the program before.
    func resume(_ saved: SavedNotifying) {
        (state, said, status) = (saved.state, saved.said, saved.status)
        guard let timeout = saved.timeout else { return }
        let watchdog = Watchdog(timeout: timeout, at: saved.lastSign)
        self.watchdog = watchdog
        look(after: watchdog.patience(at: runtime.loop.runningTime))
    }

    /// It has ended.
    func end() {
        runtime.notifications?.forget(pid)
        if let timer { runtime.loop.cancel(timer) }
        timer = nil
    }

    private func take(_ notification: ProcessNotification) {
        switch notification {
        case .ready: say(.ready)
        case .stopping: say(.stopping)
        case .status(let text): status = text
        case .alive: heard()
        case .trigger: silent("WATCHDOG=trigger")
        case .heartbeat(let timeout): watch(timeout)
        }
    }

    private func say(_ new: ProcessStatus.State) {
        guard said != new else { return }
        said = new
        guard state != .unresponsive else { return }
        state = new
        record.report(.process(.notified(pid: Int(pid), new)))
    }

    // MARK: Heartbeat

    private func watch(_ timeout: Duration) {
        watchdog = Watchdog(timeout: timeout, at: runtime.loop.runningTime)
        look(after: timeout)
    }

    private func heard() {
        watchdog?.heard(at: runtime.loop.runningTime)
        guard state == .unresponsive else { return }
        state = said
        record.report(.process(.notified(pid: Int(pid), said ?? .ready, why: "it answers again")))
        if let timeout = watchdog?.timeout { look(after: timeout) }
    }

    private func look(after delay: Duration) {
        if let timer { runtime.loop.cancel(timer) }
        timer = runtime.loop.schedule(after: delay) { [weak self] in self?.look() }
    }

    private func look() {
        timer = nil
        // What it has said may lie in the socket: only an empty one is silence.
        if watchdog?.patience(at: runtime.loop.runningTime) == .zero { runtime.notifications?.drain() }
        guard let watchdog, timer == nil else { return }
        let patience = watchdog.patience(at: runtime.loop.runningTime)
        if patience > .zero { return look(after: patience) }
        // What it has said may lie in the socket still.
        if runtime.notifications?.isResting == true { return look(after: Self.restDelay) }
        silent("no WATCHDOG=1 for \(watchdog.timeout.brief)")
    }

    private func silent(_ why: String) {
        guard state != .unresponsive else { return }
        state = .unresponsive
        record.report(.process(.notified(pid: Int(pid), .unresponsive, why: why)))
        if unresponsive == .kill { kill(why) }
    }
}
