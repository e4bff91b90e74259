internal import CLinux
internal import Glibc
package import SystemPackage

/// A socket option whose value is one integer (socket(7), tcp(7), ip(7), ipv6(7)).
package struct SocketOption: Hashable, Sendable {
    /// As the kernel's headers call it, for error messages.
    package let name: String
    let level: Int32
    let number: Int32

    package static let reuseAddress = SocketOption(name: "SO_REUSEADDR", level: SOL_SOCKET, number: SO_REUSEADDR)
    package static let reusePort = SocketOption(name: "SO_REUSEPORT", level: SOL_SOCKET, number: SO_REUSEPORT)
    package static let keepAlive = SocketOption(name: "SO_KEEPALIVE", level: SOL_SOCKET, number: SO_KEEPALIVE)
    /// Bytes; the kernel doubles the value for its own bookkeeping.
    package static let sendBuffer = SocketOption(name: "SO_SNDBUF", level: SOL_SOCKET, number: SO_SNDBUF)
    package static let receiveBuffer = SocketOption(name: "SO_RCVBUF", level: SOL_SOCKET, number: SO_RCVBUF)
    /// As SO_SNDBUF, past net.core.wmem_max (CAP_NET_ADMIN).
    package static let sendBufferForce = SocketOption(name: "SO_SNDBUFFORCE", level: SOL_SOCKET, number: SO_SNDBUFFORCE)
    package static let passCredentials = SocketOption(name: "SO_PASSCRED", level: SOL_SOCKET, number: SO_PASSCRED)
    /// The least bytes that make a socket readable.
    package static let receiveLowWater = SocketOption(name: "SO_RCVLOWAT", level: SOL_SOCKET, number: SO_RCVLOWAT)
    /// 1 on a socket that listens.
    package static let acceptsConnections = SocketOption(
        name: "SO_ACCEPTCONN", level: SOL_SOCKET, number: SO_ACCEPTCONN)
    /// The address family.
    static let domain = SocketOption(name: "SO_DOMAIN", level: SOL_SOCKET, number: SO_DOMAIN)
    /// The kind of socket: stream and so on.
    static let kind = SocketOption(name: "SO_TYPE", level: SOL_SOCKET, number: SO_TYPE)
    /// The pending error, cleared by reading it.
    package static let error = SocketOption(name: "SO_ERROR", level: SOL_SOCKET, number: SO_ERROR)
    /// A pidfd of the connected peer (Linux 6.5).
    package static let passProcess = SocketOption(name: "SO_PASSPIDFD", level: SOL_SOCKET, number: 76)
    static let peerProcess = SocketOption(name: "SO_PEERPIDFD", level: SOL_SOCKET, number: 77)
    package static let noDelay = SocketOption(name: "TCP_NODELAY", level: Int32(IPPROTO_TCP), number: TCP_NODELAY)
    package static let freeBind = SocketOption(name: "IP_FREEBIND", level: Int32(IPPROTO_IP), number: IP_FREEBIND)
    package static let freeBind6 = SocketOption(name: "IPV6_FREEBIND", level: Int32(IPPROTO_IPV6), number: 78)
    package static let ipv6Only = SocketOption(name: "IPV6_V6ONLY", level: Int32(IPPROTO_IPV6), number: IPV6_V6ONLY)
}

extension Socket {
    /// Gives a socket a buffer of so many bytes for what it sends, or what the kernel allows.
    package static func widen(_ socket: FileDescriptor, to bytes: Int) {
        // Past net.core.wmem_max only root may go; the plain option does what it can.
        if (try? set(.sendBufferForce, bytes, on: socket)) == nil { try? set(.sendBuffer, bytes, on: socket) }
    }

