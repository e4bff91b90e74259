internal import LinuxSystem
internal import SystemPackage

/// What is known of an accepted socket: it stays with the connection on every way it takes.
struct ConnectionOrigin {
    /// The number in `BATON_CONNECTION`, in BATON messages and in events; never used twice.
    let number: UInt64
    let peer: SocketAddress
    let kind: Kind
    /// The listener's name.
    let listener: String
    /// By `EventLoop.now`.
    let accepted: Duration

    enum Kind {
        case tcp, unix, vsock
    }
}

/// An accepted socket on its way, with exactly one owner.
struct Connection: ~Copyable {
    var descriptor: OwnedDescriptor
    let origin: ConnectionOrigin
}
