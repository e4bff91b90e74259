/// Cuts a stream of bytes into lines, for both ends of the control socket.
///
/// It holds at most `limit` bytes of an unfinished line beyond what one `append` brought; each byte is
/// looked at once. Who takes one request at a time appends no more while complete lines are left.
package struct LineFramer: Sendable {
    private let limit: Int
    private var buffer: [UInt8] = []
    /// Where the line that comes next begins.
    private var start = 0
    /// Up to here there is no newline after `start`.
    private var scanned = 0

    /// `limit`: of one line, in bytes, without its newline.
    package init(limit: Int) { self.limit = limit }

    /// A line longer than the limit. The stream has lost its frame: close it.
    package struct LineTooLong: Error, Hashable, Sendable {
        package var limit: Int
    }

    /// Something stands there that no newline has ended yet: at the end of the stream, it broke off.
    package var hasPartialLine: Bool { start < buffer.count }

    package mutating func append(_ bytes: some Collection<UInt8>) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            (start, scanned) = (0, 0)
        } else if start > buffer.count / 2 {
            buffer.removeFirst(start)
            (start, scanned) = (0, scanned - start)
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next complete line without its newline; nil when there is none yet.
    package mutating func next() throws(LineTooLong) -> [UInt8]? {
        // Not past the limit: an overlong line is not searched to its end.
        let end = min(buffer.count, start + limit + 1)
        while scanned < end {
            guard buffer[scanned] == UInt8(ascii: "\n") else {
                scanned += 1
                continue
            }
            let line = Array(buffer[start..<scanned])
            scanned += 1
            start = scanned
            return line
        }
        if scanned - start > limit { throw LineTooLong(limit: limit) }
        return nil
    }
}
