/// A PROXY protocol header, version 2 (haproxy's proxy-protocol.txt, section 2.2): the addresses that a
/// connection had before something stood between. Numbers are in host order.
package enum ProxyHeader: Hashable, Sendable {
    /// The sender speaks for itself, or the family is one that the header cannot name (AF_VSOCK): the
    /// socket's own addresses are the right ones.
    case local
    case tcp4(source: Address4, destination: Address4)
    case tcp6(source: Address6, destination: Address6)
    /// The bytes of `sun_path` without padding: empty for an unnamed socket, a leading NUL for an abstract
    /// name; at most 108.
    case unix(source: [UInt8], destination: [UInt8])

    /// An IPv4 address and port.
    package struct Address4: Hashable, Sendable {
        package var bits: UInt32
        package var port: UInt16

        package init(bits: UInt32, port: UInt16) {
            self.bits = bits
            self.port = port
        }
    }

    /// An IPv6 address, as two halves, and port.
    package struct Address6: Hashable, Sendable {
        package var high: UInt64
        package var low: UInt64
        package var port: UInt16

        package init(high: UInt64, low: UInt64, port: UInt16) {
            self.high = high
            self.low = low
            self.port = port
        }
    }

    /// Why bytes are no header.
    package enum Fault: Error, Hashable, Sendable {
        case truncated
        case badSignature
        case badVersion(UInt8)
        case unknownFamily(UInt8)
        /// The address block is shorter than its family needs.
        case shortAddresses
        /// Bytes follow the header's end.
        case trailingBytes
    }
}

extension ProxyHeader {
    package static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
    /// Signature, version and command, family, length of the rest.
    package static let prefixSize = 16
    /// The longest addresses: two Unix paths.
    package static let longestAddresses = 2 * unixPathSize
    static let unixPathSize = 108

    /// The header's bytes, without TLVs. A Unix path over 108 bytes is cut, as the kernel's own field is.
    package var encoded: [UInt8] {
        var bytes = Self.signature
        switch self {
        case .local:
            bytes += [0x20, 0x00]
            bytes.append(networkOrder: UInt16(0))
        case .tcp4(let source, let destination):
            bytes += [0x21, 0x11]
            bytes.append(networkOrder: UInt16(12))
            bytes.append(networkOrder: source.bits)
            bytes.append(networkOrder: destination.bits)
            bytes.append(networkOrder: source.port)
            bytes.append(networkOrder: destination.port)
        case .tcp6(let source, let destination):
            bytes += [0x21, 0x21]
            bytes.append(networkOrder: UInt16(36))
            for address in [source, destination] {
                bytes.append(networkOrder: address.high)
                bytes.append(networkOrder: address.low)
            }
            bytes.append(networkOrder: source.port)
            bytes.append(networkOrder: destination.port)
        case .unix(let source, let destination):
            bytes += [0x21, 0x31]
            bytes.append(networkOrder: UInt16(2 * Self.unixPathSize))
            for path in [source, destination] {
                let kept = path.prefix(Self.unixPathSize)
                bytes += kept
                bytes += repeatElement(0, count: Self.unixPathSize - kept.count)
            }
        }
        return bytes
    }

    /// Reads a whole header: exactly these bytes. TLVs after the addresses are passed over.
    package init(decoding bytes: Span<UInt8>) throws(Fault) {
        let (header, length) = try Self.decodePrefix(of: bytes)
        guard length == bytes.count else { throw .trailingBytes }
        self = header
    }

    /// Reads the header at the beginning of `bytes`; answers its length too. `truncated` means that more
    /// bytes could still make it one. Families and transports that have no stream addresses here (datagrams,
    /// unspecified) count as `local`.
    package static func decodePrefix(of bytes: Span<UInt8>) throws(Fault) -> (header: ProxyHeader, length: Int) {
        let prefix = try Prefix(decoding: bytes)
        let length = prefixSize + prefix.blockLength
        guard bytes.count >= length else { throw .truncated }
        return (try ProxyHeader(prefix, block: bytes.extracting(prefixSize..<length)), length)
    }

    /// The first 16 bytes of a header.
    package struct Prefix: Hashable, Sendable {
        let isLocal: Bool
        let family: UInt8
        /// Bytes that follow: addresses and TLVs.
        package let blockLength: Int

        /// Reads as much as is there: bytes that cannot begin a header fail before all 16 have come.
        package init(decoding bytes: Span<UInt8>) throws(Fault) {
            for index in 0..<min(bytes.count, signature.count) where bytes[index] != signature[index] {
                throw .badSignature
            }
            guard bytes.count >= prefixSize else { throw .truncated }
            let versionAndCommand = bytes[12]
            guard versionAndCommand == 0x20 || versionAndCommand == 0x21 else { throw .badVersion(versionAndCommand) }
            isLocal = versionAndCommand == 0x20
            family = bytes[13]
            let length: UInt16 = bytes.networkInteger(at: 14)
            blockLength = Int(length)
        }
    }

    /// - Parameter block: What follows the prefix, at least as far as its addresses go.
    package init(_ prefix: Prefix, block: Span<UInt8>) throws(Fault) {
        self = prefix.isLocal ? .local : try Self.addresses(family: prefix.family, block)
    }

    private static func addresses(family: UInt8, _ block: Span<UInt8>) throws(Fault) -> ProxyHeader {
        switch family {
        case 0x00, 0x12, 0x22, 0x32:
            return .local
        case 0x11:
            guard block.count >= 12 else { throw .shortAddresses }
            return .tcp4(
                source: Address4(bits: block.networkInteger(at: 0), port: block.networkInteger(at: 8)),
                destination: Address4(bits: block.networkInteger(at: 4), port: block.networkInteger(at: 10)))
        case 0x21:
            guard block.count >= 36 else { throw .shortAddresses }
            return .tcp6(
                source: Address6(
                    high: block.networkInteger(at: 0), low: block.networkInteger(at: 8),
                    port: block.networkInteger(at: 32)),
                destination: Address6(
                    high: block.networkInteger(at: 16), low: block.networkInteger(at: 24),
                    port: block.networkInteger(at: 34)))
        case 0x31:
            guard block.count >= 2 * unixPathSize else { throw .shortAddresses }
            return .unix(source: unixPath(block, at: 0), destination: unixPath(block, at: unixPathSize))
        default:
            throw .unknownFamily(family)
        }
    }

    /// Padding is NUL; an abstract name begins with one and may have more inside, so only those at the end
    /// are cut.
    private static func unixPath(_ block: Span<UInt8>, at offset: Int) -> [UInt8] {
        var path = block.bytes(offset..<(offset + unixPathSize))
        while path.last == 0 { path.removeLast() }
        return path
    }
}

extension ProxyHeader.Fault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated: "it is cut short"
        case .badSignature: "its signature is wrong"
        case .badVersion(let byte): "version and command \(byte) are not those of version 2"
        case .unknownFamily(let byte): "unknown family and protocol \(byte)"
        case .shortAddresses: "its addresses are cut short"
        case .trailingBytes: "bytes follow it"
        }
    }
}
