internal import LinuxSystem

/// A PROXY protocol header, version 1: one line of ASCII (haproxy's proxy-protocol.txt, section 2.1).
enum ProxyLine {
    /// The longest line, with its CRLF.
    static let longest = 107
    static let beginning = Array("PROXY ".utf8)

    struct Fault: Error {
        let why: String
    }

    /// The header's bytes.
    ///
    /// - Parameter addresses: Nil, or of a family that the line has no word for: the line says UNKNOWN.
    static func encode(_ addresses: StatedAddresses?) -> [UInt8] {
        Array((fields(addresses) ?? "PROXY UNKNOWN\r\n").utf8)
    }

    private static func fields(_ addresses: StatedAddresses?) -> String? {
        guard let addresses else { return nil }
        let (source, destination) = (addresses.source.normalized, addresses.destination.normalized)
        switch (source, destination) {
        case (.ipv4(let from, let fromPort), .ipv4(let to, let toPort)):
            return "PROXY TCP4 \(from) \(to) \(fromPort) \(toPort)\r\n"
        case (.ipv4, .ipv6), (.ipv6, .ipv4), (.ipv6, .ipv6):
            guard let from = inSix(source), let to = inSix(destination), let fromPort = source.port,
                let toPort = destination.port
            else { return nil }
            return "PROXY TCP6 \(from) \(to) \(fromPort) \(toPort)\r\n"
        default:
            return nil
        }
    }

    private static func inSix(_ address: SocketAddress) -> String? {
        switch address {
        case .ipv4(let address, _): "::ffff:\(address)"
        case .ipv6(let address, _, _): address.description
        case .unix, .abstract, .vsock: nil
        }
    }

    /// Reads a line, without its CRLF.
    ///
    /// - Returns: Nil for UNKNOWN: the socket's own addresses are the right ones.
    static func decode(_ line: some Sequence<UInt8>) throws(Fault) -> StatedAddresses? {
        let line = Array(line)
        guard line.starts(with: beginning) else { throw Fault(why: "it does not begin with PROXY") }
        let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // What follows UNKNOWN on the line is for nobody.
        if words[1] == "UNKNOWN" { return nil }
        guard line.allSatisfy({ (0x20...0x7e).contains($0) }) else { throw Fault(why: "it is no line of ASCII") }
        guard words.count == 6 else { throw Fault(why: "it has \(words.count) words, not 6") }
        return StatedAddresses(
            source: try address(words[2], try port(words[4]), family: words[1]),
            destination: try address(words[3], try port(words[5]), family: words[1]))
    }

    private static func address(_ text: String, _ port: UInt16, family: String) throws(Fault) -> SocketAddress {
        switch family {
        case "TCP4":
            if let address = IPv4Address(text) { return .ipv4(address, port: port) }
        case "TCP6":
            if let address = IPv6Address(text) { return .ipv6(address, port: port) }
        default:
            throw Fault(why: "unknown protocol \(family)")
        }
        throw Fault(why: "\(text) is no address of \(family)")
    }

    /// Decimal digits without leading zeros.
    private static func port(_ text: String) throws(Fault) -> UInt16 {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text == "0" || !text.hasPrefix("0"),
            let port = UInt16(text)
        else { throw Fault(why: "\(text) is no port") }
        return port
    }
}
