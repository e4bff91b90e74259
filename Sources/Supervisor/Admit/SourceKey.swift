internal import LinuxSystem
internal import ServiceTable

/// What counts as one source.
enum SourceKey: Hashable {
    /// An address behind its prefix (`source_prefix`), IPv4-mapped ones as IPv4.
    case block(AddressBlock)
    case user(UInt32)
    case machine(UInt32)
    /// A Unix peer of whom no user is known.
    case nobody

    init(_ subject: AdmissionSubject, prefix: SourcePrefix) {
        switch subject.source {
        case .ipv4, .ipv6:
            let block = AddressBlock(subject.source) ?? AddressBlock()
            self = .block(block.widened(to: block.isIPv4 ? prefix.ipv4 : prefix.ipv6))
        case .vsock(let cid, _): self = .machine(cid)
        case .unix, .abstract: self = subject.credentials.map { .user($0.uid) } ?? .nobody
        }
    }
}

extension AddressBlock {
    /// The block of this length around it.
    func widened(to length: Int) -> AddressBlock {
        AddressBlock(isIPv4: isIPv4, high: high, low: low, length: min(length, self.length))
    }

    func contains(_ address: SocketAddress) -> Bool {
        guard let other = AddressBlock(address), other.isIPv4 == isIPv4 else { return false }
        return other.widened(to: length) == self
    }
}
