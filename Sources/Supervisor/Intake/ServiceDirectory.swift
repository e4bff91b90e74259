internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// What a service answers when another one offers it a connection.
enum ConnectionOffer {
    /// It has a place there, until `enter` is called or let go. Called once, it takes the connection over, which is
    /// counted in the new service from then on and has ended in the old one.
    case admitted(enter: () -> Void)
    /// The connection stays with whoever offered it; the refusal is counted and reported already. `close` is how the
    /// service closes its own, where the table says how.
    case refused(RefusalReason, close: ((DescriptorBox, ConnectionOrigin) -> Void)? = nil)
}

/// A service that takes connections from others: all its limits apply as to those that it accepts itself.
protocol ConnectionTarget: AnyObject {
    /// - Parameters:
    ///   - connection: Stays the caller's until it takes the offer up, and open until the answer.
    ///   - origin: As it was accepted by the service that it comes from.
    ///   - answer: Called once, now or later (a name may have to be looked up).
    func offer(
        _ connection: DescriptorBox, _ origin: ConnectionOrigin, answer: @escaping (ConnectionOffer) -> Void)
}

/// The services of the table by name, for connections that go from one to another.
final class ServiceDirectory {
    private var entries: [String: Entry] = [:]
    /// By what clients of tcpmux call them.
    var multiplexed = TCPMuxNames()

    private struct Entry {
        weak var target: (any ConnectionTarget)?
    }

    /// Nil when there is none of this name, or it is disabled.
    subscript(name: String) -> (any ConnectionTarget)? {
        get { entries[name]?.target }
        set { entries[name] = newValue.map { Entry(target: $0) } }
    }
}

extension Way {
    /// Whether `connection` has packets whose borders would be lost: bytes are relayed, or lines are read.
    ///
    /// - Parameter isBegun: Bytes of it are drained, which a program can be brought as a stream only.
    func mergesPackets(of connection: DescriptorBox, isBegun: Bool) -> Bool {
        let isStream =
            switch self {
            case .relay, .multiplex, .route: true
            case .spawn, .serve: isBegun
            case .handOff, .refuse: false
            }
        return isStream && connection.borrowed.map(Socket.keepsPackets) == true
    }
}
