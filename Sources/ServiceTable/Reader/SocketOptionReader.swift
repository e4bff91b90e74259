internal import LinuxSystem

/// The options of a socket, each with the endpoints that it fits.
enum SocketOptionReader {
    static let keys: [(fit: OptionFit, key: Key<EndpointDraft>)] = network + transport + file

    private static let network: [(fit: OptionFit, key: Key<EndpointDraft>)] = [
        (.stream, Key("backlog", \.options.backlog, .number(1...Int(Int32.max)).or("unlimited", Int(Int32.max)))),
        (.internet, Key("reuse_port", \.options.reusePort, .boolean)),
        (.ipv6, Key("ipv6_only", \.ipv6Only, Kind.boolean.map { $0 })),
        (.internet, Key("interface", \.options.interface, interface.map { $0 })),
        (.internet, Key("free_bind", \.options.freeBind, .boolean)),
        (.internet, Key("transparent", \.options.transparent, .boolean)),
        (.internet, Key("mark", \.options.mark, Kind.number(0...UInt32.max).map { $0 })),
        (.internet, Key("priority", \.options.priority, Kind.number(0...15).map { $0 })),
        (.internet, Key("tos", \.options.tos, Kind.number(0...255).map { $0 })),
        (.internet, Key("ttl", \.options.ttl, Kind.number(1...255).map { $0 })),
        (.udp, Key("broadcast", \.options.broadcast, .boolean)),
        (.udp, Key("multicast", \.options.multicast, .list(of: multicastGroup))),
    ]

    private static let transport: [(fit: OptionFit, key: Key<EndpointDraft>)] = [
        (.tcp, Key("keep_alive", \.options.keepAlive, keepAlive)),
        (.tcp, Key("no_delay", \.options.noDelay, Kind.boolean.map { $0 })),
        // The kernel counts retransmissions in a byte, and those of a minute and more come a minute apart.
        (.tcp, Key("defer_accept", \.options.deferAccept, seconds(upTo: 3600).map { $0 })),
        (.tcp, fastOpen),
        (.tcp, Key("congestion", \.options.congestion, congestion.map { $0 })),
        (.all, Key("receive_buffer", \.options.receiveBuffer, bytes)),
        (.all, Key("send_buffer", \.options.sendBuffer, bytes)),
    ]

    private static let file: [(fit: OptionFit, key: Key<EndpointDraft>)] = [
        (.file, Key("mode", \.options.mode, Kind.octal(upTo: 0o777).map { $0 })),
        (.file, Key("owner", \.options.owner, Kind.user.map { $0.uid })),
        (.file, Key("group", \.options.group, Kind.group.map { $0 })),
        (.file, Key("directory_mode", \.options.directoryMode, .octal(upTo: 0o7777))),
        (.file, Key("remove_on_stop", \.options.removeOnStop, .boolean)),
    ]

    private static let bytes = Kind<UInt64>.size(upTo: UInt64(Int32.max)).map { Optional(Int($0)) }

    /// What TCP's timers take.
    private static func seconds(upTo most: Int) -> Kind<Int> {
        Kind<Duration>.positiveDuration.checked("it is counted in whole seconds, and \(most)s is the most") {
            $0.components.attoseconds == 0 && $0 <= .seconds(most)
        }.map { Int($0.components.seconds) }
    }

    private static let keepAlive = Kind<SocketOptions.KeepAlive>.mapping(
        Kind.mapping(
            Section(
                "keep_alive",
                [
                    Key("idle", \.idle, seconds(upTo: 32767).map { $0 }),
                    Key("interval", \.interval, seconds(upTo: 32767).map { $0 }),
                    Key("count", \.count, Kind.number(1...127).map { $0 }),
                ]), from: SocketOptions.KeepAlive(isOn: true)),
        or: Kind.boolean.map { SocketOptions.KeepAlive(isOn: $0) })

    private static let fastOpen = Key<EndpointDraft>("fast_open", Kind.number(1...65535)) { length, cursor, draft in
        draft.options.fastOpen = length
        guard cursor.reading.resolving, !CongestionControl.allowsFastOpen else { return }
        cursor.warn("it has no effect: net.ipv4.tcp_fastopen on this machine does not have bit 2, for servers")
    }

    private static let congestion = Kind<String>("the name of a congestion control algorithm", .text(".{1,15}")) {
        cursor, expected in
        guard let name = cursor.node.text, (1...15).contains(name.utf8.count) else {
            cursor.unexpected(expected)
            return nil
        }
        guard cursor.reading.resolving, let refusal = CongestionControl.refusal(of: name) else { return name }
        switch refusal {
        case .unknown:
            let known = CongestionControl.available
            cursor.fault(
                "this kernel has no congestion control algorithm \(name.quotable)"
                    + (known.isEmpty ? "" : "; it has \(known.joined(separator: ", "))"))
        case .other(let reason):
            cursor.fault("the kernel refuses the congestion control algorithm \(name.quotable): \(reason)")
        }
        return nil
    }

    private static let interfaceName = "[^\\s/%]{1,15}"
    private static let interface = Kind<String>("the name of an interface", .text(interfaceName)) { cursor, expected in
        guard let name = cursor.node.text, isInterface(name) else {
            cursor.unexpected(expected)
            return nil
        }
        return exists(name, cursor) ? name : nil
    }

    private static func isInterface(_ name: some StringProtocol) -> Bool {
        (1...15).contains(name.utf8.count) && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x2f && $0 != 0x25 }
    }

    private static func exists(_ interface: String, _ cursor: Cursor) -> Bool {
        guard cursor.reading.resolving, InterfaceName.index(of: interface) == nil else { return true }
        cursor.fault("there is no interface \(interface.quotable) on this machine")
        return false
    }

    private static let multicastGroup = Kind<MulticastGroup>(
        "a multicast address (224.0.0.0/4 or ff00::/8), with %INTERFACE behind it if need be",
        .string("(2(2[4-9]|3[0-9])\\.[0-9.]+|[Ff]{2}[0-9A-Fa-f:.]+)(%\(interfaceName))?")
    ) { cursor, expected in
        let parts = (cursor.node.text ?? "").split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap(multicastAddress), parts.count == 1 || isInterface(parts[1]) else {
            cursor.unexpected(expected)
            return nil
        }
        let interface = parts.count == 2 ? String(parts[1]) : nil
        if let interface, !exists(interface, cursor) { return nil }
        return MulticastGroup(address: address, interface: interface)
    }

    private static func multicastAddress(_ text: Substring) -> SocketAddress? {
        if let address = IPv4Address(text) { return address.bits >> 28 == 0xe ? .ipv4(address, port: 0) : nil }
        guard let address = IPv6Address(text), address.high >> 56 == 0xff else { return nil }
        return .ipv6(address, port: 0)
    }
}

extension Endpoint {
    /// A group of the other family cannot be joined; IPv4 ones can on a dual-stack socket.
    func canJoin(_ group: MulticastGroup) -> Bool {
        switch (address, group.address) {
        case (.ipv4, .ipv4), (.ipv6, .ipv6): true
        case (.ipv6, .ipv4): !ipv6Only
        default: false
        }
    }
}
