/// Reads words of 32 bits, low byte first, and finds strings in bytes that may be anything; nil is past the
/// end.
struct SpawnWordReader {
    private let bytes: [UInt8]
    private var position: Int
    private let end: Int

    init(_ bytes: [UInt8], from start: Int, to end: Int) {
        self.bytes = bytes
        self.end = min(max(end, 0), bytes.count)
        position = min(max(start, 0), self.end)
    }

    var isAtEnd: Bool { position == end }

    mutating func word() -> UInt32? {
        guard end - position >= 4 else { return nil }
        defer { position += 4 }
        return UInt32(bytes[position]) | UInt32(bytes[position + 1]) << 8 | UInt32(bytes[position + 2]) << 16
            | UInt32(bytes[position + 3]) << 24
    }

    mutating func long() -> UInt64? {
        guard let low = word(), let high = word() else { return nil }
        return UInt64(low) | UInt64(high) << 32
    }

    mutating func count(atMost most: Int) -> UInt32? {
        guard let word = word(), word <= most else { return nil }
        return word
    }

    mutating func words(_ count: Int) -> [UInt32]? {
        guard count <= (end - position) / 4 else { return nil }
        var words: [UInt32] = []
        words.reserveCapacity(count)
        while words.count < count, let word = word() { words.append(word) }
        return words
    }

    /// Where the next string begins; its NUL comes before the end.
    mutating func string() -> UInt32? {
        let start = position
        guard let terminator = bytes[position..<end].firstIndex(of: 0) else { return nil }
        position = terminator + 1
        return UInt32(exactly: start)
    }

    mutating func strings(_ count: Int) -> [UInt32]? {
        // Each has a NUL at least.
        guard count <= end - position else { return nil }
        var starts: [UInt32] = []
        starts.reserveCapacity(count)
        while starts.count < count {
            guard let start = string() else { return nil }
            starts.append(start)
        }
        return starts
    }
}

extension [UInt8] {
    /// Low byte first.
    mutating func append(word: UInt32) {
        append(UInt8(truncatingIfNeeded: word))
        append(UInt8(truncatingIfNeeded: word >> 8))
        append(UInt8(truncatingIfNeeded: word >> 16))
        append(UInt8(truncatingIfNeeded: word >> 24))
    }

    mutating func append(long: UInt64) {
        append(word: UInt32(truncatingIfNeeded: long))
        append(word: UInt32(truncatingIfNeeded: long >> 32))
    }
}
