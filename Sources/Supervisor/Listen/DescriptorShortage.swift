internal import LinuxSystem
internal import ServiceTable

/// What happens when accept finds no descriptor or no memory: every listener that met it leaves the poll
/// set for a while, and clients wait in the backlog.
///
/// A few descriptors are kept in reserve. A shortage sets them free, so that the control socket, handlers
/// and launchers still work; listeners come back once the reserve could be filled again.
final class DescriptorShortage {
    private let loop: EventLoop
    private var reserve: [DescriptorBox] = []
    private var listeners: [Listener] = []
    private var attempts = 0
    private var resumed = Duration.seconds(-60)
    private var retry: TimerID?

    private static let reserved = 8
    private static let backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))

    init(loop: EventLoop) {
        self.loop = loop
        _ = fill()
    }

    /// Keeps other descriptors in reserve, of those that are free now, where there are enough.
    func renew() {
        let former = reserve
        reserve = []
        if !fill() { reserve = former }
    }

    /// Holds `listener` back for a while.
    ///
    /// - Returns: Whether this is news, and not the same shortage met again.
    func report(for listener: Listener) -> Bool {
        let isNews = listeners.isEmpty && loop.now - resumed > Self.backoff.longest * 2
        if isNews { attempts = 0 }
        reserve.removeAll()
        if !listeners.contains(where: { $0 === listener }) { listeners.append(listener) }
        listener.hold(.shortage)
        if retry == nil { schedule() }
        return isNews
    }

    private func schedule() {
        attempts += 1
        retry = loop.schedule(after: Self.backoff.delay(afterFailures: attempts)) { [weak self] in self?.tryAgain() }
    }

    private func tryAgain() {
        retry = nil
        guard fill() else { return schedule() }
        resumed = loop.now
        let waiting = listeners
        listeners = []
        for listener in waiting { listener.release(.shortage) }
    }

    /// Whether the reserve is full.
    private func fill() -> Bool {
        while reserve.count < Self.reserved {
            guard let descriptor = try? OwnedDescriptor.placeholder() else {
                reserve.removeAll()
                return false
            }
            reserve.append(DescriptorBox(descriptor))
        }
        return true
    }
}
