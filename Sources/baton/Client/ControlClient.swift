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

    /// A supervisor that is stopped or stuck does not hold its client for longer.
    private static let patience = Duration.seconds(10)

    init(_ directory: RuntimeDirectory) throws(Failure) {
        self.directory = directory
        let opened: OwnedDescriptor
        do throws(RuntimeDirectoryError) { opened = try directory.open() } catch { throw Self.failure(error) }
        do throws(Errno) { socket = try Self.connected(in: opened.borrowed) } catch {
            throw Self.failure(error, directory)
        }
        process = Socket.peerProcess(of: socket.borrowed)
    }

    private static func connected(in directory: FileDescriptor) throws(Errno) -> OwnedDescriptor {
        let address = SocketAddress.unix(path: "/proc/self/fd/\(directory.rawValue)/\(RuntimeDirectory.controlSocket)")
        let socket = try Socket.make(family: address.family, .stream)
        // Of connect, too: it waits while the supervisor's backlog is full.
        try Socket.setSendTimeout(patience, on: socket.borrowed)
        try Socket.connect(socket.borrowed, to: address)
        return socket
    }

    /// Sends `method` and waits for its result.
    ///
    /// - Parameter patience: Nil waits for ever.
    mutating func call(
        _ method: ControlRequest.Method, patience: Duration? = ControlClient.patience
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
            throw Self.failure(error, directory)
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
    private static func failure(_ error: RuntimeDirectoryError) -> Failure {
        switch error {
        case .missing(let path): Failure(.unavailable, "no supervisor answers: \(path) does not exist")
        case .noDirectory, .foreign, .openToAll: Failure(.notAllowed, "\(error)")
        case .failed(_, .permissionDenied): Failure(.notAllowed, "\(error)")
        case .failed: Failure(.unavailable, "\(error)")
        }
    }

    private static func failure(_ error: Errno, _ directory: RuntimeDirectory) -> Failure {
        let socket = "\(directory.path)/\(RuntimeDirectory.controlSocket)"
        return switch error {
        case .noSuchFileOrDirectory, .connectionRefused:
            Failure(.unavailable, "no supervisor answers at \(socket): \(error)")
        case .permissionDenied, .notPermitted:
            Failure(.notAllowed, "\(socket): \(error); only root and the supervisor's own user are let in")
        case .wouldBlock: Failure(.unavailable, "\(socket): the supervisor does not answer")
        default: Failure(.unavailable, "\(socket): \(error)")
        }
    }

    private static func failure(_ error: ControlError) -> Failure {
        let lines = error.faults.map { fault in
            "\n\(fault.file):\(fault.line):\(fault.column): \(fault.severity.rawValue): \(fault.key): \(fault.message)"
        }
        let message = error.message + lines.joined()
        return switch error.code {
        case .notAllowed: Failure(.notAllowed, message)
        case .faults: Failure(.tableFaults, message)
        case .badRequest, .unknownMethod, .noSuchService, .failed: Failure(.failed, message)
        }
    }
}
