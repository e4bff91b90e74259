extension Kind where Value == [AccessTime] {
    /// `08:00-18:00`, with days before it, or a list of those.
    static var accessTimes: Kind {
        let list = Kind.list(of: .accessTime, least: 1)
        var kind = Kind(
            "a time such as 08:00-18:00, or a list of them", .or(Kind<AccessTime>.accessTime.shape, list.shape)
        ) { cursor, _ in
            cursor.node.text != nil ? Kind<AccessTime>.accessTime.read(cursor).map { [$0] } : list.read(cursor)
        }
        kind.isList = true
        return kind
    }
}

extension Kind where Value == AccessTime {
    static var accessTime: Kind {
        .scalar(
            "a time such as 08:00-18:00 or Mon-Fri 08:00-18:00", .string(AccessTime.pattern)
        ) { text, _ throws(Hint) in AccessTime(text) }
    }
}

extension AccessTime {
    private static let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

    fileprivate static let pattern: String = {
        let day = "(\(names.joined(separator: "|")))"
        let days = "\(day)(-\(day))?"
        let time = "[0-2][0-9]:[0-5][0-9]"
        return " *(\(days)(,\(days))* +)?\(time)-\(time) *"
    }()

    fileprivate init?(_ text: String) {
        self.init()
        let words = text.split(separator: " ")
        guard (1...2).contains(words.count), let span = words.last else { return nil }
        if words.count == 2 {
            guard let days = Self.days(words[0]) else { return nil }
            self.days = days
        }
        let times = span.split(separator: "-", omittingEmptySubsequences: false).map(Self.minutes)
        guard times.count == 2, let begin = times[0], let end = times[1], begin != end, begin < 24 * 60 else {
            return nil
        }
        self.begin = begin
        self.end = end
    }

    /// `Mon`, `Mon-Fri`, `Fri-Mon` or several with commas between them.
    private static func days(_ text: Substring) -> UInt8? {
        var days: UInt8 = 0
        for range in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = range.split(separator: "-", omittingEmptySubsequences: false).map {
                names.firstIndex(of: String($0))
            }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else { return nil }
            for day in first...(last < first ? last + 7 : last) { days |= 1 << (day % 7) }
        }
        return days
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
}
