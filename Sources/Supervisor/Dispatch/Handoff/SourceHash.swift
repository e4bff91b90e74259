internal import LinuxSystem
internal import SystemPackage

/// A number for where a connection comes from: its peer's address without the port, a Unix peer's uid, a vsock
/// peer's CID. The same in every run, so that a source finds its handler again after a restart of ours.
enum SourceHash {
    static func of(_ peer: SocketAddress, socket: FileDescriptor?) -> UInt64 {
        switch peer {
        // As IPv4-mapped IPv6, which a socket for both families reports.
        case .ipv4(let address, _): mix(mix(0) ^ (0xffff_0000_0000 | UInt64(address.bits)))
        case .ipv6(let address, _, _): mix(mix(address.high) ^ address.low)
        case .vsock(let cid, _): mix(UInt64(cid))
        case .unix, .abstract:
            mix(UInt64(socket.flatMap { try? Socket.peerCredentials(of: $0) }?.uid ?? .max))
        }
    }

    /// The finalizer of splitmix64: each bit of the result depends on each bit of `value`.
    static func mix(_ value: UInt64) -> UInt64 {
        var bits = value &+ 0x9e37_79b9_7f4a_7c15
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }
}
