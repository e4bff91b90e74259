internal import ControlProtocol
internal import LinuxSystem

/// Which refusals are reported one by one, and which only in number, so that a flood of them fills neither the log
/// nor the memory: pure, given the time.
///
/// The first from a source for a reason is reported at once; what follows within a minute is counted. Sources beyond
/// the first hundred in a minute are counted together.
struct RefusalSummary {
    private var entries: [Key: Entry] = [:]
    private var others: [RefusalReason: Int] = [:]
    private var othersSince: Duration?

    static let interval = Duration.seconds(60)
    static let mostEntries = 100

    private struct Key: Hashable {
        let source: SocketAddress
        let reason: RefusalReason
    }

    private struct Entry {
        var since: Duration
        var count = 0
    }

    /// So many more refusals than were reported.
    struct Repeats: Equatable {
        /// Nil: of several.
        var source: SocketAddress?
        var reason: RefusalReason
        var count: Int
    }

    /// Takes note of a refusal.
    ///
    /// - Parameter source: Without a port.
    /// - Returns: Whether it is to be reported now.
    mutating func reports(_ source: SocketAddress, _ reason: RefusalReason, at now: Duration) -> Bool {
        let key = Key(source: source, reason: reason)
        if entries[key] != nil {
            entries[key]?.count += 1
            return false
        }
        guard entries.count < Self.mostEntries else {
            others[reason, default: 0] += 1
            if othersSince == nil { othersSince = now }
            return false
        }
        entries[key] = Entry(since: now)
        return true
    }

    /// When `takeDue` has something to do.
    var nextDue: Duration? {
        let first = entries.values.lazy.map(\.since).min()
        return [first, othersSince].compactMap { $0 }.min().map { $0 + Self.interval }
    }

    /// What was counted in intervals that are over. A source that went on being refused is counted on; one that was
    /// not is forgotten.
    mutating func takeDue(at now: Duration) -> [Repeats] {
        var due: [Repeats] = []
        for (key, entry) in entries where entry.since + Self.interval <= now {
            if entry.count > 0 { due.append(Repeats(source: key.source, reason: key.reason, count: entry.count)) }
            entries[key] = entry.count > 0 ? Entry(since: now) : nil
        }
        due.sort { $0.count > $1.count }
        if let since = othersSince, since + Self.interval <= now {
            for reason in RefusalReason.allCases {
                if let count = others[reason] { due.append(Repeats(source: nil, reason: reason, count: count)) }
            }
            others = [:]
            othersSince = nil
        }
        return due
    }

    /// Makes everything due now.
    mutating func endIntervals() {
        for key in entries.keys { entries[key]?.since = .zero - Self.interval }
        if othersSince != nil { othersSince = .zero - Self.interval }
    }
}

extension SocketAddress {
    /// What counts as one source in a summary.
    var withoutPort: SocketAddress {
        switch normalized {
        case .ipv4(let address, _): .ipv4(address, port: 0)
        case .ipv6(let address, _, let scope): .ipv6(address, port: 0, scope: scope)
        case .vsock(let cid, _): .vsock(cid: cid, port: 0)
        case .unix, .abstract: self
        }
    }
}
