internal import CLinux
internal import Glibc
package import SystemPackage

/// Socket calls as typed values. All descriptors made here are close-on-exec.
package enum Socket {
    package enum Kind: Sendable {
        case stream, datagram, sequencedPacket

        var native: Int32 {
            switch self {
            case .stream: Int32(SOCK_STREAM.rawValue)
            case .datagram: Int32(SOCK_DGRAM.rawValue)
            case .sequencedPacket: Int32(SOCK_SEQPACKET.rawValue)
            }
        }
    }

    /// socket(2).
    package static func make(family: Int32, _ kind: Kind, nonblocking: Bool = false) throws(Errno) -> OwnedDescriptor {
        let type = kind.native | flags(nonblocking: nonblocking)
        return OwnedDescriptor(adopting: try SystemCall.value { socket(family, type, 0) })
    }

    /// socketpair(2) of Unix-domain sockets.
    package static func pair(_ kind: Kind, nonblocking: Bool = false) throws(Errno) -> SocketPair {
        var numbers: [Int32] = [-1, -1]
        let type = kind.native | flags(nonblocking: nonblocking)
        try SystemCall.value { unsafe socketpair(AF_UNIX, type, 0, &numbers) }
        return SocketPair(
            ours: OwnedDescriptor(adopting: numbers[0]), theirs: OwnedDescriptor(adopting: numbers[1]))
    }

    package static func bind(_ socket: FileDescriptor, to address: SocketAddress) throws(Errno) {
        try SystemCall.value {
            unsafe address.withNative { unsafe Glibc.bind(socket.rawValue, $0, $1) }
        }
    }

    /// listen(2); the kernel caps `backlog` at net.core.somaxconn.
    package static func listen(_ socket: FileDescriptor, backlog: Int) throws(Errno) {
        try SystemCall.value { Glibc.listen(socket.rawValue, Int32(clamping: backlog)) }
    }

    /// connect(2). A nonblocking socket that has not connected yet throws `.nowInProgress`.
    package static func connect(_ socket: FileDescriptor, to address: SocketAddress) throws(Errno) {
        try SystemCall.value {
            unsafe address.withNative { unsafe Glibc.connect(socket.rawValue, $0, $1) }
        }
    }

    /// A stream connection to `address`, in blocking mode.
    package static func connected(to address: SocketAddress, _ kind: Kind = .stream) throws(Errno) -> OwnedDescriptor {
        let made = try make(family: address.family, kind)
        try connect(made.borrowed, to: address)
        return made
    }

    /// Accepts a connection in blocking mode, with its peer (unnamed where the family is none of ours).
    package static func accept(_ listener: FileDescriptor) throws(Errno) -> AcceptedSocket {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let number = try SystemCall.value {
            length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            return unsafe baton_accept(listener.rawValue, &storage, &length)
        }
        let peer = SocketAddress(native: storage, length: length) ?? .unix(path: "")
        return AcceptedSocket(descriptor: OwnedDescriptor(adopting: number), peer: peer)
    }

    /// getsockname(2).
    package static func localAddress(of socket: FileDescriptor) throws(Errno) -> SocketAddress {
        unsafe try address(of: socket) { unsafe getsockname($0, $1, $2) }
    }

    /// getpeername(2).
    package static func peerAddress(of socket: FileDescriptor) throws(Errno) -> SocketAddress {
        unsafe try address(of: socket) { unsafe getpeername($0, $1, $2) }
    }

    private static func address(
        of socket: FileDescriptor,
        _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) throws(Errno) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        try SystemCall.value {
            unsafe withUnsafeMutablePointer(to: &storage) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe ask(socket.rawValue, $0, &length)
                }
            }
        }
        guard let address = SocketAddress(native: storage, length: length) else { throw .addressFamilyNotSupported }
        return address
    }

    /// Ends both directions (shutdown(2)); an unconnected socket is left as it is.
    package static func shutdown(_ socket: FileDescriptor, reading: Bool = true, writing: Bool = true) {
        guard reading || writing else { return }
        let how = reading ? (writing ? SHUT_RDWR : SHUT_RD) : SHUT_WR
        _ = Glibc.shutdown(socket.rawValue, Int32(how))
    }

    /// O_NONBLOCK, which lives in the open file description: whoever shares it sees the change.
    package static func setNonblocking(_ socket: FileDescriptor, _ on: Bool) throws(Errno) {
        try SystemCall.value { baton_set_nonblocking(socket.rawValue, on ? 1 : 0) }
    }

    package static func setCloseOnExec(_ descriptor: FileDescriptor, _ on: Bool) throws(Errno) {
        try SystemCall.value { baton_set_close_on_exec(descriptor.rawValue, on ? 1 : 0) }
    }

    /// Bytes that wait to be read (SIOCINQ); for a datagram socket, the length of the first.
    package static func inputQueue(_ socket: FileDescriptor) throws(Errno) -> Int {
        var bytes: Int32 = 0
        try SystemCall.value { unsafe baton_input_queue(socket.rawValue, &bytes) }
        return Int(bytes)
    }

    /// Bytes that were written and not yet acknowledged by the peer (SIOCOUTQ).
    package static func outputQueue(_ socket: FileDescriptor) throws(Errno) -> Int {
        var bytes: Int32 = 0
        try SystemCall.value { unsafe baton_output_queue(socket.rawValue, &bytes) }
        return Int(bytes)
    }

    private static func flags(nonblocking: Bool) -> Int32 {
        Int32(SOCK_CLOEXEC.rawValue) | (nonblocking ? Int32(SOCK_NONBLOCK.rawValue) : 0)
    }
}

/// The two ends of a socketpair(2).
@frozen
package struct SocketPair: ~Copyable {
    package var ours: OwnedDescriptor
    package var theirs: OwnedDescriptor
}

/// What accept(2) answers.
@frozen
package struct AcceptedSocket: ~Copyable {
    package var descriptor: OwnedDescriptor
    package var peer: SocketAddress
}
