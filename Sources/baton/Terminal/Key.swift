/// What a person strikes.
enum Key: Hashable {
    case up, down, left, right, pageUp, pageDown, home, end, enter, escape
    case character(Character)
}

/// Makes keys of the bytes that a terminal sends (ECMA-48; xterm's and the VT220's names for keys).
struct KeyReader {
    private var pending: [UInt8] = []

    /// Bytes that may be the beginning of a key, or the Escape key by itself: `flush` decides when no more comes.
    var isWaiting: Bool { !pending.isEmpty }

    mutating func append(_ bytes: some Sequence<UInt8>) -> [Key] {
        pending += bytes
        var keys: [Key] = []
        while !pending.isEmpty {
            let (key, length) = first
            guard length > 0 else { break }
            pending.removeFirst(length)
            if let key { keys.append(key) }
        }
        // Nothing that a key sends is so long.
        if pending.count > 32 { pending = [] }
        return keys
    }

    mutating func flush() -> [Key] {
        defer { pending = [] }
        return pending == [0x1b] ? [.escape] : []
    }

    /// The first key and how many bytes it takes; 0 when it is not complete, no key when it is none of ours.
    private var first: (Key?, Int) {
        guard pending[0] == 0x1b else {
            switch pending[0] {
            case 0x0d, 0x0a: return (.enter, 1)
            case 0x20..<0x7f: return (.character(Character(UnicodeScalar(pending[0]))), 1)
            default: return (nil, 1)
            }
        }
        guard pending.count > 1 else { return (nil, 0) }
        switch pending[1] {
        case UInt8(ascii: "O"):
            guard pending.count > 2 else { return (nil, 0) }
            return (Self.key(pending[2], parameter: 0), 3)
        case UInt8(ascii: "["):
            guard let end = pending.dropFirst(2).firstIndex(where: { (0x40..<0x7f).contains($0) }) else {
                return (nil, 0)
            }
            let number = pending[2..<end].prefix { (0x30...0x39).contains($0) }
            let parameter = Int(String(decoding: number, as: UTF8.self)) ?? 0
            return (Self.key(pending[end], parameter: parameter), end + 1)
        case 0x1b: return (.escape, 1)
        default: return (nil, 2)
        }
    }

    private static func key(_ final: UInt8, parameter: Int) -> Key? {
        switch (final, parameter) {
        case (UInt8(ascii: "A"), _): .up
        case (UInt8(ascii: "B"), _): .down
        case (UInt8(ascii: "C"), _): .right
        case (UInt8(ascii: "D"), _): .left
        case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), 1), (UInt8(ascii: "~"), 7): .home
        case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), 4), (UInt8(ascii: "~"), 8): .end
        case (UInt8(ascii: "M"), _): .enter
        case (UInt8(ascii: "~"), 5): .pageUp
        case (UInt8(ascii: "~"), 6): .pageDown
        default: nil
        }
    }
}
