internal import LinuxSystem

enum SourceReader {
    private static let shape = Shape.string(
        "\(AddressBlock.pattern)|[0-9A-Fa-f:.]+-[0-9A-Fa-f:.]+|\\.?\(HostName.pattern)")
    private static let words =
        "an address, a block such as 10.0.0.0/8, a range such as 10.0.0.1-10.0.0.9, a host name or a .domain"

    /// An address, a block, a range, a host name or a `.domain`.
    static let kind = Kind<Source>(words, shape) { cursor, _ in
        guard let found = text.read(cursor) else { return nil }
        guard case .host(let name, _) = found, cursor.reading.resolving else { return found }
        let addresses = NameService.addresses(of: name, family: nil).addresses.compactMap(AddressBlock.init)
        // They may come later: names are looked up again while the service runs.
        if addresses.isEmpty { cursor.warn("the host \(name.quotable) has no address now") }
        return .host(name, addresses)
    }

    private static let text = Kind<Source>.scalar(words, shape) { text, _ throws(Hint) in
        if text.contains("/") { return try AddressBlock(block: text).map { .block($0) } }
        if let address = AddressBlock(address: text) { return .block(address) }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        if ends.count == 2, let first = AddressBlock(address: ends[0]), let last = AddressBlock(address: ends[1]) {
            guard first.isIPv4 == last.isIPv4 else { throw Hint("the range has ends of two families") }
            if (first.high, first.low) > (last.high, last.low) { throw Hint("the range ends before it begins") }
            return .range(from: first, to: last)
        }
        let name = text.hasPrefix(".") ? text.dropFirst() : text[...]
        guard HostName.isValid(name) else { return nil }
        return text.hasPrefix(".") ? .domain(text.lowercased()) : .host(text.lowercased(), [])
    }
}

extension Kind where Value == AddressBlock {
    static var block: Kind {
        .scalar("an address or a block such as 10.0.0.0/8", .string(AddressBlock.pattern)) { text, _ throws(Hint) in
            text.contains("/") ? try AddressBlock(block: text) : AddressBlock(address: text)
        }
    }
}

extension AddressBlock {
    fileprivate static let pattern = "[0-9A-Fa-f:.]*[:.][0-9A-Fa-f:.]*(/[0-9]{1,3})?"

    fileprivate init?(address text: some StringProtocol) {
        if let address = IPv4Address(text) {
            self.init(address)
        } else if let address = IPv6Address(text) {
            self.init(address, length: 128)
        } else {
            return nil
        }
    }

    /// `ADDRESS/LENGTH` without bits behind the prefix.
    fileprivate init?(block text: String) throws(Hint) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let length = try Decimal.read(parts[1], as: Int.self), length >= 0 else { return nil }
        let (plain, block): (IPv6Address, AddressBlock)
        if let address = IPv4Address(parts[0]) {
            if length > 32 { throw Hint("a prefix has at most 32 bits here") }
            block = AddressBlock(address, length: length)
            plain = IPv6Address(high: UInt64(address.bits) << 32, low: 0)
        } else if let address = IPv6Address(parts[0]) {
            if length > 128 { throw Hint("a prefix has at most 128 bits here") }
            block = AddressBlock(address, length: length)
            plain = block.isIPv4 ? IPv6Address(high: address.low << 32, low: 0) : address
        } else {
            return nil
        }
        if (block.high, block.low) != (plain.high, plain.low) {
            throw Hint("the address has bits behind its prefix of \(length)")
        }
        self = block
    }
}
