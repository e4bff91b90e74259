internal import CLinux
internal import Glibc
package import SystemPackage

// What a descriptor from outside is.
extension Socket {
    /// SO_COOKIE (Linux 4.12): a number that no other socket of this boot has, whichever descriptor it is asked by.
    /// Nil where it is no socket.
    package static func cookie(of socket: FileDescriptor) -> UInt64? {
        var cookie: UInt64 = 0
        var length = socklen_t(MemoryLayout<UInt64>.size)
        let answered = unsafe getsockopt(socket.rawValue, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0
        return answered ? cookie : nil
    }

    /// SO_TYPE, where it is a kind that is served; nil for anything else, files included.
    package static func kind(of descriptor: FileDescriptor) -> Kind? {
        guard isSocket(descriptor), let type = try? value(.kind, of: descriptor) else { return nil }
        return [Kind.stream, .datagram, .sequencedPacket].first { Int($0.native) == type }
    }

    /// The peer of a connected stream or seqpacket socket; nil for anything else: a file, a socket that listens, a
    /// datagram socket, one whose peer has reset it, a family that is not served.
    package static func peerOfConnection(_ descriptor: FileDescriptor) -> SocketAddress? {
        guard let type = try? value(.kind, of: descriptor),
            type == Int(Kind.stream.native) || type == Int(Kind.sequencedPacket.native),
            (try? value(.acceptsConnections, of: descriptor)) == 0
        else { return nil }
        return try? peerAddress(of: descriptor)
    }

    /// The mode that whoever gets a connection is promised, whatever somebody who had it has set: blocking, and readable
    /// at the first byte.
    package static func restoreMode(_ socket: FileDescriptor) {
        try? setNonblocking(socket, false)
        try? set(.receiveLowWater, 1, on: socket)
    }

    /// Whether it is a Unix-domain socket that delivers packets, one after the other.
    package static func isSequencedPacket(_ descriptor: FileDescriptor) -> Bool {
        isUnix(descriptor) && (try? value(.kind, of: descriptor)) == Int(Kind.sequencedPacket.native)
    }

    /// Whether `connection` was accepted at `listener`: only then are both bound to one file. A name can be bound anew
    /// elsewhere. False where the kernel does not tell (SIOCUNIXFILE; CAP_NET_ADMIN).
    package static func isAccepted(_ connection: FileDescriptor, at listener: FileDescriptor) -> Bool {
        guard peerOfConnection(connection) != nil, let file = file(of: connection)?.borrowed.deviceAndInode else {
            return false
        }
        return file == self.file(of: listener)?.borrowed.deviceAndInode
    }

    /// The file that a Unix-domain socket is bound to, by whatever name.
    private static func file(of socket: FileDescriptor) -> OwnedDescriptor? {
        guard let file = try? SystemCall.value({ baton_socket_file(socket.rawValue) }) else { return nil }
        return OwnedDescriptor(adopting: file)
    }

    /// Whether it is one end of a socketpair(AF_UNIX, SOCK_DGRAM): connected to a socket without a name, and
    /// without a name itself. What has a name others can send to, or take it over.
    package static func isDatagramPair(_ descriptor: FileDescriptor) -> Bool {
        isNamelessDatagram(descriptor) && (try? peerAddress(of: descriptor)) == .unix(path: "")
    }

    /// Whether it may have been one: the first send to an end that is closed takes the other one apart (ENOTCONN).
    package static func isLeftOfDatagramPair(_ descriptor: FileDescriptor) -> Bool {
        guard isNamelessDatagram(descriptor) else { return false }
        do {
            _ = try peerAddress(of: descriptor)
            return false
        } catch {
            return error == .socketNotConnected
        }
    }

    private static func isNamelessDatagram(_ descriptor: FileDescriptor) -> Bool {
        isUnix(descriptor) && (try? value(.kind, of: descriptor)) == Int(Kind.datagram.native)
            && (try? localAddress(of: descriptor)) == .unix(path: "")
    }
}
