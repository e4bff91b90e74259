package import LinuxSystem

/// An address to bind, with the options of its socket.
package struct Endpoint: Hashable, Sendable {
    /// The listener's name: the endpoint's own, else its service's.
    package var name = ""
    package var kind = Kind.tcp
    /// What to bind: one address. `*` without a family is the IPv6 wildcard with `ipv6Only` false.
    package var address = SocketAddress.ipv6(.any, port: 0)
    /// The value for IPV6_V6ONLY, which is always set explicitly on an IPv6 socket.
    package var ipv6Only = false
    /// The endpoint named no address family (`8080`, `tcp://*:80`): where the kernel has no IPv6, the IPv4
    /// wildcard is bound instead.
    package var anyFamily = false
    @Shared package var options = SocketOptions()

    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case tcp, udp
        case unixStream = "unix"
        case unixDatagram = "unix+dgram"
        case unixSequencedPacket = "unix+seqpacket"
        case vsock

        package var isDatagram: Bool { self == .udp || self == .unixDatagram }
        /// In the file system or the abstract namespace.
        package var isUnix: Bool { self == .unixStream || self == .unixDatagram || self == .unixSequencedPacket }
    }
}

extension Endpoint {
    /// What a socket is bound to: nothing of it can be changed any more, and who has all of it in common is one socket.
    package struct Place: Hashable, Sendable {
        private let kind: Kind
        private let address: SocketAddress
        private let ipv6Only: Bool

        fileprivate init(_ endpoint: Endpoint) {
            kind = endpoint.kind
            address = endpoint.address
            if case .ipv6 = endpoint.address { ipv6Only = endpoint.ipv6Only } else { ipv6Only = false }
        }
    }

    package var place: Place { Place(self) }
}

extension Endpoint {
    /// A value to read into.
    package static var blank: Endpoint { Endpoint() }
}

extension Endpoint {
    /// What endpoints have in common is shared by them.
    mutating func codeOptions(with coder: inout FieldCoder, after previous: Endpoint) {
        coder.repeated(&_options, after: previous._options)
    }
}
