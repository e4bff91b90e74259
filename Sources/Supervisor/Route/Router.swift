internal import ControlProtocol
internal import ServiceTable

/// What routing knows of a service's handlers: a value, read when it is needed.
struct HandlerAvailability: Equatable {
    /// Starts have failed so often that nobody is expected soon.
    var isFailed: Bool
    /// There is a handler that Baton starts.
    var isKept: Bool
    /// At least one handler is there, or on its way.
    var isRegistered: Bool
}

/// Which way a connection goes.
enum Way: Equatable {
    /// A process of its own.
    case spawn
    /// A persistent handler, or the queue for one.
    case handOff
    case serve(InternalService)
    /// To another address.
    case relay
    /// To the service that the client names.
    case multiplex
    /// To the service that its first bytes ask for.
    case route
    case refuse(RefusalReason)
}

/// Decides the way; pure.
enum Router {
    static func way(_ dispatch: Dispatch, _ availability: HandlerAvailability?) -> Way {
        switch dispatch {
        case .exec: return .spawn
        case .internal(let service): return .serve(service)
        case .redirect: return .relay
        case .tcpmux: return .multiplex
        case .route: return .route
        case .handoff(let handoff):
            let available = availability ?? HandlerAvailability(isFailed: false, isKept: false, isRegistered: false)
            let someoneServes = available.isRegistered || (available.isKept && !available.isFailed)
            if someoneServes { return .handOff }
            if handoff.wrappedValue.fallback != nil { return .spawn }
            // Without a handler of our own, one may still come and register: the queue waits for it.
            return available.isFailed ? .refuse(.noHandler) : .handOff
        }
    }
}
