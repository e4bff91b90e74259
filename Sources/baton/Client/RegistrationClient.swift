internal import ControlProtocol
internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// A connection to a supervisor's registration socket, for what is no handler.
struct RegistrationClient: ~Copyable {
    private let socket: OwnedDescriptor
    private let path: String

    private static let name = "register.sock"

    init(_ directory: RuntimeDirectory) throws(Failure) {
        socket = try SupervisorSocket.connected(to: Self.name, .sequencedPacket, in: directory)
        path = "\(directory.path)/\(Self.name)"
    }

    /// Gives a connection on. It stays open here; whoever has it reads from the same stream.
    ///
    /// - Returns: Nil when it was taken, else the reason.
    func pass(
        _ connection: FileDescriptor, to service: String, drained: [UInt8]
    ) throws(Failure) -> String? {
        let pass = HandlerMessage.Pass(id: HandlerMessage.Pass.elsewhere, service: service, drained: drained)
        let message: [UInt8]
        do throws(ProtocolError) {
            message = try MessageCoder.encode(.pass(pass))
        } catch {
            throw Failure(.failed, error.description)
        }
        do throws(Errno) {
            try DescriptorPassing.send(message, passing: [connection], on: socket.borrowed, blocking: true)
        } catch .brokenPipe {
            throw notAllowed
        } catch .connectionReset {
            throw notAllowed
        } catch {
            throw SupervisorSocket.failure(error, path)
        }
        return try outcome(try receive())
    }

    private func outcome(_ answer: SupervisorMessage) throws(Failure) -> String? {
        switch answer {
        case .passed(_, .taken): return nil
        case .passed(_, .refused(let reason)): return reason
        case .reject(let reason): throw Failure(.notAllowed, "the supervisor refuses: \(reason.printable())")
        case .welcome, .baton, .ping, .drain: throw Failure(.failed, "the supervisor's answer is not understood")
        }
    }

    private func receive() throws(Failure) -> SupervisorMessage {
        do {
            var epoll = try Epoll(batch: 1)
            try epoll.add(socket.borrowed, .readable, token: 0)
            guard try epoll.wait(timeout: SupervisorSocket.patience) > 0 else {
                throw Failure(.unavailable, "\(path): the supervisor does not answer")
            }
            var bytes = [UInt8](repeating: 0, count: ProtocolLimits.message)
            let count = try DescriptorPassing.receive(into: &bytes, room: 0, on: socket.borrowed).count
            guard count > 0 else { throw notAllowed }
            return try MessageCoder.decodeSupervisorMessage(bytes.span.extracting(0..<count))
        } catch let failure as Failure {
            throw failure
        } catch Errno.connectionReset {
            throw notAllowed
        } catch {
            throw Failure(.failed, "\(path): \(error)")
        }
    }

    /// Who is on no service's list is closed on without a word.
    private var notAllowed: Failure {
        Failure(.notAllowed, "\(path): this user may pass connections to no service")
    }
}
