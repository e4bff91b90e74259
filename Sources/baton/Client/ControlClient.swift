internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// A connection to a supervisor's control socket.
struct ControlClient: ~Copyable {
    private let socket: OwnedDescriptor
    private let directory: RuntimeDirectory
    /// The supervisor's process, where the kernel tells (Linux 6.5).
    private let process: ProcessDescriptor?
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
        try send(ControlRequest(method, id: "1").json.line)
        guard let line = try nextLine(patience: patience) else {
            throw Failure(.unavailable, "\(directory.path): the supervisor closed the connection before it answered")
        }
        let reply: ControlReply
        do {
            reply = try ControlReply(json: JSON(parsing: line, limits: .reply))
        } catch {
            throw Failure(.failed, "\(directory.path): the supervisor's answer is not understood: \(error)")
        }
        switch reply.outcome {
        case .success(let result): return result
        case .failure(let error): throw Self.failure(error)
        }
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
        } catch {
            throw SupervisorSocket.failure(error, "\(directory.path)/\(RuntimeDirectory.controlSocket)")
        }
    }

    /// The next line; nil at the end of the stream.
    private mutating func nextLine(patience: Duration?) throws(Failure) -> [UInt8]? {
        let deadline = patience.map { Clock.now() + $0 }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        do {
            var epoll = try Epoll(batch: 1)
            try epoll.add(socket.borrowed, .readable, token: 0)
            while true {
                if let line = try framer.next() { return line }
                let left = deadline.map { $0 - Clock.now() }
                if let left, left <= .zero {
                    throw Failure(.unavailable, "\(directory.path): the supervisor does not answer")
                }
                guard try epoll.wait(timeout: left) > 0 else { continue }
                guard let count = try socket.borrowed.readOnce(into: &buffer) else { continue }
                if count == 0 { return nil }
                framer.append(buffer.prefix(count))
            }
        } catch let failure as Failure {
            throw failure
        } catch Errno.connectionReset {
            return nil
        } catch {
            throw Failure(.failed, "\(directory.path): \(error)")
        }
    }
}

// What went wrong, as the exit codes have it.
extension ControlClient {
    private static func failure(_ error: ControlError) -> Failure {
        let lines = error.faults.map { "\n\($0.text)" }
        let message = error.message + lines.joined()
        return switch error.code {
        case .notAllowed: Failure(.notAllowed, message)
        case .faults: Failure(.tableFaults, message)
        case .badRequest, .unknownMethod, .noSuchService, .failed: Failure(.failed, message)
        }
    }
}
