extension String {
    /// Text from outside, made fit for a log line and a terminal: cut after `limit` bytes (at a whole
    /// scalar, marked with `…`), with everything that would move a cursor or end a line escaped, and the
    /// backslash too, so that an escape can be told from what was sent.
    package func printable(limit: Int = 256) -> String {
        var result = ""
        var length = 0
        for scalar in unicodeScalars {
            length += UTF8.width(scalar)
            guard length <= limit else { return result + "…" }
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\\": result += "\\\\"
            case _ where scalar.isDisruptive && scalar.value < 0x80: result += "\\x" + scalar.hexadecimal(digits: 2)
            case _ where scalar.isDisruptive: result += "\\u{\(scalar.hexadecimal(digits: 4))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Unicode.Scalar {
    /// A control character, a line separator, or one of the marks that turn the direction of what follows.
    /// All of them lie in the basic plane.
    var isDisruptive: Bool {
        switch value {
        case 0..<0x20, 0x7f..<0xa0, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfeff: true
        default: false
        }
    }

    func hexadecimal(digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
