internal import Glibc
internal import LinuxSystem
internal import Synchronization

/// The handlers that run at the moment, so that an interrupted run leaves none behind.
final class RunningHandlers: Sendable {
    private struct State {
        var pids: Set<Int32> = []
        var isOver = false
    }

    private let state = Mutex(State())

    /// Enters a handler that has been started; false when no more may be.
    func add(_ pid: Int32) -> Bool {
        state.withLock { state in
            if !state.isOver { state.pids.insert(pid) }
            return !state.isOver
        }
    }

    /// Before the handler is collected, for after that its number may come to mean another process.
    func remove(_ pid: Int32) {
        state.withLock { _ = $0.pids.remove(pid) }
    }

    /// Kills all of them with their sessions, and lets no other start.
    func end() {
        state.withLock { state in
            state.isOver = true
            for pid in state.pids {
                for member in Session.members(of: pid) { ChildProcess.signal(member, SIGKILL) }
            }
        }
    }
}
