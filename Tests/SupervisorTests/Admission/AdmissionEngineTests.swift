import ControlProtocol
import ServiceTable
import Testing

@testable import LinuxSystem
@testable import Supervisor

@Suite("Admission")
struct AdmissionEngineTests {
    private func subject(
        _ address: String = "10.0.0.1", port: UInt16 = 1000, minute: Int = 0, load: Int = 0
    ) -> AdmissionSubject {
        AdmissionSubject(
            source: .ipv4(IPv4Address(address) ?? .any, port: port), kind: .tcp, credentials: nil, name: .notAsked,
            minuteOfWeek: minute, load: load)
    }

    private func admission(_ change: (inout AdmissionSettings) -> Void) -> Admission {
        var settings = AdmissionSettings()
        change(&settings)
        return Admission(settings)
    }

    private func reason(_ verdict: Admission.Verdict) -> RefusalReason? {
        if case .refuse(let reason, _) = verdict { reason } else { nil }
    }

    @Test("what one source has is limited, and given back")
    func perSource() {
        var admission = admission { $0.perSource = 2 }
        var tokens: [Admission.Token] = []
        for port in 1...2 {
            guard case .admit(let token) = admission.decide(subject(port: UInt16(port)), at: .zero) else {
                Issue.record("refused")
                return
            }
            tokens.append(token)
        }
        #expect(reason(admission.decide(subject(), at: .zero)) == .perSource)
        #expect(reason(admission.decide(subject("10.0.0.2"), at: .zero)) == nil)
        for token in tokens.suffix(1) { admission.giveBack(token) }
        #expect(reason(admission.decide(subject(), at: .zero)) == nil)
        #expect(reason(admission.decide(subject(), at: .zero)) == .perSource)
    }

