internal import Glibc
internal import LinuxSystem

/// What an endpoint's text says: its kind, and the addresses that a host name may stand for.
struct EndpointAddress: Sendable {
    var kind: Endpoint.Kind
    var addresses: [SocketAddress]
    /// IPV6_V6ONLY, by its scheme.
    var ipv6Only = false
    /// No address family was named.
    var anyFamily = false
    /// A host or port name that was not looked up stands for the address.
    var isPlaceholder = false

    /// `8080`, `127.0.0.1:80`, `[::1]:80`, `/run/x.sock`, `@name` or a URL.
    init(_ text: String, reading: Reading) throws(Hint) {
        if let (scheme, rest) = Self.url(text) {
            try self.init(scheme: scheme, rest, reading: reading)
        } else if text.hasPrefix("/") || text.hasPrefix("@") {
            try self.init(unix: text, kind: .unixStream)
        } else if text.utf8.contains(UInt8(ascii: ":")) {
            try self.init(host: text, scheme: Scheme(kind: .tcp, family: nil), reading: reading)
        } else {
            try self.init(host: "*:" + text, scheme: Scheme(kind: .tcp, family: nil), reading: reading)
        }
    }

    /// What `init` takes, without a look at the machine.
    static let shape: Shape = {
        let port = "[A-Za-z0-9_.+][A-Za-z0-9_.+-]{0,63}"
        let host = "(\\*|[A-Za-z0-9_][A-Za-z0-9_.-]*|\\[[^\\]]+\\])"
        let number = "(\\*|[0-9]{1,10})"
        return .or(
            .number(0...Int64(UInt16.max)), .string("((tcp|udp)[46]?://)?\(host):\(port)|\(port)"),
            .string("(unix(\\+dgram|\\+seqpacket)?://)?(/.*[^/]|@.+)"), .string("vsock://\(number):\(number)"))
    }()

    private struct Scheme {
        var kind: Endpoint.Kind
        /// AF_INET or AF_INET6, when the scheme names it.
        var family: Int32?
    }

    private static let internet: [String: Scheme] = [
        "tcp": Scheme(kind: .tcp), "tcp4": Scheme(kind: .tcp, family: AF_INET),
        "tcp6": Scheme(kind: .tcp, family: AF_INET6), "udp": Scheme(kind: .udp),
        "udp4": Scheme(kind: .udp, family: AF_INET), "udp6": Scheme(kind: .udp, family: AF_INET6),
    ]
    private static let unix: [String: Endpoint.Kind] = [
        "unix": .unixStream, "unix+dgram": .unixDatagram, "unix+seqpacket": .unixSequencedPacket,
    ]

