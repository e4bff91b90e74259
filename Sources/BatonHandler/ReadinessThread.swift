internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Waits for sockets in the place of tasks, so that no thread of the pool that tasks share is blocked. One thread for
/// the whole program, from the first wait on.
final class ReadinessThread: Sendable {
    static let shared = ReadinessThread()

    enum Direction: Sendable {
        case reading, writing
    }

    fileprivate struct Wait: Sendable {
        let number: UInt64
        let socket: FileDescriptor
        let direction: Direction
        let continuation: CheckedContinuation<Outcome, Never>
    }

    enum Outcome: Sendable {
        /// The socket is ready, or has failed.
        case ready
        /// The task was cancelled first.
        case cancelled
        /// It cannot be waited for.
        case failed(HandlerError)
    }

    private struct State: Sendable {
        var lastNumber: UInt64 = 0
        /// Waits that are not over, those included that have yet to be added.
        var open: Set<UInt64> = []
        var added: [Wait] = []
        var cancelled: [UInt64] = []
        var wake: WakePair?
    }

    private let state = Mutex(State())

    /// Waits until the socket is ready. The caller keeps it open until this is back.
    func wait(for direction: Direction, of socket: FileDescriptor) async -> Outcome {
        let number = state.withLock { state in
            state.lastNumber += 1
            state.open.insert(state.lastNumber)
            return state.lastNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                add(Wait(number: number, socket: socket, direction: direction, continuation: continuation))
            }
        } onCancel: {
            state.withLock { state in
                guard state.open.contains(number) else { return }
                state.cancelled.append(number)
                state.wake?.send()
            }
        }
    }

    private func add(_ wait: Wait) {
        let failure = state.withLock { state -> HandlerError? in
            do throws(HandlerError) {
                if state.wake == nil { state.wake = try start() }
                state.added.append(wait)
                state.wake?.send()
                return nil
            } catch {
                state.cancelled.removeAll { $0 == wait.number }
                return error
            }
        }
        if let failure { over(wait, .failed(failure)) }
    }

    /// Everything that the thread needs is there before it runs; what is missing may be there the next time.
    private func start() throws(HandlerError) -> WakePair {
        let wake = try WakePair()
        do throws(Errno) {
            let waits = Mutex<SocketWaits?>(try SocketWaits(wake))
            try DetachedThread.start { [self] in
                guard var waits = waits.withLock({ $0.take() }) else { return }
                while true { waits.turn(self) }
            }
        } catch {
            throw HandlerError("epoll or pthread_create", error)
        }
        return wake
    }

    fileprivate func news() -> (added: [Wait], cancelled: [UInt64]) {
        state.withLock { state in
            defer { (state.added, state.cancelled) = ([], []) }
            return (state.added, state.cancelled)
        }
    }

    fileprivate func isOpen(_ number: UInt64) -> Bool {
        state.withLock { $0.open.contains(number) }
    }

    fileprivate func over(_ wait: Wait, _ outcome: Outcome) {
        state.withLock { _ = $0.open.remove(wait.number) }
        wait.continuation.resume(returning: outcome)
    }
}

/// What the thread has.
private struct SocketWaits: ~Copyable {
    private var epoll: Epoll
    private let wake: WakePair
    private var waits: [UInt64: ReadinessThread.Wait] = [:]
    /// Cancelled before they came.
    private var early: Set<UInt64> = []
    /// For those whose socket is waited for already, in the other direction.
    private var copies: [UInt64: DescriptorBox] = [:]

    init(_ wake: WakePair) throws(Errno) {
        let epoll = try Epoll()
        try epoll.add(wake.descriptor, .readable, token: 0)
        self.epoll = epoll
        self.wake = wake
    }

    mutating func turn(_ thread: ReadinessThread) {
        guard let count = try? epoll.wait(timeout: nil) else { return }
        for index in 0..<count {
            let (number, _) = epoll.event(index)
            if number == 0 { wake.clear() } else { end(number, thread, .ready) }
        }
        let (added, cancelled) = thread.news()
        for wait in added { add(wait, thread) }
        for number in cancelled {
            if waits[number] != nil {
                end(number, thread, .cancelled)
            } else if thread.isOpen(number) {
                early.insert(number)
            }
        }
    }

    private mutating func add(_ wait: ReadinessThread.Wait, _ thread: ReadinessThread) {
        guard early.remove(wait.number) == nil else { return thread.over(wait, .cancelled) }
        let interest: Epoll.Interest = wait.direction == .reading ? [.readable, .peerClosed] : .writable
        do throws(Errno) {
            do throws(Errno) {
                try epoll.add(wait.socket, interest, token: wait.number)
            } catch .fileExists {
                let copy = DescriptorBox(try wait.socket.duplicate())
                if let descriptor = copy.borrowed { try epoll.add(descriptor, interest, token: wait.number) }
                copies[wait.number] = copy
            }
            waits[wait.number] = wait
        } catch {
            thread.over(wait, .failed(HandlerError("epoll_ctl", error)))
        }
    }

    private mutating func end(_ number: UInt64, _ thread: ReadinessThread, _ outcome: ReadinessThread.Outcome) {
        guard let wait = waits.removeValue(forKey: number) else { return }
        let copy = copies.removeValue(forKey: number)
        try? epoll.remove(copy?.borrowed ?? wait.socket)
        thread.over(wait, outcome)
    }
}
