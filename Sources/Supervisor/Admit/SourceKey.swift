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
    func contains(_ address: SocketAddress) -> Bool {
        AddressBlock(address).map { contains($0) } ?? false
    }
}
