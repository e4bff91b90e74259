internal import LinuxSystem

/// An address of `ListenStream=` and its kin, as an endpoint of the table.
struct UnitListener: Sendable {
    enum Kind: Sendable {
        case tcp, udp, unixStream, unixDatagram, unixSequential, vsock

        var isDatagram: Bool { self == .udp || self == .unixDatagram }
        var isInternet: Bool { self == .tcp || self == .udp }
    }

    var kind: Kind
    /// The endpoint.
    var text: String
    /// A port alone is written without quotes.
    var isNumber = false
    /// Its file is in the file system.
    var isFile = false
    /// LISTEN_FDNAMES.
    var name: String?

    var value: DraftValue { isNumber ? .word(text) : .text(text) }

    /// Why there is none.
    struct Fault: Error {
        var fidelity: Fidelity
    }

    /// - Parameter ipv6Only: IPV6_V6ONLY is set.
    init(_ key: String, _ value: String, ipv6Only: Bool) throws(Fault) {
        let unix: (Kind, String)
        let internet: (Kind, String)?
        switch key {
        case "ListenStream": (unix, internet) = ((.unixStream, "unix"), (.tcp, "tcp"))
        case "ListenDatagram": (unix, internet) = ((.unixDatagram, "unix+dgram"), (.udp, "udp"))
        default: (unix, internet) = ((.unixSequential, "unix+seqpacket"), nil)
        }
        if value.hasPrefix("/") || value.hasPrefix("@") {
            guard value.utf8.count > 1, !value.hasSuffix("/"), value.utf8.count <= 107 else { throw Self.invalid }
            kind = unix.0
            text = kind == .unixStream ? value : "\(unix.1)://\(value)"
            isFile = value.hasPrefix("/")
        } else if value.hasPrefix("vsock") {
            guard key == "ListenStream", let address = Self.vsock(value) else {
                throw Fault(fidelity: .notExpressible("vsock sockets are streams, vsock:CID:PORT"))
            }
            kind = .vsock
            text = address
        } else {
            guard let (kind, scheme) = internet else {
                throw Fault(fidelity: .notExpressible("sequential packets are for Unix sockets only"))
            }
            self.kind = kind
            (text, isNumber) = try Self.internet(value, scheme: scheme, ipv6Only: ipv6Only)
        }
    }

    /// As systemd says it in its log.
    private static let invalid = Fault(
        fidelity: .approximated("it is no address that systemd takes, so it listens there no more than Baton does"))

    private static func vsock(_ value: String) -> String? {
        let parts = value.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "vsock" || parts[0] == "vsock-stream",
            parts[1].isEmpty || UInt32(parts[1]) != nil, let port = UInt32(parts[2])
        else { return nil }
        return "vsock://\(parts[1].isEmpty ? "*" : String(parts[1])):\(port)"
    }

    private static func internet(
        _ value: String, scheme: String, ipv6Only: Bool
    ) throws(Fault) -> (text: String, isNumber: Bool) {
        if value.isDecimal {
            let port = try port(value[...])
            if ipv6Only { return ("\(scheme)6://*:\(port)", false) }
            return scheme == "tcp" ? ("\(port)", true) : ("\(scheme)://*:\(port)", false)
        }
        guard let colon = value.lastIndex(of: ":") else { throw invalid }
        if value.hasPrefix("[") {
            guard let end = value.firstIndex(of: "]"), value.index(after: end) < value.endIndex,
                value[value.index(after: end)] == ":", IPv6Address(value[..<end].dropFirst()) != nil
            else { throw invalid }
            let rest = value[end...].dropFirst(2)
            let parts = rest.split(separator: "%", maxSplits: 1)
            let port = try port(parts.first ?? "")
            let scope = parts.count == 2 ? "%\(parts[1])" : ""
            let address = "[\(value[..<end].dropFirst())\(scope)]:\(port)"
            return ("\(scheme)\(ipv6Only ? "6" : "")://\(address)", false)
        }
        let host = value[..<colon]
        guard IPv4Address(host) != nil else { throw invalid }
        let port = try port(value[colon...].dropFirst())
        return (scheme == "tcp" ? "\(host):\(port)" : "\(scheme)://\(host):\(port)", false)
    }

    private static func port(_ text: Substring) throws(Fault) -> UInt16 {
        guard text.isDecimal, let port = UInt16(text), port > 0 else { throw invalid }
        return port
    }
}
