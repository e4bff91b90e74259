extension Duration {
    /// Reads a time as the service table writes it: `100ms`, `5s`, `2m`, `1h30m`. Nil without a unit, out
    /// of order, or beyond 1000 days.
    package init?(text: String) {
        var rest = text.utf8[...]
        var total: Int64 = 0
        var largest = Int64.max
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest[digits.endIndex...]
            let unit = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            rest = rest[unit.endIndex...]
            guard digits.count <= 11, let count = Int64(Substring(digits)),
                let milliseconds = Self.milliseconds(of: Substring(unit)), milliseconds < largest
            else { return nil }
            largest = milliseconds
            total += count * milliseconds
            guard total <= 86_400_000_000 else { return nil }
        }
        self = .milliseconds(total)
    }

    private static func milliseconds(of unit: Substring) -> Int64? {
        switch unit {
        case "ms": 1
        case "s": 1000
        case "m": 60_000
        case "h": 3_600_000
        default: nil
        }
    }

    /// Seconds to the microsecond, for JSON.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds / 1_000_000_000_000) / 1_000_000
    }

    /// Reads what `seconds` writes, to the microsecond. Nil beyond thousands of years, where Duration
    /// itself would trap.
    package init?(seconds: Double) {
        guard abs(seconds) < 1e12 else { return nil }
        self = .microseconds(Int64((seconds * 1_000_000).rounded()))
    }

    /// For people: `340ms`, `1.2s`, `42s`, `3m20s`, `5h2m`, `3d4h`.
    package var brief: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        let seconds = milliseconds / 1000
        return switch seconds {
        case ..<1: "\(milliseconds)ms"
        case ..<10: "\(seconds).\(milliseconds % 1000 / 100)s"
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m\(seconds % 60)s"
        case ..<86_400: "\(seconds / 3600)h\(seconds / 60 % 60)m"
        default: "\(seconds / 86_400)d\(seconds / 3600 % 24)h"
        }
    }
}
