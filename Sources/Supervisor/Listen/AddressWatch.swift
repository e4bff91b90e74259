internal import LinuxSystem
internal import SystemPackage

/// Tells listeners that could not be bound for want of their address when one has appeared. It listens to the kernel
/// only while there is such a listener, so that addresses that come and go wake up nobody else.
final class AddressWatch: EventSource {
    private let loop: EventLoop
    private var news: AddressNews?
    private var registration: RegistrationID?
    private var listeners: [ObjectIdentifier: Listener] = [:]

    init(loop: EventLoop) {
        self.loop = loop
    }

    /// Tries `listener` again as soon as an address has appeared; until then, and where the kernel has no such news,
    /// its backoff counts.
    func add(_ listener: Listener) {
        listeners[ObjectIdentifier(listener)] = listener
        guard registration == nil, let opened = try? AddressNews() else { return }
        guard let watched = try? loop.watch(opened.borrowed, for: .readable, self) else { return }
        news = consume opened
        registration = watched
        // The address may have come after the attempt and before the first news.
        loop.afterThisRound { [weak self] in self?.tryAgain() }
    }

    func remove(_ listener: Listener) {
        listeners[ObjectIdentifier(listener)] = nil
        guard listeners.isEmpty else { return }
        if let registration { loop.forget(registration) }
        registration = nil
        news = nil
    }

    func ready(_ interest: Epoll.Interest) {
        if news?.haveNew() == true { tryAgain() }
    }

    private func tryAgain() {
        for listener in listeners.values { listener.addressAppeared() }
    }
}
