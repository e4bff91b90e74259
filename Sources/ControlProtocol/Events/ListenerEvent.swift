/// What happens to a listener; `address` is where it is, or is to be, bound.
package enum ListenerEvent: Hashable, Sendable {
    case bound(address: String)
    case retrying(address: String, error: String, delay: Duration)
    case paused(address: String, PauseReason)
    case resumed(address: String)
    /// accept(2) failed for this connection only; the listener goes on.
    case acceptFailed(address: String, error: String)
    case closed(address: String)

    /// Why a listener left the poll set; its clients wait in the backlog.
    package enum PauseReason: String, Hashable, Sendable, CaseIterable {
        /// A limit of the table is reached.
        case instances, connections, rate
        case queueFull = "queue_full"
        /// The supervisor has no descriptor left, or the kernel no memory.
        case resources
        /// Its `wait` handler failed too often.
        case trigger
        /// A `wait` handler has the socket.
        case handler
        case person

        var explanation: String {
            switch self {
            case .instances: "instances is reached"
            case .connections: "connections is reached"
            case .rate: "over the rate"
            case .queueFull: "the queue is full"
            case .resources: "no descriptors or memory left"
            case .trigger: "trigger_limit"
            case .handler: "its handler has the socket"
            case .person: "by request"
            }
        }
    }

    package var level: EventLevel {
        switch self {
        case .bound: .info
        case .retrying: .warning
        case .paused(_, .resources): .warning
        case .paused(_, .person): .notice
        // Limits at work come and go with every connection.
        case .paused, .resumed, .acceptFailed, .closed: .debug
        }
    }

    package var details: EventDetails {
        var details: EventDetails
        let address: String
        switch self {
        case .bound(let place):
            address = place
            details = EventDetails("listening", "listening on \(place.printable())")
        case .retrying(let place, let error, let delay):
            address = place
            details = EventDetails(
                "bind_failed",
                "cannot listen on \(place.printable()): \(error.printable()); trying again in \(delay.brief)",
                reason: error, more: ["retry_seconds": .number(delay.seconds)])
        case .paused(let place, let reason):
            address = place
            details = EventDetails(
                "listener_paused", "\(place.printable()) paused: \(reason.explanation)", reason: reason.rawValue)
        case .resumed(let place):
            address = place
            details = EventDetails("listener_resumed", "\(place.printable()) resumed")
        case .acceptFailed(let place, let error):
            address = place
            details = EventDetails(
                "accept_failed", "accept on \(place.printable()): \(error.printable())", reason: error)
        case .closed(let place):
            address = place
            details = EventDetails("listener_closed", "\(place.printable()) closed")
        }
        details.more.append("address", .string(address))
        return details
    }
}
