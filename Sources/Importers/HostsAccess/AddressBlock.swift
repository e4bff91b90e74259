internal import LinuxSystem
internal import ServiceTable

extension AddressBlock {
    static let everyone = [
        AddressBlock(IPv4Address.any, length: 0), AddressBlock(IPv6Address.any, length: 0),
    ]

    /// Which of two comes first in a list: IPv4, then by address, then the wider of two that begin alike.
    static func comesFirst(_ one: AddressBlock, _ other: AddressBlock) -> Bool {
        if one.isIPv4 != other.isIPv4 { return one.isIPv4 }
        return (one.high, one.low, one.length) < (other.high, other.low, other.length)
    }

    /// As `only_from` takes it: without a length where it is one address.
    var text: String {
        let address = isIPv4 ? "\(IPv4Address(bits: UInt32(high >> 32)))" : "\(IPv6Address(high: high, low: low))"
        return length == width ? address : "\(address)/\(length)"
    }
}
