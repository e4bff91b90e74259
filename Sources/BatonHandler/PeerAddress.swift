internal import HandoffProtocol
internal import LinuxSystem

/// An end of a connection.
public enum PeerAddress: Hashable, Sendable {
    /// IPv4 or IPv6, as text without brackets. An IPv4-mapped address is shown as IPv4.
    case internet(host: String, port: UInt16)
    /// A Unix-domain socket; the path is empty for one without a name, which is what clients have.
    case unix(path: String)
    /// A Unix-domain socket in the abstract namespace, without its leading NUL.
    case abstract(name: String)
    /// A virtual machine's socket (vsock(7)).
    case vsock(cid: UInt32, port: UInt32)
}

extension PeerAddress: CustomStringConvertible {
    /// As logs write it: `127.0.0.1:80`, `[::1]:80`, a path, `@name`, `vsock://2:80`.
    public var description: String {
        switch self {
        case .internet(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path.isEmpty ? "unix" : path
        case .abstract(let name): "@\(name)"
        case .vsock(let cid, let port): "vsock://\(cid):\(port)"
        }
    }
}

extension PeerAddress {
    init(_ address: SocketAddress) {
        switch address {
        case .ipv4(_, let port), .ipv6(_, let port, _): self = .internet(host: address.host ?? "", port: port)
        case .unix(let path): self = .unix(path: path)
        case .abstract(let name): self = .abstract(name: name)
        case .vsock(let cid, let port): self = .vsock(cid: cid, port: port)
        }
    }

    enum End {
        case source, destination
    }

    /// Nil when there is no header, or it names no addresses.
    init?(proxyHeader: [UInt8], _ end: End) {
        guard let header = try? ProxyHeader(decoding: proxyHeader.span) else { return nil }
        switch header {
        case .local:
            return nil
        case .tcp4(let source, let destination):
            let chosen = end == .source ? source : destination
            self.init(.ipv4(IPv4Address(bits: chosen.bits), port: chosen.port))
        case .tcp6(let source, let destination):
            let chosen = end == .source ? source : destination
            self.init(.ipv6(IPv6Address(high: chosen.high, low: chosen.low), port: chosen.port))
        case .unix(let source, let destination):
            let chosen = end == .source ? source : destination
            if chosen.first == 0 {
                self = .abstract(name: String(decoding: chosen.dropFirst(), as: UTF8.self))
            } else {
                self = .unix(path: String(decoding: chosen, as: UTF8.self))
            }
        }
    }
}
