/// Reads numbers and blocks of a binary header, in network byte order, from bytes that may end in the middle of it.
struct ByteReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    /// The bytes end before what was asked for.
    struct Short: Error {
        /// How many bytes it takes in all, from where the reader began.
        let wanted: Int
    }

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var isAtEnd: Bool { position == bytes.endIndex }

    mutating func take(_ count: Int) throws(Short) -> ArraySlice<UInt8> {
        guard count <= bytes.endIndex - position else {
            throw Short(wanted: position - bytes.startIndex + count)
        }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// An unsigned number of `size` bytes, at most 7.
    mutating func number(_ size: Int) throws(Short) -> Int {
        try take(size).reduce(0) { $0 << 8 | Int($1) }
    }

    /// A block behind its length, a number of `size` bytes.
    mutating func block(_ size: Int) throws(Short) -> ArraySlice<UInt8> {
        try take(number(size))
    }
}