    @Test(
        "regression: a source that a list is not made for is on none, by the word of a PROXY header or from another service"
    )
    func otherSources() {
        func unix(_ kind: ConnectionOrigin.Kind, offered: Bool) -> AdmissionSubject {
            var subject = subject()
            (subject.source, subject.kind, subject.isOffered) = (.unix(path: "/a"), kind, offered)
            return subject
        }
        func offered(_ source: SocketAddress, _ kind: ConnectionOrigin.Kind) -> AdmissionSubject {
            var subject = subject()
            (subject.source, subject.kind, subject.isOffered) = (source, kind, true)
            return subject
        }
        let vsock = offered(.vsock(cid: 3, port: 1), .vsock)
        var nobody = admission { ($0.onlyFrom, $0.listsAreOwn) = ([], true) }
        #expect(reason(nobody.decide(unix(.tcp, offered: false), at: .zero)) == .source)
        #expect(reason(nobody.decide(unix(.unix, offered: true), at: .zero)) == .source)
        #expect(reason(nobody.decide(vsock, at: .zero)) == .source)
        #expect(
            reason(nobody.decide(unix(.unix, offered: false), at: .zero)) == nil,
            "the defaults' list, which was warned of")
        var users = admission { ($0.onlyUsers, $0.listsAreOwn) = ([1], true) }
        #expect(reason(users.decide(offered(.ipv4(.any, port: 1), .tcp), at: .zero)) == .source)
        #expect(reason(users.decide(vsock, at: .zero)) == .source)
        var open = admission { $0.noAccess = [.block(AddressBlock(IPv4Address.any, length: 0))] }
        #expect(reason(open.decide(unix(.tcp, offered: false), at: .zero)) == nil)
        #expect(reason(open.decide(vsock, at: .zero)) == nil)
    }

    @Test(
        "regression: from another service, each kind of source is asked by the list of the defaults that is made for it"
    )
    func listsOfTheDefaults() {
        func refusal(
            _ lists: (inout AdmissionSettings) -> Void, _ source: SocketAddress, _ kind: ConnectionOrigin.Kind,
            _ uid: UInt32 = 0
        ) -> RefusalReason? {
            var subject = subject()
            (subject.source, subject.kind, subject.isOffered) = (source, kind, true)
            if kind == .unix { subject.credentials = PeerCredentials(pid: 1, uid: uid, gid: uid, groups: []) }
            var admission = admission(lists)
            return reason(admission.decide(subject, at: .zero))
        }
        let users = { (settings: inout AdmissionSettings) in settings.onlyUsers = [1] }
        #expect(refusal(users, .unix(path: "/a"), .unix, 1) == nil)
        #expect(refusal(users, .unix(path: "/a"), .unix, 2) == .source)
        #expect(refusal(users, .ipv4(.any, port: 1), .tcp) == nil)
        #expect(refusal(users, .vsock(cid: 3, port: 1), .vsock) == nil)
        #expect(refusal(users, .unix(path: "/a"), .tcp) == nil, "the word of a PROXY header")
        var datagrams = admission(users)
        var datagram = subject()
        (datagram.source, datagram.kind) = (.unix(path: "/a"), .unix)
        #expect(datagrams.decide(datagram: datagram, at: .zero) == .admit, "whose it is nobody knows")
        let addresses = { (settings: inout AdmissionSettings) in settings.onlyFrom = [] }
        #expect(refusal(addresses, .unix(path: "/a"), .unix) == nil)
        #expect(refusal(addresses, .ipv4(.any, port: 1), .tcp) == .source)
        let own = { (settings: inout AdmissionSettings) in
            (settings.onlyFrom, settings.onlyUsers, settings.listsAreOwn) = ([], [1], true)
        }
        #expect(refusal(own, .unix(path: "/a"), .unix, 1) == nil)
        #expect(refusal(own, .ipv4(.any, port: 1), .tcp) == .source)
        #expect(refusal(own, .vsock(cid: 3, port: 1), .vsock) == .source)
    }

    @Test("under other settings what sources hold stays counted, and given back it is no longer")
    func otherSettings() {
        var admission = admission { $0.perSource = 3 }
        var tokens: [Admission.Token] = []
        for _ in 0..<2 {
            if case .admit(let token) = admission.decide(subject(), at: .zero) { tokens.append(token) }
        }
        var settings = AdmissionSettings()
        settings.perSource = 2
        admission.update(settings, at: .zero)
        #expect(reason(admission.decide(subject(), at: .zero)) == .perSource)
        for token in tokens { admission.giveBack(token) }
        #expect(reason(admission.decide(subject(), at: .zero)) == nil)
    }

    @Test("under another rate as many tokens are missing as before, at the new rate's pace")
    func otherRate() {
        var admission = admission {
            $0.rate = RateLimit(count: 4, per: .seconds(60))
            $0.rate?.burst = 4
            $0.onRate = .refuse
        }
        for _ in 0..<4 { #expect(reason(admission.decide(subject(), at: .zero)) == nil) }
        #expect(reason(admission.decide(subject(), at: .zero)) == .rate)
        var settings = AdmissionSettings()
        settings.rate = RateLimit(count: 4, per: .seconds(1))
        settings.onRate = .refuse
        admission.update(settings, at: .zero)
        #expect(reason(admission.decide(subject(), at: .zero)) == .rate, "the burst is used up")
        #expect(reason(admission.decide(subject(), at: .milliseconds(250))) == nil, "and comes back at the new pace")
        #expect(reason(admission.decide(subject(), at: .milliseconds(250))) == .rate)
    }

    @Test("a host that was not found this time keeps its addresses")
    func unknownHost() {
        let address = AddressBlock(IPv4Address("10.0.0.1") ?? .any)
        var admission = admission { $0.onlyFrom = [.host("a.example", [address])] }
        var settings = AdmissionSettings()
        settings.onlyFrom = [.host("a.example", []), .host("b.example", [])]
        admission.update(settings, at: .zero)
        #expect(reason(admission.decide(subject(), at: .zero)) == nil)
        #expect(reason(admission.decide(subject("10.0.0.2"), at: .zero)) == .source)
    }

    @Test("a source is its prefix; a mapped address is the IPv4 one")
    func prefix() {
        var admission = admission {
            $0.perSource = 1
            $0.sourcePrefix.ipv4 = 24
        }
        func decide(_ address: SocketAddress) -> RefusalReason? {
            var subject = subject()
            subject.source = address
            return reason(admission.decide(subject, at: .zero))
        }
        #expect(decide(.ipv4(IPv4Address(bits: 0x0a00_0001), port: 1)) == nil)
        #expect(decide(.ipv4(IPv4Address(bits: 0x0a00_00ff), port: 1)) == .perSource)
        #expect(decide(.ipv6(IPv6Address(high: 0, low: 0xffff_0a00_0003), port: 1)) == .perSource)
        #expect(decide(.ipv6(IPv6Address(high: 1 << 40, low: 5), port: 1)) == nil)
        #expect(decide(.ipv6(IPv6Address(high: 1 << 40, low: 6), port: 1)) == .perSource)
        #expect(decide(.ipv6(IPv6Address(high: 1 << 41, low: 5), port: 1)) == nil)
    }

    @Test("the order of the table, and a refusal takes no token and no place")
    func order() {
        var admission = admission {
            $0.noAccess = [.block(four("10.0.0.9"))]
            var open = AccessTime()
            (open.begin, open.end) = (0, 60)
            $0.accessTimes = [open]
            $0.maxLoad = 100
            $0.perSource = 1
            $0.rate = RateLimit(count: 2, per: .seconds(1))
            $0.onRate = .refuse
        }
        #expect(reason(admission.decide(subject("10.0.0.9", minute: 70, load: 200), at: .zero)) == .source)
        #expect(reason(admission.decide(subject(minute: 70, load: 200), at: .zero)) == .time)
        #expect(reason(admission.decide(subject(load: 101), at: .zero)) == .load)
        // None of these has taken anything: both tokens are there.
        #expect(reason(admission.decide(subject(load: 100), at: .zero)) == nil)
        for _ in 0..<100 { #expect(reason(admission.decide(subject(), at: .zero)) == .perSource) }
        #expect(reason(admission.decide(subject("10.0.0.2"), at: .zero)) == nil)
        #expect(reason(admission.decide(subject("10.0.0.3"), at: .zero)) == .rate)
        #expect(reason(admission.decide(subject("10.0.0.3"), at: .milliseconds(500))) == nil)
    }

    @Test("the rate of one source is its own, and its manner of refusal the table's")
    func sourceRate() {
        var admission = admission {
            $0.ratePerSource = RateLimit(count: 60, per: .seconds(60))
            $0.onSourceLimit = .reset
        }
        #expect(reason(admission.decide(subject(), at: .seconds(10))) == nil)
        guard case .refuse(.ratePerSource, .reset) = admission.decide(subject(), at: .seconds(10.9)) else {
            Issue.record("not refused")
            return
        }
        #expect(reason(admission.decide(subject("10.0.0.2"), at: .seconds(10.9))) == nil)
        #expect(reason(admission.decide(subject(), at: .seconds(11))) == nil)
    }

    @Test("a connection that nobody can serve takes no token")
    func unserved() {
        var admission = admission { $0.rate = RateLimit(count: 1, per: .seconds(1)) }
        #expect(reason(admission.decide(subject(), unserved: .noHandler, at: .zero)) == .noHandler)
        #expect(reason(admission.decide(subject(), at: .zero)) == nil)
        #expect(reason(admission.decide(subject(), unserved: .noHandler, at: .zero)) == .rate)
    }

    @Test("where the rate makes clients wait, it says until when")
    func waiting() {
        var admission = admission { $0.rate = RateLimit(count: 2, per: .seconds(1)) }
        #expect(admission.rate(reserved: 0, at: .zero) == .open(2))
        #expect(admission.rate(reserved: 2, at: .zero) == .shut(.rate, until: nil))
        for _ in 0..<2 { #expect(reason(admission.decide(subject(), at: .zero)) == nil) }
        #expect(admission.rate(reserved: 0, at: .zero) == .shut(.rate, until: .milliseconds(500)))
        #expect(admission.rate(reserved: 0, at: .milliseconds(500)) == .open(1))
        #expect(admission.rate(reserved: 0, at: .seconds(5)) == .open(2))
    }

    @Test("users and groups of a Unix peer: either will do")
    func users() {
        func decide(_ uid: UInt32, _ gid: UInt32, _ groups: [UInt32] = []) -> RefusalReason? {
            var admission = admission {
                $0.onlyUsers = [1]
                $0.onlyGroups = [10]
            }
            let credentials = PeerCredentials(pid: 1, uid: uid, gid: gid, groups: groups)
            var subject = subject()
            (subject.source, subject.kind) = (.unix(path: ""), .unix)
            subject.credentials = credentials
            return reason(admission.decide(subject, at: .zero))
        }
        #expect(decide(1, 1) == nil && decide(2, 10) == nil && decide(2, 2, [9, 10]) == nil)
        #expect(decide(2, 2) == .source)
        var open = admission { _ in }
        var unknown = subject()
        unknown.source = .unix(path: "")
        #expect(reason(open.decide(unknown, at: .zero)) == nil)
    }

    @Test("datagrams: by source and rate, and none of them has a place")
    func datagrams() {
        var admission = admission {
            $0.onlyFrom = [.block(four("10.0.0.0/8"))]
            $0.perSource = 1
            $0.rate = RateLimit(count: 3, per: .seconds(1))
        }
        #expect(admission.decide(datagram: subject("11.0.0.1"), at: .zero) == .drop(.source))
        for _ in 0..<3 { #expect(admission.decide(datagram: subject(), at: .zero) == .admit) }
        #expect(admission.decide(datagram: subject(), at: .zero) == .drop(.rate))
    }

    @Test("a bucket gives its burst at once and then its rate, whatever the order of the calls")
    func buckets() {
        let limit = RateLimit(count: 5, per: .seconds(1))
        var bucket = TokenBucket()
        var taken = 0
        var now = Duration.zero
        for step in 0..<10_000 {
            now += .microseconds(step % 7 * 1000)
            #expect((bucket.wait(for: limit, at: now) == nil) == (bucket.tokens(of: limit, at: now) > 0))
            if bucket.wait(for: limit, at: now) == nil {
                bucket.take(from: limit, at: now)
                taken += 1
            }
        }
        let possible = 5 + Int(now / .milliseconds(200))
        #expect((possible - 1...possible).contains(taken))
    }

    @Test("a flood of sources does not grow the memory, and who keeps coming stays limited")
    func flood() {
        let rate = RateLimit(count: 1, per: .seconds(3600))
        var admission = admission {
            $0.ratePerSource = rate
            $0.perSource = 4
        }
        #expect(reason(admission.decide(subject(), at: .zero)) == nil)
        var census = SourceCensus()
        for number in 0..<100_000 as Range<UInt64> {
            let address = IPv4Address(bits: 0x0b00_0000 + UInt32(number))
            var flooding = subject()
            flooding.source = .ipv4(address, port: 1)
            if case .admit(let token) = admission.decide(flooding, at: .zero) { admission.giveBack(token) }
            if number % 5000 == 0 { #expect(reason(admission.decide(subject(), at: .zero)) == .ratePerSource) }
            let key = SourceKey(flooding, prefix: SourcePrefix())
            census.takeToken(key, of: rate, at: .zero)
            census.enter(key)
            census.leave(key)
        }
        #expect(census.bucketCount <= 2 * SourceCensus.generation)
        #expect(census.sourceCount == 0)
    }

    @Test(
        "times of the week; a span over midnight belongs to the day on which it begins",
        arguments: [
            (0, 480, true), (0, 479, false), (0, 1079, true), (0, 1080, false), (4, 1320, true), (5, 359, true),
            (5, 360, false), (5, 1320, false), (6, 100, false), (0, 100, false), (1, 100, false),
        ])
    func times(day: Int, minute: Int, isOpen: Bool) {
        var office = AccessTime()
        (office.days, office.begin, office.end) = (0b1, 480, 1080)
        var night = AccessTime()
        (night.days, night.begin, night.end) = (0b1_0000, 1320, 360)
        #expect(AccessSchedule.isOpen([office, night], at: day * 1440 + minute) == isOpen)
        #expect(AccessSchedule.isOpen([], at: day * 1440 + minute))
    }

    @Test("Sunday night goes on into Monday")
    func sunday() {
        var night = AccessTime()
        (night.days, night.begin, night.end) = (0b100_0000, 1380, 60)
        #expect(AccessSchedule.isOpen([night], at: 30))
        #expect(!AccessSchedule.isOpen([night], at: 60))
        #expect(AccessSchedule.isOpen([night], at: 6 * 1440 + 1400))
    }
}
