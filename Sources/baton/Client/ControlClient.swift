internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// A connection to a supervisor's control socket.
struct ControlClient: ~Copyable {
    private var socket: OwnedDescriptor
    private let directory: RuntimeDirectory
    /// The supervisor's process, where the kernel tells (Linux 6.5).
    private var process: ProcessDescriptor?
    private var framer = LineFramer(limit: JSONLimits.reply.bytes)

    init(_ directory: RuntimeDirectory) throws(Failure) {
        self.directory = directory
        socket = try SupervisorSocket.connected(to: RuntimeDirectory.controlSocket, .stream, in: directory)
        process = Socket.peerProcess(of: socket.borrowed)
    }

    /// Sends `method` and waits for its result.
    ///
    /// - Parameter patience: Nil waits for ever.
    mutating func call(
        _ method: ControlRequest.Method, patience: Duration? = SupervisorSocket.patience
    ) throws(Failure) -> JSON {
        let deadline = patience.map { Clock.now() + $0 }
        while true {
            try send(ControlRequest(method, id: "1").json.line)
            guard let line = try replyLine(patience: deadline.map { $0 - Clock.now() }) else {
                throw Failure(
                    .unavailable, "\(directory.path): the supervisor closed the connection before it answered")
            }
            let answer = try answer(line)
            if answer.object?["reconnect"] != nil {
                try connectAgain()
                continue
            }
            switch try reply(answer).outcome {
            case .success(let result): return result
            case .failure(let error): throw Self.failure(error)
            }
        }
    }

    /// Another program has taken over, and has not seen the request.
    private mutating func connectAgain() throws(Failure) {
        socket = try SupervisorSocket.connected(to: RuntimeDirectory.controlSocket, .stream, in: directory)
        process = Socket.peerProcess(of: socket.borrowed)
        framer = LineFramer(limit: JSONLimits.reply.bytes)
    }

    /// The next line. Whoever waits for ever is told so after a while.
    private mutating func replyLine(patience: Duration?) throws(Failure) -> [UInt8]? {
        if let patience { return try nextLine(patience: patience) }
        do throws(Failure) {
            return try nextLine(patience: SupervisorSocket.patience)
        } catch {
            guard error.code == .unavailable else { throw error }
            StandardError.write("baton: \(directory.path): the supervisor has not answered yet; waiting")
            return try nextLine(patience: nil)
        }
    }

    private func answer(_ line: [UInt8]) throws(Failure) -> JSON {
        do {
            return try JSON(parsing: line, limits: .reply)
        } catch {
            throw notUnderstood(error)
        }
    }

    private func reply(_ answer: JSON) throws(Failure) -> ControlReply {
        do {
            return try ControlReply(json: answer)
        } catch {
            throw notUnderstood(error)
        }
    }

    private func notUnderstood(_ error: any Error) -> Failure {
        Failure(.failed, "\(directory.path): the supervisor's answer is not understood: \(error)")
    }

    /// Waits until the supervisor is gone. Its end of the connection is closed by its exit, a moment before the
    /// process has ended for those who look at it.
    mutating func waitForEnd() throws(Failure) {
        while try nextLine(patience: nil) != nil {}
        try? process?.waitForEnd()
    }

    private func send(_ bytes: [UInt8]) throws(Failure) {
        var rest = bytes[...]
        do throws(Errno) {
            while !rest.isEmpty {
                rest = rest.dropFirst(try DescriptorPassing.send(Array(rest), on: socket.borrowed, blocking: true))
            }
        } catch Errno.brokenPipe {
            // Why it has closed the connection is still to be read.
        } catch {
            throw SupervisorSocket.failure(error, "\(directory.path)/\(RuntimeDirectory.controlSocket)")
        }
    }

    /// The next line; nil at the end of the stream.
    private mutating func nextLine(patience: Duration?) throws(Failure) -> [UInt8]? {
        if case .line(let line) = try read(patience: patience) { line } else { nil }
    }

    enum Reading {
        case line([UInt8])
        /// The supervisor has closed the connection.
        case ended
        case interrupted
    }

    /// Waits for the next line.
    ///
    /// - Parameters:
    ///   - interruption: Makes an end of waiting when it is readable.
    ///   - output: Makes an end of waiting when nobody reads it any more.
    mutating func read(
        patience: Duration?, unless interruption: FileDescriptor? = nil, for output: FileDescriptor? = nil
    ) throws(Failure) -> Reading {
        let deadline = patience.map { Clock.now() + $0 }
        do {
            if let line = try framer.next() { return .line(line) }
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            var epoll = try Epoll(batch: 2)
            try epoll.add(socket.borrowed, .readable, token: 0)
            if let interruption { try epoll.add(interruption, .readable, token: 1) }
            // A file has readers always, and epoll does not take it (epoll_ctl(2), EPERM).
            if let output { try? epoll.add(output, [], token: 1) }
            while true {
                let left = deadline.map { $0 - Clock.now() }
                if let left, left <= .zero {
                    throw Failure(.unavailable, "\(directory.path): the supervisor does not answer")
                }
                let count = try epoll.wait(timeout: left)
                guard count > 0 else { continue }
                if (0..<count).contains(where: { epoll.event($0).token == 1 }) { return .interrupted }
                guard let count = try socket.borrowed.readOnce(into: &buffer) else { continue }
                if count == 0 { return .ended }
                framer.append(buffer.prefix(count))
                if let line = try framer.next() { return .line(line) }
            }
        } catch let failure as Failure {
            throw failure
        } catch Errno.connectionReset {
            return .ended
        } catch {
            throw Failure(.failed, "\(directory.path): \(error)")
        }
    }
}

// What went wrong, as the exit codes have it.
extension ControlClient {
    static func failure(_ error: ControlError) -> Failure {
        let lines = error.faults.map { "\n\($0.text)" }
        let message = error.message + lines.joined()
        return switch error.code {
        case .notAllowed: Failure(.notAllowed, message)
        case .faults: Failure(.tableFaults, message)
        case .badRequest, .unknownMethod, .noSuchService, .failed: Failure(.failed, message)
        }
    }
}
