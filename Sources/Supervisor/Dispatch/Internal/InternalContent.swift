internal import ControlProtocol

/// What the internal services say.
enum InternalContent {
    /// RFC 864's pattern: lines of 72 of the 95 printing characters and CRLF, each begun one character
    /// later than the one before, until after 95 lines it begins anew.
    static let characters: [UInt8] = {
        let ring = Array(UInt8(ascii: "!")...UInt8(ascii: "~")) + [UInt8(ascii: " ")]
        return ring.indices.flatMap { start in (0..<72).map { ring[(start + $0) % ring.count] } + [13, 10] }
    }()

    /// The lines of `characters`, and the length of one.
    static let characterLines = 95
    static let characterLineLength = 74
    /// RFC 864: a datagram holds up to 512 characters.
    static let longestCharacters = 512

    /// `count` characters of the pattern, from its line number `line` on.
    static func characters(_ count: Int, fromLine line: Int) -> [UInt8] {
        let start = line * characterLineLength
        return (0..<count).map { characters[(start + $0) % characters.count] }
    }

    /// RFC 867 sets no form. This is inetd's, ctime(3), with the zone that inetd leaves to be guessed:
    /// `Tue Nov 24 00:16:54 2026 UTC`. Local time would take the reading of files.
    static func daytime(_ time: Timestamp) -> [UInt8] {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]  // from 1970-01-01 on
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let fields = "\(time)".split { "-T:.".contains($0) }
        let month = Int(fields[1]) ?? 1
        let day = fields[2].first == "0" ? " \(fields[2].dropFirst())" : "\(fields[2])"
        let clock = fields[3...5].joined(separator: ":")
        return Array("\(days[time.day % 7]) \(months[month - 1]) \(day) \(clock) \(fields[0]) UTC\r\n".utf8)
    }

    /// Seconds since 1900-01-01 00:00 UTC in four bytes, the highest first (RFC 868). They begin anew in 2036.
    static func time(_ time: Timestamp) -> [UInt8] {
        let seconds = UInt32(truncatingIfNeeded: time.seconds + 2_208_988_800)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: seconds >> $0) }
    }

    /// The quote of the day (RFC 865: fewer than 512 characters).
    static func quote(_ time: Timestamp) -> [UInt8] {
        Array((quotes[time.day % quotes.count] + "\r\n").utf8)
    }

    static let quotes = [
        "They also serve who only stand and wait. (John Milton)",
        "And like runners they hand on the torch of life. (Lucretius)",
        "The race is not to the swift, nor the battle to the strong. (Ecclesiastes)",
        "Make haste slowly. (Augustus)",
        "He gives twice who gives quickly. (Publilius Syrus)",
        "Well begun is half done. (proverb)",
        "Be liberal in what you accept, and conservative in what you send. (Jon Postel)",
        "Running is no use; one must start in time. (Jean de La Fontaine)",
        "Many hands make light work. (John Heywood)",
    ]
}

extension Timestamp {
    /// Days since 1970-01-01.
    fileprivate var day: Int { Int(max(0, seconds) / 86_400) }
}
