package import LinuxSystem

/// The `redirect` key: bytes are relayed to another address.
package struct Redirect: Hashable, Sendable {
    /// What the target's name stood for when the table was read, at least one; tried in order.
    package var addresses: [SocketAddress] = []
    /// The header that tells the target who the client is; nil: none.
    package var proxyHeader: ProxyHeaderVersion?

    init() {}

    package init(addresses: [SocketAddress], proxyHeader: ProxyHeaderVersion? = nil) {
        self.addresses = addresses
        self.proxyHeader = proxyHeader
    }
}

/// Versions of the PROXY protocol, by the table's words.
package enum ProxyHeaderVersion: String, Hashable, Sendable, CaseIterable {
    case v1, v2
}

extension Redirect: Coded {
    mutating func code(with coder: inout FieldCoder) {
        coder.array(&addresses)
        coder.optional(&proxyHeader)
    }
}

extension ProxyHeaderVersion: Coded {
    init() { self = .v1 }
    mutating func code(with coder: inout FieldCoder) { coder.enumeration(&self) }
}
