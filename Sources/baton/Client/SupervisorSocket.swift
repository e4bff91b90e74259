internal import LinuxSystem
internal import SystemPackage

/// A connection to one of the sockets in a supervisor's runtime directory.
enum SupervisorSocket {
    /// A supervisor that is stopped or stuck does not hold its client for longer.
    static let patience = Duration.seconds(10)

    static func connected(
        to name: String, _ kind: Socket.Kind, in directory: RuntimeDirectory
    ) throws(Failure) -> OwnedDescriptor {
        do throws(RuntimeDirectoryError) {
            return try directory.connected(to: name, kind, patience: patience)
        } catch {
            throw failure(error)
        }
    }

    // MARK: What went wrong, as the exit codes have it

    private static func failure(_ error: RuntimeDirectoryError) -> Failure {
        switch error {
        case .missing(let path): Failure(.unavailable, "no supervisor answers: \(path) does not exist")
        case .noDirectory, .foreign, .openToAll: Failure(.notAllowed, "\(error)")
        case .failed(_, .permissionDenied): Failure(.notAllowed, "\(error)")
        case .failed: Failure(.unavailable, "\(error)")
        case .unreachable(_, .notPermitted): Failure(.notAllowed, "\(error)")
        case .unreachable(let socket, let error): failure(error, socket)
        }
    }

    /// - Parameter socket: Its path.
    static func failure(_ error: Errno, _ socket: String) -> Failure {
        switch error {
        case .noSuchFileOrDirectory, .connectionRefused:
            Failure(.unavailable, "no supervisor answers at \(socket): \(error)")
        case .permissionDenied:
            Failure(.notAllowed, "\(socket): \(error); only root and the supervisor's own user are let in")
        case .wouldBlock: Failure(.unavailable, "\(socket): the supervisor does not answer")
        default: Failure(.unavailable, "\(socket): \(error)")
        }
    }
}
