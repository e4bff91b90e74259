/// What happens to a listener; `address` is where it is, or is to be, bound.
package enum ListenerEvent: Hashable, Sendable {
    case bound(address: String)
    case retrying(address: String, error: String, delay: Duration)
    /// No descriptor or memory is left: it leaves the poll set for a while, and its clients wait in the backlog.
    case paused(address: String, error: String)
    /// accept(2) failed for this connection only; the listener goes on.
    case acceptFailed(address: String, error: String)
    case closed(address: String)

    package var name: EventName {
        switch self {
        case .bound: .listening
        case .retrying: .bindFailed
        case .paused: .listenerPaused
        case .acceptFailed: .acceptFailed
        case .closed: .listenerClosed
        }
    }

    package var level: EventLevel {
        switch self {
        case .bound: .info
        case .retrying, .paused: .warning
        case .acceptFailed, .closed: .debug
        }
    }

    package var details: EventDetails {
        var details: EventDetails
        let address: String
        switch self {
        case .bound(let place):
            address = place
            details = EventDetails("listening on \(place.printable())")
        case .retrying(let place, let error, let delay):
            address = place
            details = EventDetails(
                "cannot listen on \(place.printable()): \(error.printable()); trying again in \(delay.brief)",
                reason: error, more: ["retry_seconds": .number(delay.seconds)])
        case .paused(let place, let error):
            address = place
            details = EventDetails(
                "\(place.printable()) paused: no descriptors or memory left: \(error.printable())", reason: error)
        case .acceptFailed(let place, let error):
            address = place
            details = EventDetails(
                "accept on \(place.printable()): \(error.printable())", reason: error)
        case .closed(let place):
            address = place
            details = EventDetails("\(place.printable()) closed")
        }
        details.more.append("address", .string(address))
        return details
    }
}
