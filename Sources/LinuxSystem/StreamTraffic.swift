internal import CLinux
internal import Glibc
package import SystemPackage

/// What has moved between a TCP connection and the program at this end: proof that nobody has touched it.
///
/// Bytes that arrived and lie in the receive queue are not read yet, so received − SIOCINQ is what was
/// read (a FIN counts as one in `received`). What was written is what was sent for the first time and what
/// still waits to be sent. Peeking, corking and a closed window change neither.
package struct StreamTraffic: Hashable, Sendable {
    package var read: Int64
    package var written: Int64
    package var inFlight: Int

    /// A connection as accept(2) gives it.
    package static let untouched = StreamTraffic(read: 0, written: 0, inFlight: 0)

    /// The peer may send while the counts are read: so often they are read anew.
    private static let attempts = 4

    package init(read: Int64, written: Int64, inFlight: Int) {
        self.read = read
        self.written = written
        self.inFlight = inFlight
    }

    /// What has moved on `socket` until now; nil when it is not open any more.
    package init?(of socket: FileDescriptor) {
        guard var last = Self.moved(on: socket) else { return nil }
        for _ in 0..<Self.attempts {
            guard let again = Self.moved(on: socket) else { return nil }
            if again.read >= last.read { break }
            last = again
        }
        self = last
    }

    /// Whether `socket` is still open, in both directions, and stands as it stood when this was taken.
    package func isUnchanged(on socket: FileDescriptor) -> Bool {
        for _ in 0..<Self.attempts {
            guard let now = Self.moved(on: socket), now.written == written, now.inFlight <= inFlight else {
                return false
            }
            if now.read == read { return true }
        }
        return false
    }

    /// The receive queue is read before the count of what was received: what arrives in between then looks
    /// as if it was read, and never the other way round.
    private static func moved(on socket: FileDescriptor) -> StreamTraffic? {
        let endsReading = socket.endsReading
        var counts = baton_tcp_counts()
        guard let inFlight = try? Socket.outputQueue(socket), let queued = try? Socket.inputQueue(socket),
            (try? SystemCall.value({ unsafe baton_tcp_counts(socket.rawValue, &counts) })) != nil
        else { return nil }
        let finished = counts.state == UInt8(TCP_CLOSE_WAIT)
        // Reading that ends without a FIN of the peer's was ended at this end.
        guard finished || counts.state == UInt8(TCP_ESTABLISHED) && !endsReading else { return nil }
        let read = Int64(clamping: counts.received) - Int64(queued) - (finished ? 1 : 0)
        let written = Int64(clamping: counts.sent) - Int64(clamping: counts.retransmitted) + Int64(counts.unsent)
        return StreamTraffic(read: read, written: written, inFlight: inFlight)
    }
}
