internal import ControlProtocol

/// Numbers in at most five columns, and the signs of which sparklines are made.
struct TopText {
    /// The terminal shows more than ASCII.
    var isUnicode = true

    /// A terminal's characters by the locale's name (locale(7)).
    static func isUnicode(_ environment: [String: String]) -> Bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        return locale.lowercased().replacing("-", with: "").contains("utf8")
    }

    func rate(_ perSecond: Double?) -> String {
        guard let perSecond else { return "-" }
        if perSecond == 0 { return "0" }
        if perSecond < 9.95 { return Self.tenths(max(perSecond, 0.1)) }
        return count(Int(perSecond.rounded()))
    }

    func count(_ number: Int) -> String {
        switch number {
        case ..<100_000: "\(number)"
        case ..<999_500: "\((number + 500) / 1000)k"
        case ..<9_950_000: Self.tenths(Double(number) / 1e6) + "M"
        case ..<999_500_000: "\((number + 500_000) / 1_000_000)M"
        case ..<9_950_000_000: Self.tenths(Double(number) / 1e9) + "G"
        case ..<999_500_000_000: "\((number + 500_000_000) / 1_000_000_000)G"
        default: ">999G"
        }
    }

    func time(_ time: Duration?) -> String {
        guard let time else { return "-" }
        let microseconds = time.seconds * 1e6
        return switch microseconds {
        case ..<999.5: "\(Int(microseconds.rounded()))\(isUnicode ? "µ" : "u")s"
        case ..<9950: Self.tenths(microseconds / 1e3) + "ms"
        case ..<999_500: "\(Int((microseconds / 1e3).rounded()))ms"
        case ..<9_950_000: Self.tenths(microseconds / 1e6) + "s"
        default: "\(Int((microseconds / 1e6).rounded()))s"
        }
    }

    private static func tenths(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// The newest `columns` values, the last at the right; the highest of them is a full column.
    func sparkline(_ values: [Double], columns: Int) -> String {
        let shown = values.suffix(columns)
        let highest = shown.max() ?? 0
        let signs = Array(isUnicode ? " ▁▂▃▄▅▆▇█" : " .:-=+*#@")
        let line = shown.map { value -> Character in
            guard value > 0 else { return signs[0] }
            return signs[max(1, Int((value / highest * 8).rounded()))]
        }
        return spaces(columns - shown.count) + String(line)
    }
}
