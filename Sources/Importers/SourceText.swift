/// The lines of a source file, as text.
struct SourceLines {
    struct Line {
        /// From 1.
        var number: Int
        var text: String
        /// It ended in CR LF; the CR is not in `text`.
        var hasReturn = false
        /// Not UTF-8; `text` has replacement characters.
        var isBroken = false
    }

    private(set) var lines: [Line] = []

    init(_ bytes: [UInt8]) {
        var number = 0
        for piece in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            var line = piece
            let hasReturn = line.last == UInt8(ascii: "\r")
            if hasReturn { line = line.dropLast() }
            let valid = String(validating: line, as: UTF8.self)
            let text = valid ?? String(decoding: line, as: UTF8.self)
            // NUL has no place in a table, nor in an argument.
            lines.append(
                Line(number: number, text: text, hasReturn: hasReturn, isBroken: valid == nil || line.contains(0)))
        }
        if lines.last?.text.isEmpty == true { lines.removeLast() }
    }
}

extension Character {
    /// What separates words: not what Unicode calls white space.
    var isBlank: Bool { self == " " || self == "\t" || self == "\u{b}" || self == "\u{c}" }
}

extension StringProtocol {
    /// The text between blanks.
    var words: [String] { split(whereSeparator: \.isBlank).map { String($0) } }

    var trimmed: String {
        String(drop(while: \.isBlank).reversed().drop(while: \.isBlank).reversed())
    }

    /// Digits only.
    var isDecimal: Bool { !isEmpty && utf8.allSatisfy { (0x30...0x39).contains($0) } }

    /// The part behind the last slash.
    var baseName: String { split(separator: "/").last.map { String($0) } ?? String(self) }
}
