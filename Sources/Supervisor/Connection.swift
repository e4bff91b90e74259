internal import HandoffProtocol
internal import LinuxSystem
internal import SystemPackage

/// What is known of an accepted socket: it stays with the connection on every way it takes.
struct ConnectionOrigin {
    /// The number in `BATON_CONNECTION`, in BATON messages and in events; never used twice.
    let number: UInt64
    /// The other end: by the PROXY header where there is one, else the socket's own.
    var peer: SocketAddress
    let kind: Kind
    /// The listener's name.
    let listener: String
    /// By `EventLoop.now`.
    let accepted: Duration
    /// This end's address by the PROXY header; nil when getsockname(2) tells the truth.
    var statedLocal: SocketAddress?
    /// Bytes have moved on it already: a header, a line, a banner.
    var isTouched = false
    /// Bytes that were read from the stream and stand before what is still in it.
    var drained: [UInt8] = []
    /// What the drained bytes count against.
    var drainedRoom: Place?
    /// How often handlers have passed it on.
    var passes = 0
    /// The handler that passed it to another one of its service.
    var avoids: UInt64?
    /// A handler has had it, and may have kept a copy: it can change what lives in the open file description.
    var isShared = false
    /// Handlers that died while it was the only one that they had not acknowledged.
    var deliveries = 0
    /// What it counts against in its service. Whoever keeps the origin keeps the place: it is given back when the
    /// last copy goes, whatever way the connection took.
    var place: Place?

    enum Kind: CaseIterable {
        case tcp, unix, vsock

        init(_ peer: SocketAddress) {
            switch peer {
            case .ipv4, .ipv6: self = .tcp
            case .unix, .abstract: self = .unix
            case .vsock: self = .vsock
            }
        }
    }

    /// What tells a handler who the client is, where the socket does not.
    var statedHeader: [UInt8] {
        statedLocal.map { StatedAddresses(source: peer, destination: $0).header.encoded } ?? []
    }

    /// This end's address.
    func local(_ socket: FileDescriptor) -> SocketAddress? {
        statedLocal ?? (try? Socket.localAddress(of: socket))
    }
}
