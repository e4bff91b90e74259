internal import LinuxSystem

/// A block of addresses. IPv4 addresses inside IPv6 ones count as IPv4.
struct AddressBlock: Hashable, Sendable {
    private enum Family: Hashable, Sendable { case ipv4, ipv6 }

    private let family: Family
    /// The address from its highest bit; an IPv4 address has the first 32.
    private let high: UInt64
    private let low: UInt64
    let length: Int

    static let everyone = [
        AddressBlock(IPv4Address.any, length: 0), AddressBlock(IPv6Address.any, length: 0),
    ]

    private init(_ family: Family, _ high: UInt64, _ low: UInt64, length: Int) {
        self.family = family
        self.high = high
        self.low = low
        self.length = length
    }

    init(_ address: IPv4Address, length: Int) {
        self.init(.ipv4, UInt64(address.bits) << 32, 0, length: length)
    }

    init(_ address: IPv6Address, length: Int) {
        if length >= 96, let mapped = address.mapped {
            self.init(mapped, length: length - 96)
        } else {
            self.init(.ipv6, address.high, address.low, length: length)
        }
    }

    /// No bit of the address stands behind the prefix.
    var isAligned: Bool { Self.behind(length, high, low) }

    private static func behind(_ length: Int, _ high: UInt64, _ low: UInt64) -> Bool {
        // A shift by 64 gives 0.
        length <= 64
            ? high << UInt64(length) == 0 && low == 0 : low << UInt64(length - 64) == 0
    }

    func contains(_ other: AddressBlock) -> Bool {
        guard family == other.family, length <= other.length else { return false }
        // The first `length` bits are the same.
        let (highs, lows) = (high ^ other.high, low ^ other.low)
        return length <= 64
            ? highs >> UInt64(64 - length) == 0 : highs == 0 && lows >> UInt64(128 - length) == 0
    }
}

extension AddressBlock: Comparable {
    /// IPv4 first, by address; the wider of two that begin alike first.
    static func < (one: AddressBlock, other: AddressBlock) -> Bool {
        if one.family != other.family { return one.family == .ipv4 }
        return (one.high, one.low, one.length) < (other.high, other.low, other.length)
    }
}

extension AddressBlock: CustomStringConvertible {
    /// As `only_from` takes it: without a length where it is one address.
    var description: String {
        switch family {
        case .ipv4:
            let address = "\(IPv4Address(bits: UInt32(high >> 32)))"
            return length == 32 ? address : "\(address)/\(length)"
        case .ipv6:
            let address = "\(IPv6Address(high: high, low: low))"
            return length == 128 ? address : "\(address)/\(length)"
        }
    }
}
