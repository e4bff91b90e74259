internal import LinuxSystem
internal import SystemPackage

/// A connection to one of the sockets in a supervisor's runtime directory.
enum SupervisorSocket {
    /// A supervisor that is stopped or stuck does not hold its client for longer.
    static let patience = Duration.seconds(10)

    static func connected(
        to name: String, _ kind: Socket.Kind, in directory: RuntimeDirectory
    ) throws(Failure) -> OwnedDescriptor {
        let opened: OwnedDescriptor
        do throws(RuntimeDirectoryError) { opened = try directory.open() } catch { throw failure(error) }
        do throws(Errno) {
            let address = SocketAddress.unix(path: "/proc/self/fd/\(opened.rawValue)/\(name)")
            let socket = try Socket.make(family: address.family, kind)
            // Of connect, too: it waits while the supervisor's backlog is full.
            try Socket.setSendTimeout(patience, on: socket.borrowed)
            try Socket.connect(socket.borrowed, to: address)
            return socket
        } catch {
            throw failure(error, "\(directory.path)/\(name)")
        }
    }

    // MARK: What went wrong, as the exit codes have it

    private static func failure(_ error: RuntimeDirectoryError) -> Failure {
        switch error {
        case .missing(let path): Failure(.unavailable, "no supervisor answers: \(path) does not exist")
        case .noDirectory, .foreign, .openToAll: Failure(.notAllowed, "\(error)")
        case .failed(_, .permissionDenied): Failure(.notAllowed, "\(error)")
        case .failed: Failure(.unavailable, "\(error)")
        }
    }

    /// - Parameter socket: Its path.
    static func failure(_ error: Errno, _ socket: String) -> Failure {
        switch error {
        case .noSuchFileOrDirectory, .connectionRefused:
            Failure(.unavailable, "no supervisor answers at \(socket): \(error)")
        case .permissionDenied, .notPermitted:
            Failure(.notAllowed, "\(socket): \(error); only root and the supervisor's own user are let in")
        case .wouldBlock: Failure(.unavailable, "\(socket): the supervisor does not answer")
        default: Failure(.unavailable, "\(socket): \(error)")
        }
    }
}
