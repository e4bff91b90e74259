internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The process of a handler that registered by itself, held by a pidfd. Its end is told, and nothing more:
/// whoever it has left its channel to may go on serving.
final class ForeignProcess: EventSource {
    private let process: ProcessDescriptor
    private let loop: EventLoop
    private var registration: RegistrationID?
    /// Told once, when the process has ended.
    private let ended: () -> Void

    init(_ process: consuming ProcessDescriptor, loop: EventLoop, ended: @escaping () -> Void) {
        self.process = process
        self.loop = loop
        self.ended = ended
        // Without memory for the registration nobody hears of its end; the channel tells what counts.
        registration = try? loop.watch(self.process.borrowed, for: .readable, self)
    }

    var saved: SavedDescriptor { SavedDescriptor(process.borrowed) }

    /// Kills it.
    ///
    /// - Returns: False when it is another user's, and we may not.
    func kill() -> Bool {
        do throws(Errno) {
            try process.signal(SIGKILL)
        } catch {
            return error != .notPermitted
        }
        return true
    }

    func close() {
        if let registration { loop.forget(registration) }
        registration = nil
    }

    func ready(_ interest: Epoll.Interest) {
        close()
        ended()
    }
}