    package static func set(_ option: SocketOption, _ value: Int, on socket: FileDescriptor) throws(Errno) {
        var value = Int32(clamping: value)
        try SystemCall.value {
            unsafe setsockopt(
                socket.rawValue, option.level, option.number, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    package static func value(_ option: SocketOption, of socket: FileDescriptor) throws(Errno) -> Int {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        try SystemCall.value { unsafe getsockopt(socket.rawValue, option.level, option.number, &value, &length) }
        return Int(value)
    }

    /// A close of this socket may wait: SO_LINGER is on with a time (socket(7)), O_NONBLOCK or not.
    package static func mayBlockInClose(_ socket: FileDescriptor) -> Bool {
        var value = linger()
        var length = socklen_t(MemoryLayout<linger>.size)
        let answered = unsafe getsockopt(socket.rawValue, SOL_SOCKET, SO_LINGER, &value, &length) == 0
        return answered && value.l_onoff != 0 && value.l_linger > 0
    }

    /// A close of this socket sends RST and drops what is unsent (SO_LINGER with no time).
    package static func setResetOnClose(_ socket: FileDescriptor) throws(Errno) {
        var value = linger(l_onoff: 1, l_linger: 0)
        try SystemCall.value {
            unsafe setsockopt(
                socket.rawValue, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        }
    }

    /// The longest a blocking write waits before it fails with EAGAIN (SO_SNDTIMEO).
    package static func setSendTimeout(_ timeout: Duration, on socket: FileDescriptor) throws(Errno) {
        let (seconds, attoseconds) = timeout.components
        var value = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        try SystemCall.value {
            unsafe setsockopt(
                socket.rawValue, SOL_SOCKET, SO_SNDTIMEO, &value, socklen_t(MemoryLayout<timeval>.size))
        }
    }
}

/// Who is at the other end of a Unix-domain connection, by the kernel's word.
package struct PeerCredentials: Hashable, Sendable {
    package var pid: Int32
    package var uid: UInt32
    package var gid: UInt32
    /// Supplementary groups (SO_PEERGROUPS, Linux 4.13).
    package var groups: [UInt32]

    package init(pid: Int32, uid: UInt32, gid: UInt32, groups: [UInt32]) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
        self.groups = groups
    }
}

extension Socket {
    package static func peerCredentials(of socket: FileDescriptor) throws(Errno) -> PeerCredentials {
        var credentials = PeerCredentials(pid: 0, uid: 0, gid: 0, groups: [])
        try SystemCall.value {
            unsafe baton_peer_credentials(socket.rawValue, &credentials.pid, &credentials.uid, &credentials.gid)
        }
        credentials.groups = try peerGroups(of: socket)
        return credentials
    }

    /// The uid at the other end; of a connection that was made to a listener, who called listen(2).
    package static func peerUser(of socket: FileDescriptor) throws(Errno) -> UInt32 {
        var (pid, uid, gid): (Int32, UInt32, UInt32) = (0, 0, 0)
        try SystemCall.value { unsafe baton_peer_credentials(socket.rawValue, &pid, &uid, &gid) }
        return uid
    }

    private static func peerGroups(of socket: FileDescriptor) throws(Errno) -> [UInt32] {
        var room = 64
        while true {
            var groups = [gid_t](repeating: 0, count: room)
            var length = socklen_t(room * MemoryLayout<gid_t>.stride)
            do {
                try SystemCall.value {
                    unsafe getsockopt(socket.rawValue, SOL_SOCKET, SO_PEERGROUPS, &groups, &length)
                }
                return Array(groups.prefix(Int(length) / MemoryLayout<gid_t>.stride))
            } catch .outOfRange where room < 65536 {
                room = 65536  // NGROUPS_MAX
            }
        }
    }

    /// The peer's process (SO_PEERPIDFD, Linux 6.5); nil where the kernel does not tell.
    package static func peerProcess(of socket: FileDescriptor) -> ProcessDescriptor? {
        guard let number = try? value(.peerProcess, of: socket) else { return nil }
        return ProcessDescriptor(adopting: OwnedDescriptor(adopting: Int32(number)))
    }
}
