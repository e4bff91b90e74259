internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

/// Asks a supervisor for its status again and again over one connection, and waits for no answer.
final class StatusFeed {
    private let directory: RuntimeDirectory
    private let services: [String]
    private var socket: OwnedDescriptor?
    private var framer = LineFramer(limit: JSONLimits.reply.bytes)
    private var asked: Duration?

    init(_ directory: RuntimeDirectory, services: [String]) {
        self.directory = directory
        self.services = services
    }

    /// To be watched for reading; nil while there is no connection.
    var descriptor: FileDescriptor? { socket?.borrowed }

    /// Asks, unless the last answer is still to come; connects first where there is no connection.
    func ask() throws(Failure) {
        if let asked {
            guard Clock.now() - asked > SupervisorSocket.patience else { return }
            close()
            throw Failure(.unavailable, "\(directory.path): the supervisor does not answer")
        }
        if socket == nil {
            socket = try SupervisorSocket.connected(to: RuntimeDirectory.controlSocket, .stream, in: directory)
        }
        guard let descriptor else { return }
        let request = ControlRequest(.status(services: services), id: "1").json.line
        do throws(Errno) {
            try DescriptorPassing.send(request, on: descriptor, blocking: true)
        } catch Errno.brokenPipe {
            // Why it has closed the connection is still to be read.
        } catch {
            close()
            throw SupervisorSocket.failure(error, "\(directory.path)/\(RuntimeDirectory.controlSocket)")
        }
        asked = Clock.now()
    }

    /// Takes what has come.
    ///
    /// - Returns: The reply's result when it is complete.
    func receive() throws(Failure) -> JSON? {
        guard let descriptor else { return nil }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        do {
            let count = try descriptor.readOnce(into: &buffer) ?? 0
            guard count > 0 else { throw Failure(.unavailable, "\(directory.path): the supervisor has gone") }
            framer.append(buffer[..<count])
            guard let line = try framer.next() else { return nil }
            asked = nil
            let answer = try JSON(parsing: line, limits: .reply)
            // Another program has taken over; it is asked next time.
            if answer.object?["reconnect"] != nil {
                close()
                return nil
            }
            switch try ControlReply(json: answer).outcome {
            case .success(let result): return result
            case .failure(let error): throw ControlClient.failure(error)
            }
        } catch let failure as Failure {
            if failure.code == .unavailable { close() }
            throw failure
        } catch is Errno {
            close()
            throw Failure(.unavailable, "\(directory.path): the supervisor has gone")
        } catch {
            close()
            throw Failure(.failed, "\(directory.path): the supervisor's answer is not understood: \(error)")
        }
    }

    private func close() {
        socket = nil
        asked = nil
        framer = LineFramer(limit: JSONLimits.reply.bytes)
    }
}
