package import LinuxSystem

/// Who may come in, and how much ("Who gets in, and how much" in the table's documentation). Nil is unlimited, or
/// no condition.
package struct AdmissionSettings: Hashable, Sendable {
    /// Empty admits nobody.
    package var onlyFrom: [Source]?
    package var noAccess: [Source] = []
    /// `only_from`, `only_users` or `only_groups` is the service's own: sources that it is not made for are on no list.
    /// Those of the defaults say nothing of such sources.
    package var listsAreOwn = false
    /// Open while one of them is; empty is always.
    package var accessTimes: [AccessTime] = []
    /// The one-minute load average above which nobody is admitted, in hundredths.
    package var maxLoad: Int?
    /// Connections held by all persistent handlers and in the queue.
    package var connections: Int?
    /// Connections of one source at once.
    package var perSource: Int? = 64
    package var sourcePrefix = SourcePrefix()
    package var rate: RateLimit?
    package var ratePerSource: RateLimit?
    /// At `instances` or `connections`.
    package var onLimit = WhenFull.wait
    package var onRate = WhenFull.wait
    /// Not `wait`: the others would wait behind it.
    package var onSourceLimit = WhenFull.refuse
    /// The uid or a gid of a Unix peer; both given, either will do.
    package var onlyUsers: [UInt32]?
    package var onlyGroups: [UInt32]?
    /// Sent before a refusal.
    package var busyReply: String?
    package var proxyProtocol: ProxyProtocol?

    package init() {}
}

/// One entry of a source list.
package enum Source: Hashable, Sendable {
    case block(AddressBlock)
    /// Addresses of one family, the ends included.
    case range(from: AddressBlock, to: AddressBlock)
    /// A host, in lower case, with what it stood for when the table was read.
    case host(String, [AddressBlock])
    /// Every host whose confirmed name ends in this, the leading dot included, in lower case.
    case domain(String)
}

/// The addresses that share a prefix. IPv4-mapped IPv6 addresses are IPv4 here (RFC 4291, section 2.5.5.2).
package struct AddressBlock: Hashable, Sendable {
    package var isIPv4 = true
    /// Network order, IPv4 in the upper half of `high`; the bits behind the prefix are 0.
    package var high: UInt64 = 0
    package var low: UInt64 = 0
    /// Bits of the prefix: 0 to `width`.
    package var length = 0

    package init() {}

    package init(isIPv4: Bool, high: UInt64, low: UInt64, length: Int) {
        self.isIPv4 = isIPv4
        self.length = length
        // A shift by 64 or more gives 0.
        self.high = length >= 64 ? high : high & ~(UInt64.max >> UInt64(length))
        self.low = low & ~(UInt64.max >> UInt64(max(0, length - 64)))
    }

    package var width: Int { isIPv4 ? 32 : 128 }
}

/// A span of the week's local time.
package struct AccessTime: Hashable, Sendable {
    /// Bit 0 is Monday, the days on which it begins.
    package var days: UInt8 = 0x7f
    /// Minutes since midnight; `end` is before `begin` where it belongs to the next day.
    package var begin = 0
    package var end = 0

    package init() {}
}

/// How many bits of an address make a source.
package struct SourcePrefix: Hashable, Sendable {
    package var ipv4 = 32
    package var ipv6 = 64

    package init() {}
}

/// So many per time, and so many at once.
package struct RateLimit: Hashable, Sendable {
    package var count = 1
    package var interval = Duration.seconds(1)
    package var burst = 1

    package init() {}

    /// One second's worth at once.
    package init(count: Int, per interval: Duration) {
        self.count = count
        self.interval = interval
        burst = max(1, count / max(1, Int(interval.components.seconds)))
    }
}

/// What becomes of a connection that is one too many.
package enum WhenFull: String, Hashable, Sendable, CaseIterable {
    /// It stays in the backlog.
    case wait
    /// It is closed.
    case refuse
    /// It is closed with RST.
    case reset
}

/// Whose word counts about where a connection comes from.
package struct ProxyProtocol: Hashable, Sendable {
    /// Who must send a header.
    package var from: [AddressBlock] = []
    package var version = Version.any
    package var others = Others.refuse

    package init() {}

    package enum Version: String, Hashable, Sendable, CaseIterable {
        case any, v1, v2
    }

    /// What becomes of a sender that is not in `from`.
    package enum Others: String, Hashable, Sendable, CaseIterable {
        case refuse
        /// Its connections have no header, and its own address counts.
        case plain
    }
}

extension AddressBlock {
    private static let mappedPrefix: UInt64 = 0xffff
    private static let mappedLength = 96

    /// The block of this length around it; itself where it is the wider one.
    package func widened(to length: Int) -> AddressBlock {
        AddressBlock(isIPv4: isIPv4, high: high, low: low, length: min(length, self.length))
    }

    /// Every address of `other` is in this one, too.
    package func contains(_ other: AddressBlock) -> Bool {
        length <= other.length && other.widened(to: length) == self
    }

    /// One address.
    package init?(_ address: SocketAddress) {
        switch address {
        case .ipv4(let address, _): self.init(address)
        case .ipv6(let address, _, _): self.init(address, length: 128)
        case .unix, .abstract, .vsock: return nil
        }
    }

    package init(_ address: IPv4Address, length: Int = 32) {
        self.init(isIPv4: true, high: UInt64(address.bits) << 32, low: 0, length: length)
    }

    /// A block inside the mapped addresses is the IPv4 one.
    package init(_ address: IPv6Address, length: Int) {
        if address.high == 0, address.low >> 32 == Self.mappedPrefix, length >= Self.mappedLength {
            self.init(isIPv4: true, high: address.low << 32, low: 0, length: length - Self.mappedLength)
        } else {
            self.init(isIPv4: false, high: address.high, low: address.low, length: length)
        }
    }
}
