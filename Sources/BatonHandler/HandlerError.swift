internal import SystemPackage

/// What can go wrong between a handler and its supervisor, or on a connection.
public enum HandlerError: Error, Hashable, Sendable {
    /// Neither the configuration nor `BATON_SERVICE` names a service, or the name is over 255 bytes.
    case noService
    /// `BATON_CHANNEL` or the runtime directory cannot be used; the text says why.
    case noChannel(String)
    /// The supervisor refuses this handler; the text is its reason.
    case refused(String)
    /// The channel ended without a drain: the supervisor has stopped or died.
    case supervisorGone
    /// The supervisor sent what the protocol does not know; the text says what.
    case protocolViolation(String)
    /// A system call failed.
    case system(call: String, errno: Int32)
    /// The connection has ended, its descriptor was taken, or it is being passed on.
    case ended
    /// The task was cancelled while it waited.
    case cancelled
}

extension HandlerError: CustomStringConvertible {
    /// One line for the log.
    public var description: String {
        switch self {
        case .noService: "no service: name one, or set BATON_SERVICE"
        case .noChannel(let reason): "no channel: \(reason)"
        case .refused(let reason): "the supervisor refuses: \(reason)"
        case .supervisorGone: "the supervisor is gone"
        case .protocolViolation(let fault): "protocol error: \(fault)"
        case .system(let call, let number): "\(call): \(Errno(rawValue: number))"
        case .ended: "the connection has ended"
        case .cancelled: "cancelled"
        }
    }

    init(_ call: String, _ error: Errno) {
        self = .system(call: call, errno: error.rawValue)
    }
}
