internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Where listeners get their sockets from, and what they give them back to: it has the rights to bind.
protocol ListenerSupply: AnyObject {
    /// The socket for an endpoint: one that was passed for it, or a new one.
    ///
    /// - Parameter last: Where it was bound before. A port that the kernel gave is kept.
    func open(_ endpoint: Endpoint, lastAt last: SocketAddress?) throws(SocketBinding.Failure) -> OpenedListener
    /// Takes `endpoint`'s socket back, and removes its file, unless somebody else holds it or it is to stay.
    func close(_ socket: consuming OwnedDescriptor, of endpoint: Endpoint, _ keeping: ListenerKeeping)
    /// `LiveSettings.change`.
    func change(_ socket: FileDescriptor, from old: Endpoint, to new: Endpoint, at address: SocketAddress) -> [String]
    /// A listener of the program before goes on.
    func goesOnKeeping(_ keeping: ListenerKeeping)
}

/// A bound socket, and who else holds it.
struct OpenedListener {
    let socket: DescriptorBox
    let keeping: ListenerKeeping
}

/// Who else holds a listener's socket.
enum ListenerKeeping: Equatable {
    case nobody
    /// The service manager, under a name, until it is told otherwise.
    case stored(String)
    /// The socket unit that it is of.
    case unit
}

extension Endpoint {
    /// Where it is to be bound when it was bound at `last` before.
    func at(_ last: SocketAddress?) -> Endpoint {
        guard address.port == 0, let last else { return self }
        var endpoint = self
        endpoint.address = last
        return endpoint
    }
}
