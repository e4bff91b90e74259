internal import ControlProtocol
internal import ServiceTable

/// What routing knows of a service's handlers: a value, read when it is needed.
struct HandlerAvailability: Equatable {
    /// Starts have failed so often that nobody is expected soon.
    let isFailed: Bool
    /// A handler is there, or will be.
    let isServed: Bool

    /// - Parameters:
    ///   - isKept: There is a handler that Baton starts.
    ///   - isRegistered: At least one handler is there, or on its way.
    init(isFailed: Bool, isKept: Bool, isRegistered: @autoclosure () -> Bool) {
        self.isFailed = isFailed
        isServed = isKept && !isFailed || isRegistered()
    }
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

/// Decides the way; pure. What the table says of it is looked at once, not for each connection.
struct Router {
    /// Nil where it depends on who is there.
    private let way: Way?
    private let hasFallback: Bool

    /// - Parameter waits: A handler gets the listening socket, and none that is accepted already.
    init(_ dispatch: Dispatch, waits: Bool = false) {
        way =
            switch dispatch {
            case _ where waits: .refuse(.noHandler)
            case .exec: .spawn
            case .internal(let service): .serve(service)
            case .redirect: .relay
            case .tcpmux: .multiplex
            case .route: .route
            case .handoff: nil
            }
        hasFallback = if case .handoff(let settings) = dispatch { settings.wrappedValue.fallback != nil } else { false }
    }

    func way(_ availability: HandlerAvailability?) -> Way {
        if let way { return way }
        if let availability, availability.isServed { return .handOff }
        if hasFallback { return .spawn }
        // Without a handler of our own, one may still come and register: the queue waits for it.
        return availability?.isFailed == true ? .refuse(.noHandler) : .handOff
    }
}
