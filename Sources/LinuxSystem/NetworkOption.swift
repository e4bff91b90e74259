internal import CLinux
internal import Glibc
package import SystemPackage

private let tcp = Int32(IPPROTO_TCP)
private let ip = Int32(IPPROTO_IP)
private let ipv6 = Int32(IPPROTO_IPV6)

extension SocketOption {
    /// The name of the one interface that a socket uses.
    package static let interface = SocketOption(name: "SO_BINDTODEVICE", level: SOL_SOCKET, number: SO_BINDTODEVICE)
    package static let mark = SocketOption(name: "SO_MARK", level: SOL_SOCKET, number: SO_MARK)
    /// Not inherited by accepted sockets, and changed by `tos`.
    package static let priority = SocketOption(name: "SO_PRIORITY", level: SOL_SOCKET, number: SO_PRIORITY)
    package static let broadcast = SocketOption(name: "SO_BROADCAST", level: SOL_SOCKET, number: SO_BROADCAST)
    package static let keepAliveIdle = SocketOption(name: "TCP_KEEPIDLE", level: tcp, number: TCP_KEEPIDLE)
    package static let keepAliveInterval = SocketOption(name: "TCP_KEEPINTVL", level: tcp, number: TCP_KEEPINTVL)
    package static let keepAliveCount = SocketOption(name: "TCP_KEEPCNT", level: tcp, number: TCP_KEEPCNT)
    /// Seconds, which the kernel rounds up to what a number of retransmissions takes.
    package static let deferAccept = SocketOption(name: "TCP_DEFER_ACCEPT", level: tcp, number: TCP_DEFER_ACCEPT)
    package static let fastOpen = SocketOption(name: "TCP_FASTOPEN", level: tcp, number: TCP_FASTOPEN)
    /// The name of an algorithm.
    package static let congestion = SocketOption(name: "TCP_CONGESTION", level: tcp, number: TCP_CONGESTION)
    package static let transparent = SocketOption(name: "IP_TRANSPARENT", level: ip, number: IP_TRANSPARENT)
    package static let transparent6 = SocketOption(name: "IPV6_TRANSPARENT", level: ipv6, number: IPV6_TRANSPARENT)
    package static let typeOfService = SocketOption(name: "IP_TOS", level: ip, number: IP_TOS)
    package static let trafficClass = SocketOption(name: "IPV6_TCLASS", level: ipv6, number: IPV6_TCLASS)
    package static let timeToLive = SocketOption(name: "IP_TTL", level: ip, number: IP_TTL)
    package static let hopLimit = SocketOption(name: "IPV6_UNICAST_HOPS", level: ipv6, number: IPV6_UNICAST_HOPS)
    package static let addMembership = SocketOption(
        name: "IP_ADD_MEMBERSHIP", level: ip, number: IP_ADD_MEMBERSHIP)
    package static let dropMembership = SocketOption(
        name: "IP_DROP_MEMBERSHIP", level: ip, number: IP_DROP_MEMBERSHIP)
    package static let joinGroup = SocketOption(name: "IPV6_JOIN_GROUP", level: ipv6, number: IPV6_JOIN_GROUP)
    package static let leaveGroup = SocketOption(name: "IPV6_LEAVE_GROUP", level: ipv6, number: IPV6_LEAVE_GROUP)
}

extension Socket {
    /// An option whose value is text.
    package static func set(_ option: SocketOption, _ text: String, on socket: FileDescriptor) throws(Errno) {
        let bytes = Array(text.utf8)
        try SystemCall.value {
            unsafe setsockopt(socket.rawValue, option.level, option.number, bytes, socklen_t(bytes.count))
        }
    }

    /// The text of an option, without the NULs behind it.
    package static func text(_ option: SocketOption, of socket: FileDescriptor) throws(Errno) -> String {
        var bytes = [UInt8](repeating: 0, count: 64)
        var length = socklen_t(bytes.count)
        try SystemCall.value { unsafe getsockopt(socket.rawValue, option.level, option.number, &bytes, &length) }
        return String(decoding: bytes.prefix(Int(length)).prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Joins a multicast group; interface 0 lets the routing table choose one.
    package static func join(_ group: IPv4Address, interface: UInt32, on socket: FileDescriptor) throws(Errno) {
        try set(.addMembership, group, interface: interface, on: socket)
    }

    /// As above, for IPv6.
    package static func join(_ group: IPv6Address, interface: UInt32, on socket: FileDescriptor) throws(Errno) {
        try set(.joinGroup, group, interface: interface, on: socket)
    }

    /// Leaves a multicast group that was joined on the same interface, or by the routing table's choice.
    package static func leave(_ group: IPv4Address, interface: UInt32, on socket: FileDescriptor) throws(Errno) {
        try set(.dropMembership, group, interface: interface, on: socket)
    }

    /// As above, for IPv6.
    package static func leave(_ group: IPv6Address, interface: UInt32, on socket: FileDescriptor) throws(Errno) {
        try set(.leaveGroup, group, interface: interface, on: socket)
    }

    private static func set(
        _ option: SocketOption, _ group: IPv4Address, interface: UInt32, on socket: FileDescriptor
    ) throws(Errno) {
        var request = ip_mreqn()
        request.imr_multiaddr.s_addr = group.bits.bigEndian
        request.imr_ifindex = Int32(bitPattern: interface)
        try SystemCall.value {
            unsafe setsockopt(
                socket.rawValue, option.level, option.number, &request, socklen_t(MemoryLayout<ip_mreqn>.size))
        }
    }

    private static func set(
        _ option: SocketOption, _ group: IPv6Address, interface: UInt32, on socket: FileDescriptor
    ) throws(Errno) {
        var request = ipv6_mreq(ipv6mr_multiaddr: group.native, ipv6mr_interface: interface)
        try SystemCall.value {
            unsafe setsockopt(
                socket.rawValue, option.level, option.number, &request, socklen_t(MemoryLayout<ipv6_mreq>.size))
        }
    }
}

/// How TCP avoids congestion, by the name of the algorithm.
package enum CongestionControl {
    /// What the kernel has against an algorithm; nil when it takes it.
    package enum Refusal: Hashable, Sendable {
        case unknown
        /// The kernel's word.
        case other(String)
    }

    /// Tries an algorithm on a socket of its own: the kernel may have to load a module.
    package static func refusal(of name: String) -> Refusal? {
        guard let socket = try? Socket.make(family: AF_INET, .stream) else { return nil }
        do {
            try Socket.set(.congestion, name, on: socket.borrowed)
            return nil
        } catch {
            return error == .noSuchFileOrDirectory ? .unknown : .other("\(error)")
        }
    }

    /// Those that are loaded.
    package static var available: [String] {
        words(in: "/proc/sys/net/ipv4/tcp_available_congestion_control")
    }

    /// Whether servers may take data with the SYN (net.ipv4.tcp_fastopen).
    package static var allowsFastOpen: Bool {
        words(in: "/proc/sys/net/ipv4/tcp_fastopen").first.flatMap { UInt32($0) }.map { $0 & 2 != 0 } ?? true
    }

    private static func words(in file: String) -> [String] {
        guard let contents = try? FileContents(path: file, most: 4096) else { return [] }
        return String(decoding: contents.bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }.map(String.init)
    }
}
