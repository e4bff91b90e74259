internal import CLinux
internal import Glibc
package import SystemPackage

/// The first datagram in a socket's queue, looked at and left there.
package struct PeekedDatagram: Hashable, Sendable {
    private let source: SocketAddress?
    private let bytes: [UInt8]
    private let length: Int

    /// What is compared of a long one.
    private static let most = 2048

    /// Nil when the queue is empty.
    package init?(first socket: FileDescriptor) {
        guard let datagram = try? Datagrams.receive(from: socket, most: Self.most, peeking: true) else { return nil }
        source = datagram.source
        bytes = datagram.bytes
        length = datagram.length
    }
}

/// recvmsg(2) and sendto(2).
package enum Datagrams {
    package struct Received {
        package var bytes: [UInt8]
        /// The datagram's own length, which may be more than was taken.
        package var length: Int
        /// Nil when the sender has no name to answer to.
        package var source: SocketAddress?
        /// What came with it over a Unix-domain socket, and nobody asked for.
        package var descriptors: [DescriptorBox]
    }

    /// Takes, or with `peeking` only looks at, the next datagram, without waiting.
    package static func receive(
        from socket: FileDescriptor, most: Int, peeking: Bool = false
    ) throws(Errno) -> Received {
        var buffer = [UInt8](repeating: 0, count: most)
        var storage = sockaddr_storage()
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC) | (peeking ? Int32(MSG_PEEK) : 0)
        // What is only looked at is not dropped with what is copied of it.
        let received = try unsafe DescriptorPassing.receive(
            into: &buffer, room: peeking ? 0 : DescriptorPassing.mostDescriptors, withPID: false, name: &storage,
            on: socket, flags: flags)
        buffer.removeLast(max(0, most - received.count))
        let length = received.nameLength
        let source = length > 0 ? SocketAddress(native: storage, length: length) : nil
        return Received(
            bytes: buffer, length: received.count, source: source, descriptors: received.descriptors)
    }

    /// Sends one datagram, without waiting: a full queue throws `.wouldBlock`.
    package static func send(_ bytes: [UInt8], to address: SocketAddress, on socket: FileDescriptor) throws(Errno) {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        try SystemCall.value {
            unsafe address.withNative {
                unsafe sendto(socket.rawValue, bytes, bytes.count, flags, $0, $1)
            }
        }
    }
}
