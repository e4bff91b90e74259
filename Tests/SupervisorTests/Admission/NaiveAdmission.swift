import ControlProtocol
import LinuxSystem
import ServiceTable

@testable import Supervisor

/// The rules of "Who gets in, and how much", as simple as they can be said and as slow: what the engine is held against.
struct NaiveAdmission {
    let settings: AdmissionSettings
    /// Of each connection that is here, its source.
    private(set) var present: [[Bool]] = []
    private var tokens: Level?
    private var tokensOfSources: [[Bool]: Level] = [:]

    init(_ settings: AdmissionSettings) {
        self.settings = settings
    }

    /// A bucket that is filled by the clock: a token is `interval` of these, and `count` of them come each nanosecond.
    private struct Level {
        var amount: Int64
        var at: Duration

        init(_ limit: RateLimit) { (amount, at) = (Int64(limit.burst) * limit.interval.nanoseconds, .zero) }

        mutating func fill(_ limit: RateLimit, until now: Duration) {
            amount = min(
                Int64(limit.burst) * limit.interval.nanoseconds,
                amount + (now - at).nanoseconds * Int64(limit.count))
            at = now
        }
    }

    /// - Returns: Why not; nil admits, and takes.
    mutating func decide(_ subject: AdmissionSubject, at now: Duration) -> RefusalReason? {
        guard let address = subject.source.bits else { return .source }
        if !isWelcome(address, subject.name) { return .source }
        if !isOpen(at: subject.minuteOfWeek) { return .time }
        if let most = settings.maxLoad, subject.load > most { return .load }
        let kept = address.count == 32 ? settings.sourcePrefix.ipv4 : settings.sourcePrefix.ipv6
        // The family is part of the source: both have a prefix of length 0.
        let source = [address.count == 32] + address.prefix(kept)
        if let most = settings.perSource, present.count(where: { $0 == source }) >= most { return .perSource }
        if let limit = settings.ratePerSource {
            tokensOfSources[source, default: Level(limit)].fill(limit, until: now)
            if tokensOfSources[source, default: Level(limit)].amount < limit.interval.nanoseconds {
                return .ratePerSource
            }
        }
        if let limit = settings.rate {
            var level = tokens ?? Level(limit)
            level.fill(limit, until: now)
            tokens = level
            if level.amount < limit.interval.nanoseconds { return .rate }
            tokens?.amount -= limit.interval.nanoseconds
        }
        if let limit = settings.ratePerSource { tokensOfSources[source]?.amount -= limit.interval.nanoseconds }
        present.append(source)
        return nil
    }

    mutating func leave(_ index: Int) {
        present.remove(at: index)
    }

    private func isWelcome(_ address: [Bool], _ name: SourceName) -> Bool {
        let allowed = (settings.onlyFrom ?? []).compactMap { exactness(of: $0, for: address, name) }.max()
        let refused = settings.noAccess.compactMap { exactness(of: $0, for: address, name) }.max()
        if let allowed, let refused { return allowed > refused }
        if settings.onlyFrom != nil { return allowed != nil }
        return refused == nil
    }

    /// Nil: it does not match. Single addresses come before names, names before blocks.
    private func exactness(of entry: Source, for address: [Bool], _ name: SourceName) -> Int? {
        switch entry {
        case .block(let block): return exactness(of: block, for: address)
        case .host(_, let addresses): return addresses.compactMap { exactness(of: $0, for: address) }.max()
        case .domain(let domain):
            if case .known(let name) = name, name.hasSuffix(domain) { return 1000 + domain.utf8.count }
            return nil
        case .range: return nil
        }
    }

    private func exactness(of block: AddressBlock, for address: [Bool]) -> Int? {
        guard block.width == address.count, block.bits == Array(address.prefix(block.length)) else { return nil }
        return block.length == block.width ? 1_000_000 : block.length
    }

    private func isOpen(at minute: Int) -> Bool {
        settings.accessTimes.isEmpty
            || settings.accessTimes.contains { time in
                (0..<7).contains { day in
                    guard time.days & 1 << day != 0 else { return false }
                    let length = (time.end - time.begin + 1440) % 1440
                    let since = (minute - day * 1440 - time.begin + 7 * 1440) % (7 * 1440)
                    return since < (length == 0 ? 1440 : length)
                }
            }
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}

/// Of 128 bits the first so many.
private func firstBits(_ high: UInt64, _ low: UInt64, _ count: Int) -> [Bool] {
    (0..<count).map { number in
        let half = number < 64 ? high : low
        return half >> UInt64(63 - number % 64) & 1 == 1
    }
}

extension AddressBlock {
    /// Of the prefix.
    fileprivate var bits: [Bool] { firstBits(high, low, length) }
}

extension SocketAddress {
    /// 32 or 128; of an IPv4-mapped address the 32 at its end.
    fileprivate var bits: [Bool]? {
        let mapped = Array(repeating: false, count: 80) + Array(repeating: true, count: 16)
        switch self {
        case .ipv4(let address, _): return firstBits(UInt64(address.bits) << 32, 0, 32)
        case .ipv6(let address, _, _):
            let all = firstBits(address.high, address.low, 128)
            return Array(all.prefix(96)) == mapped ? Array(all.suffix(32)) : all
        default: return nil
        }
    }
}
