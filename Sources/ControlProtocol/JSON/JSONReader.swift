/// What one JSON text may cost its reader.
package struct JSONLimits: Hashable, Sendable {
    /// Arrays and objects inside each other.
    package var depth: Int
    /// Of the whole text.
    package var bytes: Int

    package init(depth: Int, bytes: Int) {
        self.depth = depth
        self.bytes = bytes
    }

    /// A line from a client.
    package static let request = JSONLimits(depth: 16, bytes: 64 << 10)
    /// A line from the supervisor, which may list thousands of handlers and processes.
    package static let reply = JSONLimits(depth: 16, bytes: 64 << 20)
}

/// Why a text is no JSON, and at which byte (from 0).
package struct JSONSyntaxError: Hashable, Sendable, Error, CustomStringConvertible {
    package var offset: Int
    package var message: String

    package var description: String { "byte \(offset): \(message)" }
}

extension JSON {
    /// Reads one JSON text and nothing else, to the letter of RFC 8259: no byte order mark, no trailing
    /// garbage, UTF-8 only, no lone surrogates, no name twice in an object. The time is linear in the
    /// length of the text.
    package init(parsing text: [UInt8], limits: JSONLimits = .request) throws(JSONSyntaxError) {
        guard text.count <= limits.bytes else {
            throw JSONSyntaxError(offset: limits.bytes, message: "longer than \(limits.bytes) bytes")
        }
        var reader = JSONReader(text: text, deepest: limits.depth)
        self = try reader.document()
    }
}

private struct JSONReader {
    let text: [UInt8]
    let deepest: Int
    var position = 0

    /// More digits than any number of ours has; a number's time is then bounded too.
    static let longestNumber = 128

    init(text: [UInt8], deepest: Int) {
        self.text = text
        self.deepest = deepest
    }

    mutating func document() throws(JSONSyntaxError) -> JSON {
        skipSpace()
        let value = try value(depth: 0)
        skipSpace()
        guard position == text.count else { throw fault("text after the value") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSON {
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"): return try number()
        case let byte? where Self.isDigit(byte): return try number()
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw fault("the text ends where a value is expected")
        default: throw fault("a value is expected")
        }
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONObject {
        try enter(depth)
        var object = JSONObject()
        var names: Set<[UInt8]> = []
        if take(UInt8(ascii: "}")) { return object }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw fault("a member's name in quotes is expected") }
            let start = position
            let name = try string()
            guard names.insert(Array(name.utf8)).inserted else {
                throw JSONSyntaxError(offset: start, message: "a name that the object already has")
            }
            guard take(UInt8(ascii: ":")) else { throw fault("a colon is expected") }
            skipSpace()
            object.append(name, try value(depth: depth))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw fault("a comma or a closing brace is expected") }
        return object
    }

    private mutating func array(depth: Int) throws(JSONSyntaxError) -> [JSON] {
        try enter(depth)
        var elements: [JSON] = []
        if take(UInt8(ascii: "]")) { return elements }
        repeat {
            skipSpace()
            elements.append(try value(depth: depth))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw fault("a comma or a closing bracket is expected") }
        return elements
    }

    private mutating func enter(_ depth: Int) throws(JSONSyntaxError) {
        guard depth <= deepest else { throw fault("nested more than \(deepest) deep") }
        position += 1
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONSyntaxError) -> JSON {
        for byte in word.description.utf8 {
            guard next == byte else { throw fault("a value is expected") }
            position += 1
        }
        return value
    }
}

// Numbers.
extension JSONReader {
    private mutating func number() throws(JSONSyntaxError) -> JSON {
        let start = position
        var isWhole = true
        let isNegative = pass(UInt8(ascii: "-"))
        if !pass(UInt8(ascii: "0")) { try digits() }
        if pass(UInt8(ascii: ".")) {
            isWhole = false
            try digits()
        }
        if pass(UInt8(ascii: "e")) || pass(UInt8(ascii: "E")) {
            isWhole = false
            if !pass(UInt8(ascii: "+")) { _ = pass(UInt8(ascii: "-")) }
            try digits()
        }
        guard position - start <= Self.longestNumber else {
            throw JSONSyntaxError(offset: start, message: "a number of more than \(Self.longestNumber) characters")
        }
        let literal = String(decoding: text[start..<position], as: UTF8.self)
        if isWhole, let integer = Int64(literal), !(integer == 0 && isNegative) { return .integer(integer) }
        guard let number = Double(literal), number.isFinite else {
            throw JSONSyntaxError(offset: start, message: "a number out of range")
        }
        return .number(number)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = position
        while let byte = next, Self.isDigit(byte) { position += 1 }
        guard position > start else { throw fault("a digit is expected") }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

// Strings.
extension JSONReader {
    private mutating func string() throws(JSONSyntaxError) -> String {
        let start = position
        position += 1
        var bytes: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: bytes, as: UTF8.self) else {
                    throw JSONSyntaxError(offset: start, message: "a string that is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): try escape(into: &bytes)
            case 0..<0x20:
                position -= 1
                throw fault("a control character in a string")
            default: bytes.append(byte)
            }
        }
        throw JSONSyntaxError(offset: start, message: "a string without its closing quote")
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(JSONSyntaxError) {
        let escaped = next
        position += escaped == nil ? 0 : 1
        switch escaped {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(escaped ?? 0)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0c)
        case UInt8(ascii: "n"): bytes.append(0x0a)
        case UInt8(ascii: "r"): bytes.append(0x0d)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"): bytes.append(contentsOf: String(try scalar()).utf8)
        default: throw fault("an unknown escape")
        }
    }

    /// The scalar of `\uXXXX`, or of the pair `\uD8XX\uDCXX` (RFC 8259, 7).
    private mutating func scalar() throws(JSONSyntaxError) -> Character {
        let start = position
        var code = UInt32(try codeUnit())
        if (0xd800..<0xdc00).contains(code), pass(UInt8(ascii: "\\")), pass(UInt8(ascii: "u")) {
            let low = UInt32(try codeUnit())
            if (0xdc00..<0xe000).contains(low) { code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00) }
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw JSONSyntaxError(offset: start, message: "a surrogate without its other half")
        }
        return Character(scalar)
    }

    private mutating func codeUnit() throws(JSONSyntaxError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw fault("four hexadecimal digits are expected")
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }
}

// Bytes.
extension JSONReader {
    private var next: UInt8? { position < text.count ? text[position] : nil }

    /// Steps over `byte` if it stands here.
    private mutating func pass(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    /// The same after white space.
    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        return pass(byte)
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private func fault(_ message: String) -> JSONSyntaxError {
        JSONSyntaxError(offset: position, message: message)
    }
}
