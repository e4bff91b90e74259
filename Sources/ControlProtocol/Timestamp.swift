/// A moment of the real-time clock, as it is written everywhere: RFC 3339, UTC.
package struct Timestamp: Hashable, Sendable {
    /// Since 1970-01-01T00:00:00Z, without leap seconds (clock_gettime(2), CLOCK_REALTIME).
    package var seconds: Int64
    /// 0 to 999,999,999.
    package var nanoseconds: Int32

    package init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}

extension Timestamp: CustomStringConvertible {
    /// `2026-11-23T23:40:01.123Z`, cut to the millisecond.
    package var description: String {
        let (days, second) = seconds.quotientAndRemainder(flooringBy: 86_400)
        let date = CivilDate(daysSinceEpoch: days)
        return "\(date.year.padded(4))-\(date.month.padded(2))-\(date.day.padded(2))T"
            + "\((second / 3600).padded(2)):\((second / 60 % 60).padded(2)):\((second % 60).padded(2))"
            + ".\((Int64(nanoseconds) / 1_000_000).padded(3))Z"
    }
}

extension Timestamp {
    /// As HTTP writes it (RFC 9110, section 5.6.7): `Mon, 23 Nov 2026 23:40:01 GMT`.
    package var httpDate: String {
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let (days, second) = seconds.quotientAndRemainder(flooringBy: 86_400)
        let weekday = Int(days.quotientAndRemainder(flooringBy: 7).1)
        let date = CivilDate(daysSinceEpoch: days)
        return "\(weekdays[weekday]), \(date.day.padded(2)) \(months[Int(date.month) - 1]) \(date.year.padded(4)) "
            + "\((second / 3600).padded(2)):\((second / 60 % 60).padded(2)):\((second % 60).padded(2)) GMT"
    }
}

extension Timestamp {
    /// Reads what `description` writes, with any fraction or none. Nil for anything else, other offsets
    /// than `Z` included.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard (20...30).contains(bytes.count), bytes.last == UInt8(ascii: "Z"),
            let year = Self.number(bytes[0..<4]), bytes[4] == UInt8(ascii: "-"),
            let month = Self.number(bytes[5..<7]), bytes[7] == UInt8(ascii: "-"),
            let day = Self.number(bytes[8..<10]), bytes[10] == UInt8(ascii: "T"),
            let hour = Self.number(bytes[11..<13]), bytes[13] == UInt8(ascii: ":"),
            let minute = Self.number(bytes[14..<16]), bytes[16] == UInt8(ascii: ":"),
            let second = Self.number(bytes[17..<19]),
            hour < 24, minute < 60, second < 60, let fraction = Self.fraction(bytes[19..<(bytes.count - 1)])
        else { return nil }
        let date = CivilDate(year: year, month: month, day: day)
        // The 31st of a shorter month would come back as another day.
        guard CivilDate(daysSinceEpoch: date.daysSinceEpoch) == date else { return nil }
        seconds = date.daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second
        nanoseconds = fraction
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    private static func fraction(_ text: ArraySlice<UInt8>) -> Int32? {
        guard let point = text.first else { return 0 }
        let digits = text.dropFirst()
        guard point == UInt8(ascii: "."), !digits.isEmpty, var value = number(digits) else { return nil }
        for _ in digits.count..<9 { value *= 10 }
        return Int32(exactly: value)
    }
}

extension Timestamp: Comparable {
    /// The moment `duration` before.
    package static func - (moment: Timestamp, duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = Int64(moment.nanoseconds) - attoseconds / 1_000_000_000
        let (carried, rest) = nanoseconds.quotientAndRemainder(flooringBy: 1_000_000_000)
        return Timestamp(seconds: moment.seconds - seconds + carried, nanoseconds: Int32(rest))
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

/// A day of the proleptic Gregorian calendar, after Howard Hinnant's "chrono-Compatible Low-Level Date
/// Algorithms": eras of 400 years, years that begin in March.
private struct CivilDate: Hashable {
    var year: Int64
    var month: Int64
    var day: Int64

    init(year: Int64, month: Int64, day: Int64) {
        self.year = year
        self.month = month
        self.day = day
    }

    init(daysSinceEpoch days: Int64) {
        let (era, dayOfEra) = (days + 719_468).quotientAndRemainder(flooringBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSinceEpoch: Int64 {
        let (era, yearOfEra) = (month <= 2 ? year - 1 : year).quotientAndRemainder(flooringBy: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Int64 {
    /// Division whose remainder is never negative, for days before 1970.
    fileprivate func quotientAndRemainder(flooringBy divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    fileprivate func padded(_ width: Int) -> String {
        let text = "\(self)"
        return String(repeating: "0", count: Swift.max(0, width - text.utf8.count)) + text
    }
}
