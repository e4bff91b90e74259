/// Text split at blanks, with quotes and C escapes undone (extract_first_word of systemd).
struct QuotedWords {
    struct Word: Hashable {
        var text: String
        /// It was one as it stands: a lone semicolon separates commands only without quotes.
        var isPlain: Bool
    }

    private(set) var words: [Word] = []

    /// Nil when a quote is not closed.
    init?(_ text: String) {
        var bytes: [UInt8]?
        var isPlain = true
        var quote: Character?
        var rest = text[...]
        func finished(_ bytes: [UInt8]) -> Word {
            Word(text: String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self), isPlain: isPlain)
        }
        while let character = rest.popFirst() {
            switch (character, quote) {
            case (_, let open?) where character == open: quote = nil
            case ("\\", _):
                bytes = (bytes ?? []) + Self.escape(&rest)
                isPlain = false
            case (_, _?): bytes = (bytes ?? []) + Array(String(character).utf8)
            case ("\"", nil), ("'", nil):
                quote = character
                bytes = bytes ?? []
                isPlain = false
            case (_, nil) where character.isBlank || character.isNewline:
                if let done = bytes { words.append(finished(done)) }
                bytes = nil
                isPlain = true
            default: bytes = (bytes ?? []) + Array(String(character).utf8)
            }
        }
        if quote != nil { return nil }
        if let done = bytes { words.append(finished(done)) }
    }

    private static let letters: [Character: UInt8] = [
        "a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 0x5c, "\"": 0x22, "'": 0x27, "s": 0x20,
    ]

    /// What follows a backslash; an escape that is none stays as it stands.
    private static func escape(_ rest: inout Substring) -> [UInt8] {
        guard let letter = rest.first else { return [0x5c] }
        if let byte = letters[letter] {
            rest.removeFirst()
            return [byte]
        }
        for (start, length, radix) in [("x", 2, 16), ("u", 4, 16), ("U", 8, 16), ("", 3, 8)] {
            let digits = rest.dropFirst(start.count).prefix(length)
            guard rest.hasPrefix(start), digits.count == length, let value = UInt32(digits, radix: radix) else {
                continue
            }
            if start == "x" || start.isEmpty {
                guard value < 256 else { continue }
                rest = rest.dropFirst(start.count + length)
                return [UInt8(value)]
            }
            guard let scalar = Unicode.Scalar(value) else { continue }
            rest = rest.dropFirst(start.count + length)
            return Array(String(scalar).utf8)
        }
        // `\;` and unknown ones: systemd keeps the character, for the semicolon without its backslash.
        if letter == ";" {
            rest.removeFirst()
            return [0x3b]
        }
        return [0x5c]
    }
}