    private static func url(_ text: String) -> (scheme: String, rest: String)? {
        let bytes = text.utf8
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
            return nil
        }
        return (String(text[..<colon]), String(text[bytes.index(colon, offsetBy: 3)...]))
    }

    private init(scheme: String, _ rest: String, reading: Reading) throws(Hint) {
        if let internet = Self.internet[scheme] {
            try self.init(host: rest, scheme: internet, reading: reading)
        } else if let kind = Self.unix[scheme] {
            try self.init(unix: rest, kind: kind)
        } else if scheme == "vsock" {
            try self.init(vsock: rest)
        } else {
            let known = Self.internet.keys.sorted() + Self.unix.keys.sorted() + ["vsock"]
            throw Hint("no scheme \(scheme.quotable)://" + Words.nearest(to: scheme, among: known))
        }
    }

    private init(unix name: String, kind: Endpoint.Kind) throws(Hint) {
        self.kind = kind
        guard name.utf8.count <= SocketAddress.longestUnixName + (name.hasPrefix("@") ? 1 : 0) else {
            throw Hint("a socket's name has at most \(SocketAddress.longestUnixName) bytes")
        }
        if name.hasPrefix("@") {
            guard name.utf8.count > 1 else { throw Hint("a name follows the @") }
            addresses = [.abstract(name: String(name.dropFirst()))]
        } else {
            guard name.hasPrefix("/") else { throw Hint("the path must be absolute, as in unix:///run/x.sock") }
            guard !name.hasSuffix("/") else { throw Hint("that is a directory") }
            addresses = [.unix(path: name)]
        }
    }

    private init(vsock text: String) throws(Hint) {
        kind = .vsock
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw Hint("write vsock://CID:PORT") }
        func number(_ part: Substring, _ what: String) throws(Hint) -> UInt32 {
            if part == "*" { return .max }
            guard let number = try Decimal.read(part, as: UInt32.self) else {
                throw Hint("\(what) is a number from 0 to 4294967295, or *")
            }
            return number
        }
        let cid = try number(parts[0], "a CID")
        let port = try number(parts[1], "a port")
        // The kernel's "any port" is all ones (vsock(7)); in a table it is 0, as everywhere.
        addresses = [.vsock(cid: cid, port: port == 0 ? .max : port)]
    }

    private init(host text: String, scheme: Scheme, reading: Reading) throws(Hint) {
        kind = scheme.kind
        let (host, portText, bracketed) = try Self.split(text)
        let port = try Self.port(portText, scheme: scheme, reading: reading)
        ipv6Only = scheme.family == AF_INET6
        isPlaceholder = port == nil
        addresses = []
        if host == "*" {
            let any: SocketAddress = scheme.family == AF_INET ? .ipv4(.any, port: 0) : .ipv6(.any, port: 0)
            anyFamily = scheme.family == nil
            addresses = [any]
        } else if bracketed {
            guard scheme.family != AF_INET else { throw Hint("that is an IPv6 address") }
            addresses = [try Self.ipv6(host, reading: reading)]
        } else if let address = IPv4Address(host) {
            guard scheme.family != AF_INET6 else { throw Hint("that is an IPv4 address") }
            addresses = [.ipv4(address, port: 0)]
        } else {
            try look(up: host, scheme: scheme, reading: reading)
        }
        addresses = addresses.map { $0.with(port: port ?? 0) }
    }

    private static func split(_ text: String) throws(Hint) -> (host: String, port: String, bracketed: Bool) {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw Hint("a ] is missing") }
            let rest = text[text.index(after: end)...]
            guard rest.hasPrefix(":"), rest.count > 1 else { throw Hint("a port is missing, as in [::1]:80") }
            return (String(text[text.index(after: text.startIndex)..<end]), String(rest.dropFirst()), true)
        }
        let bytes = text.utf8
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { throw Hint("a port is missing") }
        let (host, port) = (text[..<colon], text[bytes.index(after: colon)...])
        if port.utf8.contains(UInt8(ascii: ":")) {
            throw Hint("an IPv6 address stands in brackets, as in [::1]:80")
        }
        guard !port.isEmpty else { throw Hint("a port is missing") }
        guard !host.isEmpty else { throw Hint("every address is *, as in *:\(port.description.quotable)") }
        return (String(host), String(port), false)
    }

    /// Nil for a name that could not be looked up and need not be.
    private static func port(_ text: String, scheme: Scheme, reading: Reading) throws(Hint) -> UInt16? {
        let digits = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        if digits || text.hasPrefix("-") {
            guard let port = try Decimal.read(text, as: UInt16.self) else { throw Hint("a port is 0 to 65535") }
            return port
        }
        let isName =
            text.utf8.count <= 64
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_.+".unicodeScalars.contains($0))
            }
        guard isName else { throw Hint("a port is a number or a name from /etc/services") }
        let `protocol` = scheme.kind == .udp ? "udp" : "tcp"
        if let port = reading.port(named: text, protocol: `protocol`) { return port }
        guard reading.resolving else { return nil }
        throw Hint("/etc/services has no \(`protocol`) port named \(text)")
    }

    private static func ipv6(_ text: String, reading: Reading) throws(Hint) -> SocketAddress {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPv6Address($0) }) else {
            throw Hint("[\(text.quotable)] is no IPv6 address")
        }
        guard parts.count == 2 else { return .ipv6(address, port: 0) }
        let zone = String(parts[1])
        let index = UInt32(zone).flatMap { $0 == 0 ? nil : $0 } ?? InterfaceName.index(of: zone)
        if index == nil, reading.resolving { throw Hint("there is no interface \(zone.quotable)") }
        return .ipv6(address, port: 0, scope: index ?? 0)
    }

    private mutating func look(up host: String, scheme: Scheme, reading: Reading) throws(Hint) {
        guard HostName.isValid(host) else { throw Hint("\(host.quotable) is no host name and no address") }
        guard reading.resolving else {
            isPlaceholder = true
            addresses = [scheme.family == AF_INET6 ? .ipv6(.loopback, port: 0) : .ipv4(.loopback, port: 0)]
            return
        }
        let found = reading.addresses(of: host, family: scheme.family)
        guard !found.addresses.isEmpty else { throw Hint("\(host) has no address: \(found.reason)") }
        addresses = found.addresses
    }
}

enum HostName {
    static let pattern = "[A-Za-z0-9_][A-Za-z0-9_-]*(\\.[A-Za-z0-9_][A-Za-z0-9_-]*)*"

    /// Letters, digits, `-`, `_` and dots (RFC 1123), and not only digits and dots: getaddrinfo would read
    /// `10.1` as 10.0.0.1.
    static func isValid(_ text: some StringProtocol) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, let last = labels.last else { return false }
        let fine = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-")
                && label.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: true
                    default: false
                    }
                }
        }
        return fine && !last.utf8.allSatisfy { (0x30...0x39).contains($0) } && !last.hasPrefix("0x")
    }
}

extension SocketAddress {
    fileprivate func with(port: UInt16) -> SocketAddress {
        switch self {
        case .ipv4(let address, _): .ipv4(address, port: port)
        case .ipv6(let address, _, let scope): .ipv6(address, port: port, scope: scope)
        case .unix, .abstract, .vsock: self
        }
    }
}

extension Kind where Value == EndpointAddress {
    /// An address to bind or to connect to.
    static var endpoint: Kind {
        let expected = "an endpoint such as 8080, 127.0.0.1:8080, [::1]:8080, /run/x.sock, @name or udp://*:69"
        return Kind(expected, EndpointAddress.shape) { cursor, expected in
            guard let text = cursor.node.text else {
                cursor.unexpected(expected)
                return nil
            }
            do throws(Hint) {
                return try EndpointAddress(text, reading: cursor.reading)
            } catch {
                cursor.fault("\"\(text.quotable)\" is no endpoint: \(error.text)")
                return nil
            }
        }
    }
}
