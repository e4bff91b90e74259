internal import LinuxSystem
internal import ServiceTable

/// A pattern for clients (hosts_access(5), Patterns and Wildcards).
enum HostPattern: Hashable, Sendable {
    case everyone
    case block(AddressBlock)
    case host(String)
    case domain(String)
    /// The patterns of a file.
    case file(String)
    /// It matches no client, in tcp wrappers as here; the reason says why.
    case nobody(String)
    /// What no source list can say; the reason says why.
    case other(String)

    init(_ text: String) {
        if let at = text.dropFirst().firstIndex(of: "@") {
            let user = text[..<at].uppercased()
            let host = HostPattern(host: String(text[text.index(after: at)...]))
            self = user == "ALL" ? host : .other("Baton asks no ident server for the user at the client's end")
        } else {
            self.init(host: text)
        }
    }

    private init(host text: String) {
        let upper = text.uppercased()
        if let wildcard = Self.wildcards[upper] {
            self = wildcard
        } else if text.hasPrefix("@") {
            self = .other("NIS netgroups are not looked up; list its hosts")
        } else if text.hasPrefix("/") {
            self = .file(text)
        } else if text.hasPrefix("[") {
            self = Self.bracketed(text)
        } else if let slash = text.firstIndex(of: "/") {
            self = Self.masked(text[..<slash], text[slash...].dropFirst())
        } else if text.contains("*") || text.contains("?") {
            self = Self.glob(text)
        } else if text.hasSuffix(".") {
            self = Self.prefix(text.dropLast())
        } else if let address = IPv4Address(text) {
            self = .block(AddressBlock(address, length: 32))
        } else if let address = IPv6Address(text) {
            self = .block(AddressBlock(address, length: 128))
        } else {
            self = Self.name(text)
        }
    }

    private static let wildcards: [String: HostPattern] = [
        "ALL": .everyone, "*": .everyone,
        "LOCAL": .other("names without a dot are not told apart; list the hosts or their network"),
        "KNOWN": .other("whether an address has a name is no reason to admit or to refuse"),
        "UNKNOWN": .other("whether an address has a name is no reason to admit or to refuse"),
        "PARANOID": .other(
            "Baton refuses nobody because his name and his address disagree; such a name never matches a .domain"),
    ]

    /// `[v6]` and `[v6]/length`.
    private static func bracketed(_ text: String) -> HostPattern {
        guard let end = text.firstIndex(of: "]"), let address = IPv6Address(text[..<end].dropFirst()) else {
            return .nobody("it is no IPv6 address")
        }
        let rest = text[end...].dropFirst()
        if rest.isEmpty { return .block(AddressBlock(address, length: 128)) }
        guard rest.hasPrefix("/"), let length = number(rest.dropFirst(), upTo: 128) else {
            return .nobody("a length from 0 to 128 is expected behind the bracket")
        }
        return aligned(AddressBlock(address, length: length), AddressBlock(address, length: 128))
    }

    /// `n.n.n.n/m.m.m.m`, and with a length.
    private static func masked(_ net: Substring, _ mask: Substring) -> HostPattern {
        guard let address = IPv4Address(net) else { return .nobody("an IPv4 address is expected before the slash") }
        if let length = number(mask, upTo: 32) {
            return aligned(AddressBlock(address, length: length), AddressBlock(address))
        }
        guard let bits = IPv4Address(mask)?.bits else { return .nobody("a mask is expected behind the slash") }
        let length = (~bits).leadingZeroBitCount
        // Ones, then zeros: the complement and its successor share no bit.
        guard ~bits & (~bits &+ 1) == 0 else {
            return .other("a mask that has a zero before a one makes no block of addresses")
        }
        return aligned(AddressBlock(address, length: length), AddressBlock(address))
    }

    /// `block` if `address` has no bit behind its prefix.
    private static func aligned(_ block: AddressBlock, _ address: AddressBlock) -> HostPattern {
        (block.high, block.low) == (address.high, address.low)
            ? .block(block) : .nobody("the address has bits behind its mask, so it matches no client")
    }

    /// `131.155.`, and without its last dot.
    private static func prefix(_ text: Substring) -> HostPattern {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { number($0, upTo: 255) }
        guard numbers.count == parts.count, (1...3).contains(numbers.count) else {
            return parts.allSatisfy(\.isDecimal)
                ? .nobody("it begins no IPv4 address") : .other("the beginning of a host's name cannot be matched")
        }
        let bits = numbers.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (4 - numbers.count))
        return .block(AddressBlock(IPv4Address(bits: bits), length: 8 * numbers.count))
    }

    /// `10.1.*` and `*.example.org`; others have no equivalent.
    private static func glob(_ text: String) -> HostPattern {
        if text.hasPrefix("*."), !text.dropFirst().contains(where: { $0 == "*" || $0 == "?" }) {
            return name(String(text.dropFirst()))
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let fixed = parts.prefix { $0 != "*" }
        if !fixed.isEmpty, fixed.count < 4, parts.count <= 4, fixed.allSatisfy(\.isDecimal),
            parts.dropFirst(fixed.count).allSatisfy({ $0 == "*" })
        {
            return prefix(fixed.joined(separator: ".")[...])
        }
        return .other("only patterns such as 10.1.* and *.example.org have an equivalent; list the hosts")
    }

    private static func name(_ text: String) -> HostPattern {
        let labels = (text.hasPrefix(".") ? text.dropFirst() : text[...]).split(
            separator: ".", omittingEmptySubsequences: false)
        let fine = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-")
                && label.unicodeScalars.allSatisfy {
                    $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_".unicodeScalars.contains($0))
                }
        }
        guard fine, text.utf8.count <= 253, labels.last?.isDecimal == false, labels.last?.hasPrefix("0x") == false
        else { return .nobody("it is no address and no host's name") }
        return text.hasPrefix(".") ? .domain(text.lowercased()) : .host(text.lowercased())
    }

    private static func number(_ text: Substring, upTo most: Int) -> Int? {
        guard text.utf8.count <= 3, text.isDecimal, let number = Int(text), number <= most else { return nil }
        return number
    }
}

extension HostPattern {
    /// `host.example.org` or `.example.org`; nil for what is no name.
    var nameText: String? {
        switch self {
        case .host(let text), .domain(let text): text
        case .everyone, .block, .file, .nobody, .other: nil
        }
    }

    /// A client of that name, or of that domain, matches this pattern of a name.
    func covers(_ name: HostPattern) -> Bool {
        if self == name { return true }
        guard case .domain(let domain) = self, let text = name.nameText else { return false }
        return text.hasSuffix(domain)
    }
}
