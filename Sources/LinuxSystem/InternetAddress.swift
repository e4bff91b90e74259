internal import Glibc

/// An IPv4 address, as its 32 bits in host order.
package struct IPv4Address: Hashable, Sendable {
    package var bits: UInt32

    package init(bits: UInt32) { self.bits = bits }

    package static let any = IPv4Address(bits: 0)
    package static let loopback = IPv4Address(bits: 0x7f00_0001)

    /// Dotted quad only (inet_pton(3)); nothing else that inet_aton would guess at.
    package init?(_ text: some StringProtocol) {
        var address = in_addr()
        guard unsafe inet_pton(AF_INET, String(text), &address) == 1 else { return nil }
        bits = UInt32(bigEndian: address.s_addr)
    }
}

extension IPv4Address: CustomStringConvertible {
    /// Written by hand: the environment of each process that is started has it several times.
    package var description: String {
        unsafe String(unsafeUninitializedCapacity: 15) { text in
            var end = 0
            func put(_ byte: UInt8) {
                unsafe text[end] = byte
                end += 1
            }
            for shift in stride(from: 24, through: 0, by: -8) {
                let number = UInt8(truncatingIfNeeded: bits >> shift)
                if number >= 100 { put(UInt8(ascii: "0") + number / 100) }
                if number >= 10 { put(UInt8(ascii: "0") + number / 10 % 10) }
                put(UInt8(ascii: "0") + number % 10)
                if shift > 0 { put(UInt8(ascii: ".")) }
            }
            return end
        }
    }
}

/// An IPv6 address, as two halves in host order.
package struct IPv6Address: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static let any = IPv6Address(high: 0, low: 0)
    package static let loopback = IPv6Address(high: 0, low: 1)

    /// The forms of RFC 4291, without a zone.
    package init?(_ text: some StringProtocol) {
        var address = in6_addr()
        guard unsafe inet_pton(AF_INET6, String(text), &address) == 1 else { return nil }
        self.init(address)
    }

    init(_ address: in6_addr) {
        (high, low) = unsafe withUnsafeBytes(of: address) { bytes in
            (
                UInt64(bigEndian: unsafe bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    var native: in6_addr {
        var address = in6_addr()
        unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
            unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return address
    }

    /// The IPv4 address inside `::ffff:a.b.c.d`, which is what a dual-stack socket shows for an IPv4 peer.
    package var mapped: IPv4Address? {
        high == 0 && low >> 32 == 0xffff ? IPv4Address(bits: UInt32(truncatingIfNeeded: low)) : nil
    }
}

extension IPv6Address: CustomStringConvertible {
    /// RFC 5952 text.
    package var description: String {
        var address = native
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            guard let start = buffer.baseAddress,
                unsafe inet_ntop(AF_INET6, &address, start, socklen_t(INET6_ADDRSTRLEN)) != nil
            else { return "?" }
            return unsafe String(cString: start)
        }
    }
}
