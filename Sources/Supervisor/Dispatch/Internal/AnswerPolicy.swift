internal import ControlProtocol
internal import LinuxSystem

/// Whether a datagram to an internal service is answered. A source can be forged: an answer may go to
/// somebody who never asked, or to another small service that answers in turn, for ever (CERT CA-1996-01).
struct AnswerPolicy {
    private let limits: InternalLimits
    private var service: AnswerBucket
    /// By source; a bucket that is full again is as good as none.
    private var sources: [SocketAddress: AnswerBucket] = [:]

    /// Sources in the table.
    var knownSources: Int { sources.count }

    enum Verdict: Equatable {
        case answer
        /// There is nobody to answer to.
        case ignore
        case drop(DropReason)
    }

    init(limits: InternalLimits = .standard, at now: Duration) {
        self.limits = limits
        service = AnswerBucket(at: now)
    }

    /// - Parameter source: Nil for a Unix-domain socket that is not bound.
    mutating func verdict(on source: SocketAddress?, internalPorts: InternalPorts, at now: Duration) -> Verdict {
        guard let source, source != .unix(path: "") else { return .ignore }
        guard !source.mayLoop(internalPorts) else { return .drop(.loop) }
        return take(source.network, at: now) ? .answer : .drop(.rate)
    }

    /// Takes an answer from the source's rate and the service's, or from neither. The service's is asked
    /// first, so that forged sources fill the table no faster than that.
    private mutating func take(_ source: SocketAddress, at now: Duration) -> Bool {
        guard service.hasRoom(limits.serviceRate, at: now) else { return false }
        if sources[source] == nil, sources.count >= limits.sources {
            sources = sources.filter { $0.value.full > now }
            guard sources.count < limits.sources else { return false }
        }
        var bucket = sources[source] ?? AnswerBucket(at: now)
        guard bucket.hasRoom(limits.sourceRate, at: now) else { return false }
        bucket.take(limits.sourceRate, at: now)
        service.take(limits.serviceRate, at: now)
        sources[source] = bucket
        return true
    }
}

extension SocketAddress {
    /// Whether an answer to this address could be answered again. The small services and all that matter
    /// have ports below 1024; our own may be bound to any.
    fileprivate func mayLoop(_ internalPorts: InternalPorts) -> Bool {
        guard let port = udpPort else { return false }
        return port < 1024 || internalPorts.contains(port) || !isOneHost
    }

    /// Not multicast, broadcast or unspecified. The broadcast address of a network looks like any other;
    /// the kernel sends nothing there, for SO_BROADCAST is not set (socket(7)).
    private var isOneHost: Bool {
        switch normalized {
        case .ipv4(let address, _):
            return address.isOneHost
        case .ipv6(let address, _, _):
            if address == .any || address.high >> 56 == 0xff { return false }
            // ::a.b.c.d, RFC 4291 2.5.5.1.
            let isCompatible = address.high == 0 && address.low >> 32 == 0 && address != .loopback
            return !isCompatible || IPv4Address(bits: UInt32(truncatingIfNeeded: address.low)).isOneHost
        case .unix, .abstract, .vsock:
            return true
        }
    }

    /// What counts as one source: an IPv6 network of 64 bits, which is one customer's, or an IPv4 address.
    fileprivate var network: SocketAddress {
        switch normalized {
        case .ipv4(let address, _): .ipv4(address, port: 0)
        case .ipv6(let address, _, _): .ipv6(IPv6Address(high: address.high, low: 0), port: 0)
        case .unix, .abstract, .vsock: self
        }
    }
}

extension IPv4Address {
    /// Neither 0.0.0.0/8 nor 224.0.0.0 and above: multicast, reserved, broadcast.
    fileprivate var isOneHost: Bool {
        bits >> 24 != 0 && bits >> 24 < 224
    }
}
