internal import HandoffProtocol
internal import LinuxSystem

/// The ends of a connection by the word of a PROXY header, in the place of those that the kernel knows.
struct StatedAddresses: Hashable {
    var source: SocketAddress
    var destination: SocketAddress

    init(source: SocketAddress, destination: SocketAddress) {
        self.source = source
        self.destination = destination
    }

    /// Nil where the header names no addresses: the socket's own are the right ones.
    init?(_ header: ProxyHeader) {
        switch header {
        case .local:
            return nil
        case .tcp4(let source, let destination):
            self.init(source: SocketAddress(source), destination: SocketAddress(destination))
        case .tcp6(let source, let destination):
            self.init(source: SocketAddress(source), destination: SocketAddress(destination))
        case .unix(let source, let destination):
            self.init(source: SocketAddress(unix: source), destination: SocketAddress(unix: destination))
        }
    }

    /// As version 2 writes them; `local` for what it has no form for.
    var header: ProxyHeader {
        switch (source.normalized, destination.normalized) {
        case (.ipv4(let source, let from), .ipv4(let destination, let to)):
            return .tcp4(
                source: ProxyHeader.Address4(bits: source.bits, port: from),
                destination: ProxyHeader.Address4(bits: destination.bits, port: to))
        case (.ipv4, .ipv6), (.ipv6, .ipv4), (.ipv6, .ipv6):
            guard let source = source.inSix, let destination = destination.inSix else { return .local }
            return .tcp6(source: source, destination: destination)
        default:
            guard let source = source.unixName, let destination = destination.unixName else { return .local }
            return .unix(source: source, destination: destination)
        }
    }
}

extension SocketAddress {
    fileprivate init(_ address: ProxyHeader.Address4) {
        self = .ipv4(IPv4Address(bits: address.bits), port: address.port)
    }

    fileprivate init(_ address: ProxyHeader.Address6) {
        self = .ipv6(IPv6Address(high: address.high, low: address.low), port: address.port)
    }

    /// As `sun_path` has it: a leading NUL begins an abstract name.
    fileprivate init(unix name: [UInt8]) {
        self =
            name.first == 0
            ? .abstract(name: String(decoding: name.dropFirst(), as: UTF8.self))
            : .unix(path: String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
    }

    /// IPv4 as an IPv4-mapped address: a header has one family for both ends.
    fileprivate var inSix: ProxyHeader.Address6? {
        switch self {
        case .ipv4(let address, let port):
            ProxyHeader.Address6(high: 0, low: 0xffff_0000_0000 | UInt64(address.bits), port: port)
        case .ipv6(let address, let port, _):
            ProxyHeader.Address6(high: address.high, low: address.low, port: port)
        case .unix, .abstract, .vsock: nil
        }
    }

    fileprivate var unixName: [UInt8]? {
        switch self {
        case .unix(let path): Array(path.utf8)
        case .abstract(let name): [0] + Array(name.utf8)
        case .ipv4, .ipv6, .vsock: nil
        }
    }
}
