internal import Dispatch
internal import HandoffProtocol
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// What became of a connection that was to be passed on.
public enum PassOutcome: Hashable, Sendable {
    /// Another handler or service has it. It has ended here.
    case taken
    /// It is the program's as before. The reason is one of those in docs/protocol.md, such as `queue_full`.
    case refused(reason: String)
}

extension Connection {
    /// Passes the connection to another service, which the table must list in `pass_to`, or to another handler of the
    /// same. What the library has read of it and not handed out, and what `unread` has put back, goes along in front of
    /// what is still in the socket.
    ///
    /// The supervisor answers at once. Until then nothing else may be done with the connection.
    ///
    /// - Parameter service: Its name; nil is another handler of this service.
    /// - Throws: `ended` when it has ended, its descriptor was taken, or it is being passed; `system` with EMSGSIZE when more
    ///   than 61,440 bytes would go along; `supervisorGone` when the channel ended before the answer. The connection is
    ///   the program's still then, but a supervisor that lives may have taken it all the same.
    public func pass(to service: String?) async throws(HandlerError) -> PassOutcome {
        let pass = try beginPass(to: service)
        let answer = await withCheckedContinuation { continuation in
            send(pass) { continuation.resume(returning: $0) }
        }
        return try outcome(answer)
    }

    /// The same for threads that may wait.
    public func pass(to service: String?) throws(HandlerError) -> PassOutcome {
        let pass = try beginPass(to: service)
        let answered = DispatchSemaphore(value: 0)
        let answer = Mutex(PassAnswer.none)
        send(pass) { given in
            answer.withLock { $0 = given }
            answered.signal()
        }
        answered.wait()
        return try outcome(answer.withLock { $0 })
    }

    /// Puts bytes back in front of the stream: `read` hands them out again, and `pass` sends them along.
    public func unread(_ bytes: [UInt8]) {
        withState { $0.unread.insert(contentsOf: bytes, at: 0) }
    }

    /// Takes all that `read` would hand out before the stream.
    public func takeUnread() -> [UInt8] {
        takeUnread(upTo: .max)
    }

    private struct Pass {
        let message: HandlerMessage.Pass
        let descriptor: FileDescriptor
    }

    private func beginPass(to service: String?) throws(HandlerError) -> Pass {
        guard (service ?? "").utf8.count <= ProtocolLimits.name else { throw .noService }
        let pass: Pass? = try withState { state throws(HandlerError) in
            guard !state.hasEnded, !state.isPassing, state.users == 0, let descriptor = state.descriptor?.borrowed
            else {
                return nil
            }
            guard state.unread.count <= ProtocolLimits.drained else { throw HandlerError("pass", .messageTooLong) }
            state.isPassing = true
            return Pass(
                message: HandlerMessage.Pass(id: id, service: service ?? "", drained: state.unread),
                descriptor: descriptor)
        }
        guard let pass else { throw .ended }
        return pass
    }

    private func send(_ pass: Pass, answer: @escaping @Sendable (PassAnswer) -> Void) {
        channel.pass(Outbox.Pass(message: pass.message, descriptor: pass.descriptor, answer: answer))
    }

    private func outcome(_ answer: PassAnswer) throws(HandlerError) -> PassOutcome {
        let isTaken = if case .taken = answer { true } else { false }
        let endsNow = withState { state in
            state.isPassing = false
            guard isTaken else { return state.endsAfterPass }
            // Closed and not shut down: somebody else has the stream.
            state.hasEnded = true
            state.descriptor = nil
            return false
        }
        if isTaken { channel.passed() }
        if endsNow { end() }
        switch answer {
        case .taken: return .taken
        case .refused(let reason): return .refused(reason: reason)
        case .none: throw .supervisorGone
        }
    }
}
