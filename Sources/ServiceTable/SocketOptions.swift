package import LinuxSystem

/// Options of one listening socket. Nil is the kernel's own default.
package struct SocketOptions: Hashable, Sendable {
    /// The accept queue (listen(2)); the kernel caps it at net.core.somaxconn.
    package var backlog = 4096
    package var reusePort = false
    package var freeBind = false
    /// The one interface that it uses.
    package var interface: String?
    /// Addresses that are not this machine's, as a transparent proxy has them (ip(7), IP_TRANSPARENT).
    package var transparent = false
    package var mark: UInt32?
    package var priority: Int?
    /// Of both families on a dual-stack socket, as `ttl`.
    package var tos: Int?
    package var ttl: Int?
    package var keepAlive = KeepAlive()
    package var noDelay: Bool?
    /// A connection without data is accepted after so many seconds only.
    package var deferAccept: Int?
    /// Connections that may be waiting for the end of a handshake with data in its SYN.
    package var fastOpen: Int?
    package var congestion: String?
    package var broadcast = false
    /// Groups to join, each once.
    package var multicast: [MulticastGroup] = []
    /// Bytes (SO_RCVBUF, SO_SNDBUF).
    package var receiveBuffer: Int?
    package var sendBuffer: Int?
    /// Of a socket in the file system: permission bits, owner and group of its file; nil leaves what bind made.
    package var mode: UInt32?
    package var owner: UInt32?
    package var group: UInt32?
    /// Permission bits for a directory that has to be made for it.
    package var directoryMode: UInt32 = 0o755
    /// Unlink the file when the listener closes.
    package var removeOnStop = true

    /// What asks a silent peer whether it is still there; times in seconds.
    package struct KeepAlive: Hashable, Sendable {
        package var isOn: Bool?
        /// Of silence before the first question.
        package var idle: Int?
        package var interval: Int?
        /// Questions without an answer that end the connection.
        package var count: Int?
    }
}

/// A multicast group of either family.
package struct MulticastGroup: Hashable, Sendable {
    /// With port 0.
    package var address = SocketAddress.ipv4(.any, port: 0)
    /// Where to join it; nil is where the socket itself is, or what the routing table says.
    package var interface: String?

    /// As the table has it.
    package var name: String {
        let place = interface.map { "%" + $0 } ?? ""
        return switch address {
        case .ipv4(let address, _): "\(address)\(place)"
        case .ipv6(let address, _, _): "\(address)\(place)"
        default: "\(address)\(place)"
        }
    }
}
