import Glibc
import TestSupport

/// Both ends of a relay at once, in one thread: each sends what it has and ends its way, and reads to the end.
struct Exchange {
    fileprivate var ends: [End]

    fileprivate struct End {
        let socket: TestSocket
        let toSend: [UInt8]
        var sent = 0
        var got: [UInt8] = []
        var isEnded = false
        var hasFinished = false
    }

    init(_ one: TestSocket, sending first: [UInt8], _ other: TestSocket, sending second: [UInt8]) {
        ends = [End(socket: one, toSend: first), End(socket: other, toSend: second)]
    }

    /// - Returns: What each has got.
    mutating func run(until deadline: Deadline = Deadline(seconds: 60)) throws -> (one: [UInt8], other: [UInt8]) {
        while !ends.allSatisfy({ $0.isEnded && $0.hasFinished }) {
            var entries = ends.map { end in
                pollfd(
                    fd: end.socket.descriptor,
                    events: Int16((end.isEnded ? 0 : POLLIN) | (end.hasFinished ? 0 : POLLOUT)), revents: 0)
            }
            guard poll(&entries, nfds_t(entries.count), deadline.milliseconds) > 0 else {
                throw TestFailure("it stalls: \(ends.map { ($0.sent, $0.got.count) })")
            }
            for index in ends.indices {
                if entries[index].revents & Int16(POLLOUT) != 0 { try ends[index].send() }
                if entries[index].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { try ends[index].receive() }
            }
        }
        return (ends[0].got, ends[1].got)
    }
}

extension Exchange.End {
    fileprivate mutating func send() throws {
        guard !hasFinished else { return }
        let count = toSend[sent...].withUnsafeBytes {
            Glibc.send(socket.descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        }
        if count < 0 {
            guard errno == EAGAIN else { throw TestFailure("send: errno \(errno)") }
            return
        }
        sent += count
        if sent == toSend.count {
            hasFinished = true
            try socket.finishSending()
        }
    }

    fileprivate mutating func receive() throws {
        guard !isEnded else { return }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        let count = recv(socket.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0 {
            guard errno == EAGAIN else { throw TestFailure("recv: errno \(errno)") }
            return
        }
        isEnded = count == 0
        got += buffer[..<count]
    }
}

/// Bytes that no accident repeats: the same for the same seed.
func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        for index in 0..<count {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            buffer[index] = UInt8(truncatingIfNeeded: state >> 24)
        }
        filled = count
    }
}
