import ControlProtocol
import ServiceTable
import Testing

@testable import LinuxSystem
@testable import Supervisor

/// Random tables and random clients: the engine and the naive rules say the same, connection by connection.
@Suite("Admission against the naive rules")
struct AdmissionPropertyTests {
    @Test("whatever comes and goes", arguments: 0..<40 as Range<UInt64>)
    func sameVerdicts(seed: UInt64) {
        var random = Dice(state: seed)
        for _ in 0..<10 {
            let settings = random.settings()
            var (engine, naive) = (Admission(settings), NaiveAdmission(settings))
            var tokens: [Admission.Token] = []
            var now = Duration.zero
            for step in 0..<200 {
                now += .milliseconds(random.below(4) == 0 ? random.below(1500) : 0)
                if !tokens.isEmpty, random.below(3) == 0 {
                    let index = random.below(tokens.count)
                    engine.giveBack(tokens.remove(at: index))
                    naive.leave(index)
                    continue
                }
                let subject = random.subject()
                let expected = naive.decide(subject, at: now)
                let found = decide(&engine, subject, at: now) { tokens.append($0) }
                guard found == expected else {
                    Issue.record("step \(step): \(subject) gave \(words(found)), not \(words(expected)): \(settings)")
                    return
                }
            }
            #expect(naive.present.count == tokens.count)
        }
    }

    @Test("without the name a verdict is given only where no name could turn it", arguments: 0..<20 as Range<UInt64>)
    func namesAskedFor(seed: UInt64) {
        var random = Dice(state: seed &+ 1000)
        for _ in 0..<500 {
            let settings = random.settings()
            let list = SourceList(onlyFrom: settings.onlyFrom, noAccess: settings.noAccess)
            guard let address = AddressBlock(random.subject().source) else { continue }
            let answers = Set(
                ([.none] + Dice.names.map { .known($0) }).map { list.answer(for: address, name: $0) == .admitted })
            switch list.answer(for: address, name: .notAsked) {
            case .nameNeeded:
                let domains = ((settings.onlyFrom ?? []) + settings.noAccess).filter {
                    if case .domain = $0 { true } else { false }
                }
                #expect(!domains.isEmpty)
            case .admitted: #expect(answers == [true])
            case .refused: #expect(answers == [false])
            }
        }
    }

    @Test("a bucket and a clock that fills it agree at every instant", arguments: [1, 3, 7, 50, 999, 600])
    func tokensAndWait(count: Int) {
        for interval in [Duration.seconds(1), .seconds(60), .seconds(3600)] {
            let limit = RateLimit(count: count, per: interval)
            var bucket = TokenBucket()
            for _ in 0..<limit.burst + 2 { bucket.take(from: limit, at: .seconds(5)) }
            // At the very instants at which a token comes.
            var now = Duration.seconds(5)
            for _ in 0..<limit.burst + 2 {
                guard let due = bucket.wait(for: limit, at: now) else { break }
                #expect(bucket.tokens(of: limit, at: now) == 0)
                now = due
                #expect(bucket.wait(for: limit, at: now) == nil && bucket.tokens(of: limit, at: now) == 1)
                bucket.take(from: limit, at: now)
            }
        }
    }

    private func decide(
        _ engine: inout Admission, _ subject: AdmissionSubject, at now: Duration, admitted: (Admission.Token) -> Void
    ) -> RefusalReason? {
        var subject = subject
        let name = subject.name
        subject.name = .notAsked
        var verdict = engine.decide(subject, at: now)
        if case .askName = verdict {
            subject.name = name
            verdict = engine.decide(subject, at: now)
        }
        switch verdict {
        case .admit(let token):
            admitted(token)
            return nil
        case .refuse(let reason, _): return reason
        case .askName: return .stopping
        }
    }

    private func words(_ reason: RefusalReason?) -> String { reason.map { "\($0)" } ?? "admission" }
}

/// Tables and clients from a small world, so that they meet; the same ones each time (splitmix64).
private struct Dice {
    var state: UInt64

    static let names = ["a.example.org", "b.a.example.org", "example.net"]

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    mutating func below(_ end: Int) -> Int { Int(next() % UInt64(end)) }

    mutating func one<Element>(of elements: [Element], or other: Element) -> Element {
        elements.isEmpty ? other : elements[below(elements.count)]
    }

    private mutating func four() -> IPv4Address {
        IPv4Address(bits: 0x0a00_0000 | UInt32(below(2) << 16 | below(2) << 8 | below(4)))
    }

    private mutating func six() -> IPv6Address {
        IPv6Address(high: 0x2001_0db8 << 32 | UInt64(below(2) << 16 | below(2)), low: UInt64(below(3)))
    }

    mutating func subject() -> AdmissionSubject {
        let four = four()
        let source: SocketAddress =
            switch below(3) {
            case 0: .ipv6(six(), port: 1)
            case 1: .ipv6(IPv6Address(high: 0, low: 0xffff_0000_0000 | UInt64(four.bits)), port: 1)
            default: .ipv4(four, port: UInt16(below(60_000)))
            }
        let name: SourceName = below(3) == 0 ? .none : .known(one(of: Self.names, or: ""))
        return AdmissionSubject(
            source: source, kind: .tcp, credentials: nil, name: name, minuteOfWeek: below(7 * 1440),
            load: below(400))
    }

    private mutating func source() -> Source {
        let block =
            below(3) == 0
            ? AddressBlock(six(), length: one(of: [0, 32, 64, 127, 128], or: 0))
            : AddressBlock(four(), length: one(of: [0, 8, 16, 24, 31, 32, 32], or: 0))
        switch below(5) {
        case 0: return .host("h", [AddressBlock(four()), AddressBlock(six(), length: 128)])
        case 1: return .domain(one(of: [".example.org", ".a.example.org", ".net"], or: ""))
        default: return .block(block)
        }
    }

    private mutating func rate() -> RateLimit? {
        guard below(2) == 0 else { return nil }
        // Whose periods are whole numbers of milliseconds: both models are exact then.
        var limit = RateLimit(count: one(of: [1, 2, 5, 10], or: 1), per: .seconds(one(of: [1, 60], or: 1)))
        if below(2) == 0 { limit.burst = 1 + below(8) }
        return limit
    }

    mutating func settings() -> AdmissionSettings {
        var settings = AdmissionSettings()
        if below(3) == 0 { settings.onlyFrom = (0..<below(5)).map { _ in source() } }
        if below(2) == 0 { settings.noAccess = (0..<below(4)).map { _ in source() } }
        if below(4) == 0 {
            settings.accessTimes = (0..<2).map { _ in
                var time = AccessTime()
                time.days = UInt8(1 + below(127))
                time.begin = below(1440)
                time.end = (time.begin + 1 + below(1439)) % 1440
                return time
            }
        }
        if below(4) == 0 { settings.maxLoad = below(400) }
        settings.perSource = below(3) == 0 ? nil : 1 + below(6)
        settings.sourcePrefix.ipv4 = one(of: [32, 24, 16, 0], or: 32)
        settings.sourcePrefix.ipv6 = one(of: [64, 128, 48, 0], or: 64)
        settings.rate = rate()
        settings.ratePerSource = rate()
        settings.onRate = one(of: [.wait, .refuse, .reset], or: .wait)
        return settings
    }
}
