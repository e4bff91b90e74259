/// What is checked of a file's bytes before a YAML parser sees them.
enum YAMLText {
    /// The largest file that is read, in bytes.
    static let mostBytes = 1 << 20
    /// %TAG directives take libyaml time by their square (5 s for 1 MiB); a table has no use for any.
    static let mostTagDirectives = 16

    /// Why bytes are no text of ours, and where.
    struct Problem: Error {
        var message: String
        var line = 0
        var column = 0
    }

    /// The text to parse, without a UTF-8 byte order mark.
    static func checked(_ bytes: [UInt8]) throws(Problem) -> [UInt8] {
        guard bytes.count <= mostBytes else {
            throw Problem(message: "the file has more than \(mostBytes) bytes")
        }
        if let encoding = foreignEncoding(bytes) {
            throw Problem(message: "the file is \(encoding); a table is UTF-8", line: 1, column: 1)
        }
        let text = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
        try checkCharacters(text)
        return text
    }

    private static func foreignEncoding(_ bytes: [UInt8]) -> String? {
        let start = bytes.prefix(4)
        if start == [0xff, 0xfe, 0, 0] || start == [0, 0, 0xfe, 0xff] { return "UTF-32" }
        if start.starts(with: [0xff, 0xfe]) || start.starts(with: [0xfe, 0xff]) { return "UTF-16" }
        guard start.count == 4 else { return nil }
        // Without a byte order mark, ASCII text shows itself by where its zeros are.
        return switch start.map({ $0 == 0 }) {
        case [true, true, true, false], [false, true, true, true]: "UTF-32"
        case [true, false, true, false], [false, true, false, true]: "UTF-16"
        default: nil
        }
    }

    /// Line breaks for libyaml, by YAML 1.1, and for no editor, nor by YAML 1.2 (5.4): what is read would not be what is seen.
    private static let unseenBreaks: Set<UInt32> = [0x85, 0x2028, 0x2029]

    /// Every byte belongs to a character that YAML 1.2 (5.1) lets stand in a file.
    private static func checkCharacters(_ text: [UInt8]) throws(Problem) {
        var place = Problem(message: "", line: 1, column: 1)
        var lineStart = true
        var tagDirectives = 0
        var index = 0
        func fault(_ message: String) -> Problem { Problem(message: message, line: place.line, column: place.column) }
        while index < text.count {
            let byte = text[index]
            if lineStart, byte == UInt8(ascii: "%"), text[index...].starts(with: "%TAG".utf8) {
                tagDirectives += 1
                if tagDirectives > mostTagDirectives { throw fault("tags are not taken, and so are %TAG directives") }
            }
            lineStart = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            if lineStart {
                if byte == UInt8(ascii: "\r"), index + 1 < text.count, text[index + 1] == UInt8(ascii: "\n") {
                    index += 1
                }
                (place.line, place.column) = (place.line + 1, 1)
                index += 1
                continue
            }
            if byte < 0x80 {
                if byte == 0 { throw fault("a NUL byte") }
                if (byte < 0x20 && byte != 0x09) || byte == 0x7f {
                    throw fault(
                        "a control character (\(hexadecimal(UInt32(byte)))); write it as an escape in double quotes")
                }
                index += 1
            } else {
                guard let (scalar, length) = character(text, at: index) else {
                    throw fault("bytes that are not UTF-8 (0x\(String(byte, radix: 16)))")
                }
                if unseenBreaks.contains(scalar) {
                    throw fault(
                        "a line break that is not seen as one (\(hexadecimal(scalar))); write it as an escape in double quotes"
                    )
                }
                if (0x80..<0xa0).contains(scalar) || [0xfeff, 0xfffe, 0xffff].contains(scalar) {
                    throw fault("a character that a table cannot hold (\(hexadecimal(scalar)))")
                }
                index += length
            }
            place.column += 1
        }
    }

    /// The multi-byte character at `index`: no overlong form, no surrogate (RFC 3629).
    private static func character(_ text: [UInt8], at index: Int) -> (scalar: UInt32, length: Int)? {
        let lead = text[index]
        let (length, first, least): (Int, UInt32, UInt32) =
            switch lead {
            case 0xc2...0xdf: (2, UInt32(lead & 0x1f), 0x80)
            case 0xe0...0xef: (3, UInt32(lead & 0x0f), 0x800)
            case 0xf0...0xf4: (4, UInt32(lead & 0x07), 0x10000)
            default: (0, 0, 0)
            }
        guard length > 0, index + length <= text.count else { return nil }
        var scalar = first
        for byte in text[(index + 1)..<(index + length)] {
            guard byte & 0xc0 == 0x80 else { return nil }
            scalar = scalar << 6 | UInt32(byte & 0x3f)
        }
        guard scalar >= least, scalar <= 0x10ffff, !(0xd800..<0xe000).contains(scalar) else { return nil }
        return (scalar, length)
    }

    private static func hexadecimal(_ scalar: UInt32) -> String {
        let digits = String(scalar, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
