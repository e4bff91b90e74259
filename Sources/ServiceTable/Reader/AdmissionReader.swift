internal import LinuxSystem

/// "Who gets in, and how much": checked in full; what is not there yet is refused by name.
enum AdmissionReader {
    static let keys: [Key<ServiceDraft>] = [
        .later("only_from", .list(of: source)),
        .later("no_access", .list(of: source)) { $0.isEmpty },
        .later("access_times", accessTimes),
        .later("max_load", load) { $0 == nil },
        Key("enabled", \.enabled, .boolean),
        Key("instances", \.instances, .limit(.number(1...10_000_000))),
        .later("connections", Kind<Int?>.limit(.number(1...100_000_000))) { $0 == nil },
        .later("per_source", Kind<Int?>.limit(.number(1...100_000_000))) { $0 == nil },
        .later("source_prefix", prefix),
        .later("rate", rate) { $0 == nil },
        .later("rate_per_source", rate) { $0 == nil },
        Key("on_limit", .word("wait", "refuse", "reset")) { value, cursor, _ in
            if value != "wait" { cursor.fault("on_limit: \(value) is not supported yet") }
        },
        .later("on_rate", .word("wait", "refuse", "reset")),
        .later("on_source_limit", .word("refuse", "reset")),
        .later("only_users", .list(of: .user)),
        .later("only_groups", .list(of: .group)),
        .later("busy_reply", .text),
        Key("trigger_limit", \.triggerLimit, triggerLimit),
        .later("proxy_protocol", proxy),
        .later("banner", .text("a file or text")),
    ]

    private static let triggerLimit = Section<TriggerLimit>([
        Key("burst", \.burst, .limit(.number(1...1_000_000))),
        Key("interval", \.interval, .positiveDuration),
        Key("backoff", \.backoff, .backoff(TriggerLimit().backoff)),
    ])

    /// An address, a CIDR block, a range, a host name or a `.domain`.
    private static let source = Kind<String>.scalar(
        "an address, a block such as 10.0.0.0/8, a range such as 10.0.0.1-10.0.0.9, a host name or a .domain"
    ) { text, _ throws(Hint) in
        if text.contains("/") { return try isBlock(text) ? text : nil }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        if ends.count == 2, let first = IPv4Address(ends[0]), let last = IPv4Address(ends[1]) {
            if first.bits > last.bits { throw Hint("the range ends before it begins") }
            return text
        }
        if ends.count == 2, let first = IPv6Address(ends[0]), let last = IPv6Address(ends[1]) {
            if (first.high, first.low) > (last.high, last.low) { throw Hint("the range ends before it begins") }
            return text
        }
        if IPv4Address(text) != nil || IPv6Address(text) != nil { return text }
        return HostName.isValid(text.hasPrefix(".") ? text.dropFirst() : text[...]) ? text : nil
    }

    /// `ADDRESS/LENGTH` without bits behind the prefix.
    private static func isBlock(_ text: String) throws(Hint) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let length = try Decimal.read(parts[1], as: Int.self), length >= 0 else { return false }
        let (high, low, width): (UInt64, UInt64, Int)
        if let address = IPv4Address(parts[0]) {
            (high, low, width) = (UInt64(address.bits) << 32, 0, 32)
        } else if let address = IPv6Address(parts[0]) {
            (high, low, width) = (address.high, address.low, 128)
        } else {
            return false
        }
        guard length <= width else { throw Hint("a prefix has at most \(width) bits here") }
        // A shift by 64 or more gives 0.
        let rest = (high << UInt64(min(length, 64)), length < 64 ? low : low << UInt64(length - 64))
        if rest != (0, 0) { throw Hint("the address has bits behind its prefix of \(length)") }
        return true
    }

    private static let accessTimes = {
        let time = Kind<String>.scalar("a time such as 08:00-18:00 or Mon-Fri 08:00-18:00") { text, _ in
            isAccessTime(text) ? text : nil
        }
        let list = Kind<[String]>.list(of: time, least: 1)
        var kind = Kind<[String]>("a time such as 08:00-18:00, or a list of them") { cursor, _ in
            cursor.node.text != nil ? time.read(cursor).map { [$0] } : list.read(cursor)
        }
        kind.isList = true
        return kind
    }()

    private static func isAccessTime(_ text: String) -> Bool {
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let words = text.split(separator: " ")
        guard (1...2).contains(words.count), let span = words.last else { return false }
        if words.count == 2 {
            for range in words[0].split(separator: ",", omittingEmptySubsequences: false) {
                let ends = range.split(separator: "-", omittingEmptySubsequences: false)
                guard (1...2).contains(ends.count), ends.allSatisfy({ days.contains(String($0)) }) else { return false }
            }
        }
        let times = span.split(separator: "-", omittingEmptySubsequences: false).map(minutes)
        return times.count == 2 && times[0] != nil && times[1] != nil && times[0] != times[1]
    }

    /// `HH:MM` up to 24:00.
    private static func minutes(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }),
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= 24 * 60
        else { return nil }
        return hour * 60 + minute
    }

    private static let load = Kind<Double?>.limit(
        Kind<Double>.scalar("a load average such as 4 or 2.5") { text, plain in
            let digits = text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2e }
            guard plain, digits, text.utf8.count <= 16, let value = Double(text), value > 0 else { return nil }
            return value
        })

    private struct Prefix: Sendable {
        var ipv4 = 32
        var ipv6 = 64
    }

    private static let prefix = Kind<Prefix>.mapping(
        Section([Key("ipv4", \.ipv4, .number(0...32)), Key("ipv6", \.ipv6, .number(0...128))]), from: Prefix())

    private struct Rate: Sendable {
        var rate = 0.0
        var burst = 1
    }

    private static let perTime = Kind<Double>.scalar("a rate such as 50/s, 600/min or 1000/h") { text, _ throws(Hint) in
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let seconds: [Substring: Double] = ["s": 1, "min": 60, "h": 3600]
        guard parts.count == 2, let unit = seconds[parts[1]],
            let count = try Decimal.read(parts[0], as: Int.self), (1...1_000_000_000).contains(count)
        else { return nil }
        return Double(count) / unit
    }

    private static let rate = Kind<Double?>.limit(
        .mapping(
            Kind<Rate>.mapping(
                Section([Key("rate", \.rate, perTime), Key("burst", \.burst, .number(1...1_000_000_000))]),
                from: Rate(), required: "rate"
            ).map(\.rate), or: perTime))

    private struct Proxy: Sendable {
        var from: [String] = []
        var version = "any"
        var others = "refuse"
    }

    private static let proxy = Kind<Proxy>.mapping(
        Section([
            Key("from", \.from, .list(of: block, least: 1)), Key("version", \.version, .word("any", "v1", "v2")),
            Key("others", \.others, .word("refuse", "plain")),
        ]), from: Proxy(), required: "from")

    private static let block = Kind<String>.scalar("an address or a block such as 10.0.0.0/8") { text, _ throws(Hint) in
        if text.contains("/") { return try isBlock(text) ? text : nil }
        return IPv4Address(text) != nil || IPv6Address(text) != nil ? text : nil
    }
}
