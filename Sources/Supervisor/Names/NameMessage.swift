internal import LinuxSystem

/// What is asked of a resolver, as it goes over its channel: a message a question, and one an answer.
enum NameQuestion: Hashable {
    /// The addresses of a host.
    case addresses(host: String)
    /// The name of an address that has the address in turn.
    case name(SocketAddress)

    var encoded: [UInt8] {
        switch self {
        case .addresses(let host): Array("A\(host)".utf8)
        case .name(let address): Array("N\(address.host ?? "")".utf8)
        }
    }

    init?(decoding bytes: some Collection<UInt8>) {
        let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
        switch bytes.first {
        case UInt8(ascii: "A"): self = .addresses(host: text)
        case UInt8(ascii: "N"):
            guard let address = SocketAddress(host: text) else { return nil }
            self = .name(address)
        default: return nil
        }
    }
}

/// A resolver's answer: a line for each name or address, none where nothing was found.
struct NameAnswer: Hashable {
    var lines: [String]

    /// The longest answer: a host may have more addresses than fit, and the first of them must do.
    static let most = 8192

    init(_ lines: [String]) {
        self.lines = lines
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        for line in lines where bytes.count + line.utf8.count + 1 <= Self.most {
            bytes += Array(line.utf8) + [UInt8(ascii: "\n")]
        }
        // An empty message would be the end of the channel.
        return bytes.isEmpty ? [UInt8(ascii: "\n")] : bytes
    }

    init(decoding bytes: some Collection<UInt8>) {
        lines = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    }

    var name: String? { lines.first }
    var addresses: [SocketAddress] { lines.compactMap { SocketAddress(host: $0) } }
}

extension SocketAddress {
    /// An address as text, with port 0; a zone (`fe80::1%eth0`) is left out, as sources have none.
    init?(host: String) {
        let host = host.prefix { $0 != "%" }
        if let address = IPv4Address(host) {
            self = .ipv4(address, port: 0)
        } else if let address = IPv6Address(host) {
            self = .ipv6(address, port: 0)
        } else {
            return nil
        }
    }
}
