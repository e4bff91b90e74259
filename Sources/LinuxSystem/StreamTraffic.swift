internal import CLinux
internal import Glibc
package import SystemPackage

/// What has moved between a TCP connection and the program at this end: proof that nobody has touched it.
///
/// Bytes that arrived and lie in the receive queue are not read yet, so received − SIOCINQ is what was
/// read (a FIN counts as one in `received`). What was written is what was sent for the first time and what
/// still waits to be sent. Peeking, corking and a closed window change neither.
package struct StreamTraffic: Hashable, Sendable {
    private var read: Int64
    private var written: Int64
    private var inFlight: Int

    /// A connection as accept(2) gives it.
    package static let untouched = StreamTraffic(read: 0, written: 0, inFlight: 0)

    private init(read: Int64, written: Int64, inFlight: Int) {
        self.read = read
        self.written = written
        self.inFlight = inFlight
    }

    /// Whether `socket` is still open and stands as it stood when this was taken.
    package func isUnchanged(on socket: FileDescriptor) -> Bool {
        var counts = baton_tcp_counts()
        guard (try? SystemCall.value({ unsafe baton_tcp_counts(socket.rawValue, &counts) })) != nil,
            let queued = try? Socket.inputQueue(socket), let inFlight = try? Socket.outputQueue(socket)
        else { return false }
        let finished = counts.state == UInt8(TCP_CLOSE_WAIT)
        guard finished || counts.state == UInt8(TCP_ESTABLISHED) else { return false }
        let read = Int64(clamping: counts.received) - Int64(queued) - (finished ? 1 : 0)
        let written = Int64(clamping: counts.sent) - Int64(clamping: counts.retransmitted) + Int64(counts.unsent)
        return read == self.read && written == self.written && inFlight <= self.inFlight
    }
}
