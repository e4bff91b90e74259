/// The kinds of values in unit files.
enum UnitValue {
    static func bool(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "yes", "y", "true", "t", "on": true
        case "0", "no", "n", "false", "f", "off": false
        default: nil
        }
    }

    /// A number from 0 (safe_atou: decimal, 0x, 0o, 0b, and octal behind a 0).
    static func number(_ text: String) -> UInt64? {
        let lower = text.lowercased()
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where lower.hasPrefix(prefix) {
            return UInt64(lower.dropFirst(2), radix: radix)
        }
        guard text.isDecimal else { return nil }
        if text.count > 1, text.hasPrefix("0") { return UInt64(text, radix: 8) }
        return UInt64(text)
    }

    /// Bytes; K, M, G, T, P and E count by 1024.
    static func size(_ text: String) -> UInt64? {
        let units: [Character: UInt64] = [
            "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50, "E": 1 << 60,
        ]
        var body = text.trimmed[...]
        var factor: UInt64 = 1
        if let last = body.last, let unit = units[last] {
            factor = unit
            body = body.dropLast()
        }
        // systemd takes fractions: 1.5G.
        if let whole = UInt64(body) {
            let (bytes, overflow) = whole.multipliedReportingOverflow(by: factor)
            return overflow ? nil : bytes
        }
        guard body.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2e }), let value = Double(body) else {
            return nil
        }
        let bytes = value * Double(factor)
        return bytes < 9e18 ? UInt64(bytes) : nil
    }

    static func mode(_ text: String) -> UInt32? {
        guard text.utf8.count <= 6, let mode = UInt32(text, radix: 8), mode <= 0o7777 else { return nil }
        return mode
    }

    /// `5min 20s`, `infinity`, a number alone in seconds (systemd.time(7)).
    enum Span: Hashable {
        case microseconds(UInt64)
        case infinite

        /// As the table takes it: in whole milliseconds, `unlimited` for infinity. Nil for nothing at all.
        var word: String? {
            switch self {
            case .infinite: return "unlimited"
            case .microseconds(0): return nil
            case .microseconds(let count):
                let milliseconds = max(1, count / 1000)
                for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] as [(String, UInt64)]
                where milliseconds % size == 0 {
                    return "\(milliseconds / size)\(unit)"
                }
                return "\(milliseconds)ms"
            }
        }
    }

    private static let units: [String: UInt64] = [
        "us": 1, "usec": 1, "µs": 1, "μs": 1, "ms": 1000, "msec": 1000, "s": 1_000_000, "sec": 1_000_000,
        "second": 1_000_000, "seconds": 1_000_000, "": 1_000_000, "m": 60_000_000, "min": 60_000_000,
        "minute": 60_000_000, "minutes": 60_000_000, "h": 3_600_000_000, "hr": 3_600_000_000,
        "hour": 3_600_000_000, "hours": 3_600_000_000, "d": 86_400_000_000, "day": 86_400_000_000,
        "days": 86_400_000_000, "w": 604_800_000_000, "week": 604_800_000_000, "weeks": 604_800_000_000,
        "M": 2_629_800_000_000, "month": 2_629_800_000_000, "months": 2_629_800_000_000,
        "y": 31_557_600_000_000, "year": 31_557_600_000_000, "years": 31_557_600_000_000,
    ]

    static func span(_ text: String) -> Span? {
        if text.trimmed == "infinity" { return .infinite }
        var total: UInt64 = 0
        var rest = text.trimmed[...]
        if rest.isEmpty { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count).drop(while: \.isBlank)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count).drop(while: \.isBlank)
            guard let value = Double(number), let size = units[String(unit)] else { return nil }
            let microseconds = value * Double(size)
            guard microseconds < 3e17 else { return .infinite }
            total += UInt64(microseconds)
            if total > 300_000_000_000_000_000 { return .infinite }
        }
        return .microseconds(total)
    }

    /// Words with quotes and escapes (systemd.syntax(7), Quoting); nil when a quote is not closed.
    static func words(_ text: String) -> [String]? { QuotedWords(text)?.words.map(\.text) }
}
