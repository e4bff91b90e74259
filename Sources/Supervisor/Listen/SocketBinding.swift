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
        try apply(endpoint, to: socket.borrowed)
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

    private static func apply(_ endpoint: Endpoint, to socket: FileDescriptor) throws(Failure) {
        for (option, value) in endpoint.socketOptions {
            try step(option.name) { () throws(Errno) in try Socket.set(option, value, on: socket) }
        }
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
    /// The options to set before bind, in order.
    fileprivate var socketOptions: [(SocketOption, Int)] {
        var settings: [(SocketOption, Int)] = []
        func add(_ option: SocketOption, _ flag: Bool?) {
            if let flag { settings.append((option, flag ? 1 : 0)) }
        }
        func add(_ option: SocketOption, _ value: Int?) {
            if let value { settings.append((option, value)) }
        }
        let isIPv6 = if case .ipv6 = address { true } else { false }
        if isIPv6 { add(.ipv6Only, ipv6Only) }
        // On TCP it lets a restart bind while old connections linger in TIME_WAIT. On UDP it would let
        // another process share the port.
        if kind == .tcp { add(.reuseAddress, true) }
        if options.reusePort { add(.reusePort, true) }
        if options.freeBind { add(isIPv6 ? .freeBind6 : .freeBind, true) }
        add(.keepAlive, options.keepAlive)
        add(.noDelay, options.noDelay)
        add(.receiveBuffer, options.receiveBuffer)
        add(.sendBuffer, options.sendBuffer)
        return settings
    }

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
