internal import ControlProtocol
internal import LinuxSystem

/// Connections of one service that have been accepted and are not decided on yet: their header has not come, or
/// their name is being looked up.
final class Arrivals {
    private var entries: [UInt64: Arrival] = [:]

    private final class Arrival {
        let connection: DescriptorBox
        /// Nil where another service counts it still.
        let origin: ConnectionOrigin?
        var reception: ProxyReception?
        let abandoned: () -> Void

        init(_ connection: DescriptorBox, _ origin: ConnectionOrigin?, abandoned: @escaping () -> Void) {
            self.connection = connection
            self.origin = origin
            self.abandoned = abandoned
        }
    }

    /// At a time, for each service; the rest stays in the backlog.
    static let most = 1024

    var count: Int { entries.count }
    var room: Int { max(0, Self.most - count) }

    /// Waits for the header of `connection`. `done` is called once, unless the connection is abandoned first.
    func receiveHeader(
        of connection: DescriptorBox, _ origin: ConnectionOrigin, _ version: ProxyVersion, until due: Duration,
        loop: EventLoop,
        abandoned: @escaping () -> Void, done: @escaping (ProxyReception.Outcome) -> Void
    ) {
        let number = origin.number
        let arrival = Arrival(connection, origin, abandoned: abandoned)
        let reception = ProxyReception(connection, version, loop: loop) { [weak self] outcome in
            self?.entries[number] = nil
            done(outcome)
        }
        arrival.reception = reception
        entries[number] = arrival
        reception.start(until: due)
    }

    /// Keeps `connection` until `claim` takes it back.
    ///
    /// - Parameter isOwn: No other service counts it.
    func keep(
        _ connection: DescriptorBox, _ origin: ConnectionOrigin, isOwn: Bool, abandoned: @escaping () -> Void
    ) {
        entries[origin.number] = Arrival(connection, isOwn ? origin : nil, abandoned: abandoned)
    }

    func list(in census: inout ConnectionCensus) {
        for origin in entries.values.compactMap(\.origin) { census.add(origin, .arriving) }
    }

    /// Whether the connection is still here, and not abandoned; it is let go.
    func claim(_ number: UInt64) -> Bool {
        entries.removeValue(forKey: number) != nil
    }

    /// None has had its name asked for, and of no header has a part been taken.
    var isAtRest: Bool { entries.values.allSatisfy { $0.reception?.due != nil } }

    /// To be carried over, at rest.
    var saved: [SavedArrival] {
        entries.values.compactMap { arrival in
            guard let due = arrival.reception?.due, let origin = arrival.origin,
                let connection = SavedConnection(arrival.connection, origin)
            else { return nil }
            return SavedArrival(connection: connection, due: due)
        }
    }

    /// The service stops now: nobody is waited for.
    func abandonAll() {
        let all = entries.values
        entries = [:]
        for arrival in all {
            arrival.reception?.cancel()
            arrival.abandoned()
        }
    }
}
