extension Kind where Value == String {
    /// Any text but none.
    static var text: Kind { text("text") }

    static func text(_ expected: String) -> Kind {
        .scalar(expected, .text) { text, _ throws(Hint) in text.isEmpty ? nil : text }
    }

    /// Any text, the empty one too when it is quoted.
    static var anyText: Kind { .scalar("text", .anyText) { text, _ in text } }

    static var absolutePath: Kind {
        .scalar("an absolute path", .string("/.*")) { text, _ throws(Hint) in text.hasPrefix("/") ? text : nil }
    }

    static func word(_ words: String...) -> Kind {
        .scalar(Words.list(words), .words(words)) { text, _ throws(Hint) in
            if words.contains(text) { return text }
            throw Hint(near: text, words)
        }
    }
}

extension Kind where Value: RawRepresentable & CaseIterable & Sendable, Value.RawValue == String {
    /// The raw value of a case.
    static var choice: Kind {
        let words = Value.allCases.map(\.rawValue)
        let values = Dictionary(uniqueKeysWithValues: zip(words, Value.allCases))
        return .scalar(Words.list(words), .words(words)) { text, _ throws(Hint) in
            if let value = values[text] { return value }
            throw Hint(near: text, words)
        }
    }
}

extension Hint {
    /// The nearest of the words, if one is near.
    fileprivate init(near text: String, _ words: [String]) {
        let nearest = Words.nearest(to: text, among: words)
        self.init(nearest.hasPrefix("; did") ? String(nearest.dropFirst(2)) : "")
    }
}

extension Kind where Value == Bool {
    /// YAML 1.2's two words.
    static var boolean: Kind {
        .scalar("true or false", .boolean) { text, plain throws(Hint) in
            switch text {
            case "true", "false":
                if plain { return text == "true" }
                throw Hint("without quotes")
            case "yes", "on", "Yes", "On", "YES", "ON", "True", "TRUE", "y":
                throw Hint("in YAML 1.2 \(text) is a string: write true")
            case "no", "off", "No", "Off", "NO", "OFF", "False", "FALSE", "n":
                throw Hint("in YAML 1.2 \(text) is a string: write false")
            default: return nil
            }
        }
    }
}

extension Kind where Value: FixedWidthInteger & Sendable {
    /// A decimal number.
    static func number(_ range: ClosedRange<Value>, of what: String = "a number") -> Kind {
        .scalar(
            "\(what) from \(range.lowerBound) to \(range.upperBound)",
            .number(Int64(clamping: range.lowerBound)...Int64(clamping: range.upperBound))
        ) { text, plain throws(Hint) in
            guard let value = try Decimal.read(text, as: Value.self), range.contains(value) else { return nil }
            if !plain { throw Hint("without quotes") }
            return value
        }
    }
}

enum Decimal {
    /// Digits with an optional minus; nil for anything else. Digits that begin with 0 could mean octal.
    static func read<Value: FixedWidthInteger>(_ text: some StringProtocol, as type: Value.Type) throws(Hint) -> Value?
    {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        if digits.count > 1, digits.hasPrefix("0") { throw Hint("a number does not begin with 0") }
        return Value(text)
    }
}

extension Kind where Value == UInt32 {
    /// Permission bits: octal digits, quoted or not.
    static func octal(upTo most: UInt32) -> Kind {
        .scalar(
            "octal digits up to \(String(most, radix: 8)), such as 022",
            // Without quotes a number to YAML, with the digits that it has.
            .or(.number(0...(Int64(String(most, radix: 8)) ?? 0)), .string("[0-7]{1,5}"))
        ) { text, _ throws(Hint) in
            guard text.utf8.count <= 5, text.utf8.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
            guard let value = UInt32(text, radix: 8), value <= most else { return nil }
            return value
        }
    }
}

extension Kind where Value == Duration {
    static var duration: Kind { duration(least: .zero) }
    static var positiveDuration: Kind { duration(least: .milliseconds(1)) }

    private static let units = "(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?"

    /// Numbers with units, largest unit first: `1h30m`.
    private static func duration(least: Duration) -> Kind {
        .scalar(
            "a duration such as 100ms, 5s, 2m or 1h30m", .string((least > .zero ? "(?=.*[1-9])" : "") + units)
        ) { text, _ throws(Hint) in
            guard let value = try Self.parse(text) else { return nil }
            if value < least { throw Hint("it must be more than 0") }
            return value
        }
    }

    /// A hundred years: `unlimited` where a time is always kept.
    static var endless: Duration { .seconds(100 * 366 * 86400) }

    private static func parse(_ text: String) throws(Hint) -> Duration? {
        let units: [(name: String, milliseconds: Int64)] = [
            ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
        ]
        var rest = text[...]
        var total: Int64 = 0
        var next = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let count = Int64(digits) else { return nil }
            if name.isEmpty { throw Hint("a unit is missing: ms, s, m, h or d") }
            guard let unit = units.indices.first(where: { units[$0].name == name }) else { return nil }
            if unit < next { throw Hint("the largest unit comes first, each once") }
            next = unit + 1
            let (part, overflow) = count.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (sum, over) = total.addingReportingOverflow(part)
            if overflow || over || .milliseconds(sum) > Self.endless { throw Hint("at most 36600d") }
            total = sum
        }
        return .milliseconds(total)
    }
}

extension Duration {
    /// As a table writes it, in seconds or milliseconds.
    var words: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }
}

extension Kind where Value == UInt64 {
    /// Bytes, with or without a unit.
    static func size(upTo most: UInt64 = .max) -> Kind {
        .scalar(
            "a size such as 4096, 64KiB or 10MB",
            .or(.number(0...Int64(clamping: most)), .string("[0-9]+(B|[KMGT]iB|[kKMGT]B)?"))
        ) { text, _ throws(Hint) in
            let units: [String: UInt64] = [
                "": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "kB": 1000, "KB": 1000,
                "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
            ]
            let digits = text.prefix { $0.isASCII && $0.isNumber }
            let name = String(text.dropFirst(digits.count))
            guard let count = UInt64(digits) else { return nil }
            guard let unit = units[name] else { throw Hint("units are KiB, MiB, GiB, TiB, KB, MB, GB and TB") }
            let (value, overflow) = count.multipliedReportingOverflow(by: unit)
            if overflow || value > most { throw Hint("at most \(most)") }
            return value
        }
    }
}
