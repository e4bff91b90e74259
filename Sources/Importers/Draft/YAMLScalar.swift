/// Text as a YAML scalar: plain where every reader takes it for that text, else in double quotes.
enum YAMLScalar {
    enum Context {
        /// A value on a line of its own.
        case block
        /// Inside brackets or braces.
        case flow
        case key
    }

    static func text(_ text: String, in context: Context) -> String {
        isPlain(text, in: context) ? text : quoted(text)
    }

    /// YAML 1.1's words too: other tools read tables.
    private static let words: Set = [
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<", "=", "---", "...",
    ]

    private static func isPlain(_ text: String, in context: Context) -> Bool {
        guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last else { return false }
        if words.contains(text.lowercased()) || looksLikeNumber(text) || text.utf8.count > 200 { return false }
        if first == " " || last == " " || last == ":" { return false }
        if "!&*?|>@%`'\"#,[]{}:=".unicodeScalars.contains(first) { return false }
        if first == "-", text.unicodeScalars.count == 1 || text.hasPrefix("- ") || text.hasPrefix("---") {
            return false
        }
        if text.contains(": ") || text.contains(" #") { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case ",", "[", "]", "{", "}": context == .block
            case ":": context != .flow && context != .key
            case "#", "\"", "\\": context == .block
            default: (0x20..<0x7f).contains(scalar.value) || (0xa1..<0x2000).contains(scalar.value)
            }
        }
    }

    /// Numbers, dates and times of day in the eyes of YAML 1.1 and 1.2 (`0x1f`, `1_000`, `.5`, `12:30`, `1e3`).
    private static func looksLikeNumber(_ text: String) -> Bool {
        let body = text.unicodeScalars.drop { $0 == "+" || $0 == "-" || $0 == "." }
        guard let first = body.first else { return false }
        if [".inf", ".nan"].contains(text.lowercased().drop { $0 == "+" || $0 == "-" }) { return true }
        guard ("0"..."9").contains(first) else { return false }
        // Two points make an address, and a slash a block: no number has either.
        if body.filter({ $0 == "." }).count > 1 || body.contains("/") { return false }
        return body.allSatisfy { scalar in
            switch scalar {
            case "0"..."9", "a"..."f", "A"..."F", "x", "X", "o", "O", "_", ".", "+", "-", ":": true
            default: false
            }
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default: result += isPrintable(scalar) ? String(scalar) : escaped(scalar)
            }
        }
        return result + "\""
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20..<0x7f, 0xa1..<0x2000, 0x2010..<0x2028, 0x2030..<0xd800, 0xe000..<0xfe00, 0x10000...0x10fffd: true
        default: false
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        return "\\" + letter + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
