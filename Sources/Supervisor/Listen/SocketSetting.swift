internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

/// One option of a socket as the table has it, set before bind.
///
/// Connections inherit from their listener what is set here, measured on Linux 6.18, but for SO_PRIORITY, which
/// `SocketBinding.accept` sets, and for what makes no sense on a connection.
struct SocketSetting: Equatable {
    /// The table's key and the kernel's name: what a failure is called.
    let name: String
    private let value: Value

    private enum Value: Equatable {
        case number(SocketOption, Int)
        case text(SocketOption, String)
        case join(MulticastGroup)
    }

    func apply(to socket: FileDescriptor) throws(SocketBinding.Failure) {
        try SocketBinding.step(name) { () throws(Errno) in
            switch value {
            case .number(let option, let number): try Socket.set(option, number, on: socket)
            case .text(let option, let text): try Socket.set(option, text, on: socket)
            case .join(let group): try group.join(on: socket)
            }
        }
    }

    /// Gives the socket what it would have without this option: what one of its kind has from birth.
    func undo(on socket: FileDescriptor, like fresh: FileDescriptor) throws(SocketBinding.Failure) {
        try SocketBinding.step(name) { () throws(Errno) in
            switch value {
            // Once it was set, its size is fixed; the kernel has no way back.
            case .number(.receiveBuffer, _), .number(.sendBuffer, _): throw .notSupported
            case .number(let option, _): try Socket.set(option, Socket.value(option, of: fresh), on: socket)
            case .text(let option, _): try Socket.set(option, Socket.text(option, of: fresh), on: socket)
            case .join(let group): try group.leave(on: socket)
            }
        }
    }

    /// The kernel changes `other` when this one is set.
    func disturbs(_ other: SocketSetting) -> Bool {
        guard case .number(let option, _) = value, case .number(.priority, _) = other.value else { return false }
        return option == .typeOfService || option == .trafficClass
    }

    /// All that `endpoint` asks for, in order, on a socket to be bound to `address`: its own, or the IPv4 wildcard
    /// where there is no IPv6.
    static func all(of endpoint: Endpoint, at address: SocketAddress) -> [SocketSetting] {
        var list = SocketSettingList(endpoint, at: address)
        list.addBinding()
        list.addNetwork()
        list.addTransport()
        list.addGroups()
        return list.settings
    }

    /// Those of them that a socket takes that is bound already.
    static func afterBinding(of endpoint: Endpoint, at address: SocketAddress) -> [SocketSetting] {
        var list = SocketSettingList(endpoint, at: address)
        list.addNetwork()
        list.addTransport()
        return list.settings
    }

    fileprivate init(_ key: String, _ option: SocketOption, _ number: Int) {
        name = "\(key) (\(option.name))"
        value = .number(option, number)
    }

    fileprivate init(_ key: String, _ option: SocketOption, _ text: String) {
        name = "\(key) (\(option.name))"
        value = .text(option, text)
    }

    fileprivate init(_ group: MulticastGroup) {
        name = "multicast \(group.name)"
        value = .join(group)
    }
}

private struct SocketSettingList {
    private let endpoint: Endpoint
    private let isIPv6: Bool
    private(set) var settings: [SocketSetting] = []

    init(_ endpoint: Endpoint, at address: SocketAddress) {
        self.endpoint = endpoint
        isIPv6 = if case .ipv6 = address { true } else { false }
    }

    private var options: SocketOptions { endpoint.options }

    private mutating func add(_ key: String, _ option: SocketOption, _ number: Int?) {
        if let number { settings.append(SocketSetting(key, option, number)) }
    }

    private mutating func add(_ key: String, _ option: SocketOption, _ flag: Bool?) {
        if let flag { settings.append(SocketSetting(key, option, flag ? 1 : 0)) }
    }

    private mutating func add(_ key: String, _ option: SocketOption, _ text: String?) {
        if let text { settings.append(SocketSetting(key, option, text)) }
    }

    /// A socket of IPv6 with V6ONLY off sends IPv4 too, by options of its own.
    private mutating func add(_ key: String, ipv4: SocketOption, ipv6: SocketOption, _ number: Int?) {
        if isIPv6 { add(key, ipv6, number) }
        if !isIPv6 || !endpoint.ipv6Only { add(key, ipv4, number) }
    }

    /// What decides whether and where bind succeeds.
    mutating func addBinding() {
        if isIPv6 { add("ipv6_only", .ipv6Only, endpoint.ipv6Only) }
        // On TCP it lets a restart bind while old connections linger in TIME_WAIT. On UDP it would let
        // another process share the port.
        if endpoint.kind == .tcp { add("reuse_address", .reuseAddress, true) }
        if options.reusePort { add("reuse_port", .reusePort, true) }
        if options.freeBind { add("free_bind", isIPv6 ? .freeBind6 : .freeBind, true) }
        if options.transparent { add("transparent", isIPv6 ? .transparent6 : .transparent, true) }
        add("interface", .interface, options.interface)
    }

    mutating func addNetwork() {
        add("mark", .mark, options.mark.map { Int(Int32(bitPattern: $0)) })
        add("tos", ipv4: .typeOfService, ipv6: .trafficClass, options.tos)
        // After tos, which has a priority in its wake (ip(7)).
        add("priority", .priority, options.priority)
        add("ttl", ipv4: .timeToLive, ipv6: .hopLimit, options.ttl)
        if options.broadcast { add("broadcast", .broadcast, true) }
        add("receive_buffer", .receiveBuffer, options.receiveBuffer)
        add("send_buffer", .sendBuffer, options.sendBuffer)
    }

    mutating func addTransport() {
        add("keep_alive", .keepAlive, options.keepAlive.isOn)
        add("keep_alive.idle", .keepAliveIdle, options.keepAlive.idle)
        add("keep_alive.interval", .keepAliveInterval, options.keepAlive.interval)
        add("keep_alive.count", .keepAliveCount, options.keepAlive.count)
        add("no_delay", .noDelay, options.noDelay)
        add("defer_accept", .deferAccept, options.deferAccept)
        add("fast_open", .fastOpen, options.fastOpen)
        add("congestion", .congestion, options.congestion)
    }

    mutating func addGroups() {
        for var group in options.multicast {
            // Without IPv6 the socket is one of IPv4, for which there are only these.
            if !isIPv6, case .ipv6 = group.address { continue }
            group.interface = group.interface ?? options.interface
            settings.append(SocketSetting(group))
        }
    }
}

extension MulticastGroup {
    /// The interface is looked up now: one that comes back has another number.
    fileprivate func join(on socket: FileDescriptor) throws(Errno) {
        let index = try interfaceIndex()
        switch address {
        case .ipv4(let address, _): try Socket.join(address, interface: index, on: socket)
        case .ipv6(let address, _, _): try Socket.join(address, interface: index, on: socket)
        default: throw .addressFamilyNotSupported
        }
    }

    fileprivate func leave(on socket: FileDescriptor) throws(Errno) {
        let index = try interfaceIndex()
        switch address {
        case .ipv4(let address, _): try Socket.leave(address, interface: index, on: socket)
        case .ipv6(let address, _, _): try Socket.leave(address, interface: index, on: socket)
        default: throw .addressFamilyNotSupported
        }
    }

    private func interfaceIndex() throws(Errno) -> UInt32 {
        guard let interface else { return 0 }
        guard let index = InterfaceName.index(of: interface) else { throw .operationNotSupportedByDevice }
        return index
    }
}
