internal import LinuxSystem

/// The UDP ports on which this supervisor's internal services listen: what comes from one of them may be
/// an answer, and is not answered.
final class InternalPorts {
    private var listeners: [UInt16: Int] = [:]

    /// An internal service is bound to `address`; other addresses than UDP's do not matter.
    func add(_ address: SocketAddress) {
        guard let port = address.udpPort else { return }
        listeners[port, default: 0] += 1
    }

    /// One of the listeners that were added is closed.
    func remove(_ address: SocketAddress) {
        guard let port = address.udpPort, let count = listeners[port] else { return }
        listeners[port] = count > 1 ? count - 1 : nil
    }

    func removeAll() {
        listeners = [:]
    }

    func contains(_ port: UInt16) -> Bool {
        listeners[port] != nil
    }
}

extension SocketAddress {
    var udpPort: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port, _): port
        case .unix, .abstract, .vsock: nil
        }
    }
}
