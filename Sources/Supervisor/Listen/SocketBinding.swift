internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// Makes the bound (and, for streams, listening) socket of an endpoint.
///
/// A step that the kernel refuses is thrown with its name, so that the log can say which.
enum SocketBinding {
    struct Failure: Error {
        let step: String
        let error: Errno
    }

    static func open(_ endpoint: Endpoint) throws(Failure) -> OwnedDescriptor {
        do {
            return try open(endpoint, at: endpoint.address)
        } catch  where endpoint.anyFamily && endpoint.lacksIPv6(after: failure(error)) {
            guard case .ipv6(_, let port, _) = endpoint.address else { throw error }
            return try open(endpoint, at: .ipv4(.any, port: port))
        }
    }

    private static func failure(_ error: Failure) -> Errno { error.error }

    private static func open(_ endpoint: Endpoint, at address: SocketAddress) throws(Failure) -> OwnedDescriptor {
        // Not yet listening, so nonblocking from birth costs no one: accept must never wait.
        let socket = try step("socket") { () throws(Errno) in
            try Socket.make(family: address.family, endpoint.kind.socketKind, nonblocking: true)
        }
        for setting in SocketSetting.all(of: endpoint, at: address) { try setting.apply(to: socket.borrowed) }
        if case .unix(let path) = address {
            try UnixSocketFile.bind(
                socket.borrowed, path: path, kind: endpoint.kind.socketKind, options: endpoint.options)
        } else {
            try step("bind") { () throws(Errno) in try Socket.bind(socket.borrowed, to: address) }
        }
        if !endpoint.kind.isDatagram {
            try step("listen") { () throws(Errno) in
                try Socket.listen(socket.borrowed, backlog: endpoint.options.backlog)
            }
        }
        return socket
    }

    /// Accepts a connection, with what it does not inherit from its listener.
    static func accept(_ listener: FileDescriptor, priority: Int?) throws(Errno) -> AcceptedSocket {
        let accepted = try Socket.accept(listener)
        // Refused to the listener, it would not be bound.
        if let priority { try? Socket.set(.priority, priority, on: accepted.descriptor.borrowed) }
        return accepted
    }

    static func step<Value: ~Copyable>(
        _ name: String, _ body: () throws(Errno) -> Value
    ) throws(Failure) -> Value {
        do {
            return try body()
        } catch {
            throw Failure(step: name, error: error)
        }
    }
}

extension Endpoint {
    /// It could be bound if its address, or the interface that has it, were there.
    func lacksAddress(after error: Errno) -> Bool {
        guard kind == .tcp || kind == .udp else { return false }
        return error == .addressNotAvailable || error == .operationNotSupportedByDevice
    }

    /// The kernel was built or booted without IPv6, and the endpoint did not ask for it.
    fileprivate func lacksIPv6(after error: Errno) -> Bool {
        error == .addressFamilyNotSupported || error == .addressNotAvailable
    }
}

extension Endpoint.Kind {
    var socketKind: Socket.Kind {
        switch self {
        case .tcp, .unixStream, .vsock: .stream
        case .udp, .unixDatagram: .datagram
        case .unixSequencedPacket: .sequencedPacket
        }
    }

    var originKind: ConnectionOrigin.Kind {
        switch self {
        case .tcp, .udp: .tcp
        case .unixStream, .unixDatagram, .unixSequencedPacket: .unix
        case .vsock: .vsock
        }
    }
}
