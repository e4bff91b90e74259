import Testing

@testable import ServiceTable

@Suite("Who gets in, and how much: the keys")
struct AdmissionTests {
    private func block(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ length: Int = 32) -> AddressBlock {
        AddressBlock(isIPv4: true, high: (a << 24 | b << 16 | c << 8 | d) << 32, low: 0, length: length)
    }

    private func sources(_ text: String) throws -> [Source] {
        let settings = try settings("only_from: [\(text)]")
        return try #require(settings.onlyFrom)
    }

    private func settings(_ keys: String) throws -> AdmissionSettings {
        try service("{listen: 1, exec: /bin/cat, \(keys)}").admission
    }

    @Test("the kinds of sources")
    func kinds() throws {
        #expect(
            try sources("10.0.0.1, 10.0.0.0/8, 0.0.0.0/0, 10.0.0.1-10.0.0.9, Host.Example, .Example.org") == [
                .block(block(10, 0, 0, 1)), .block(block(10, 0, 0, 0, 8)), .block(block(0, 0, 0, 0, 0)),
                .range(from: block(10, 0, 0, 1), to: block(10, 0, 0, 9)), .host("host.example", []),
                .domain(".example.org"),
            ])
        let six = AddressBlock(isIPv4: false, high: 0x2001_0db8 << 32, low: 0, length: 32)
        #expect(try sources("'2001:db8::/32'") == [.block(six)])
    }

    @Test("an IPv4-mapped address is the IPv4 address")
    func mapped() throws {
        #expect(
            try sources("'::ffff:10.0.0.1', '::ffff:10.0.0.0/104'") == [
                .block(block(10, 0, 0, 1)), .block(block(10, 0, 0, 0, 8)),
            ])
        let all = AddressBlock(isIPv4: false, high: 0, low: 0, length: 0)
        #expect(try sources("'::/0'") == [.block(all)])
    }

    @Test("a host is looked up when the table is read")
    func host() throws {
        let settings = try service("{listen: 1, exec: /bin/cat, no_access: [localhost]}", resolving: true).admission
        guard case .host("localhost", let addresses)? = settings.noAccess.first else {
            Issue.record("\(settings.noAccess)")
            return
        }
        #expect(addresses.contains(block(127, 0, 0, 1)))
    }

    @Test(
        "what is no source",
        arguments: [
            "10.0.0", "10.0.0.1/8", "'::1/8'", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "'10.0.0.1-::1'", "a b", "'*'",
            "10.0.0.0/255.0.0.0", "''", "1.2.3.4.5", "'::ffff:10.0.0.1/100'",
        ])
    func faulty(text: String) {
        #expect(serviceFaults("{listen: 1, exec: /bin/cat, only_from: [\(text)]}").count == 1)
    }

    @Test("an empty list admits nobody, no list everybody")
    func empty() throws {
        #expect(try settings("only_from: []").onlyFrom == [])
        #expect(try settings("enabled: true").onlyFrom == nil)
    }

    @Test("spans of the week")
    func times() throws {
        let times = try settings("access_times: ['08:00-18:30', 'Mon-Fri 22:00-06:00', 'Fri-Mon,Wed 00:00-24:00']")
            .accessTimes
        #expect(times.map(\.days) == [0x7f, 0b1_1111, 0b111_0101])
        #expect(times.map(\.begin) == [480, 1320, 0])
        #expect(times.map(\.end) == [1110, 360, 1440])
        #expect(try settings("access_times: '08:00-18:00'").accessTimes.count == 1)
        for text in ["8:00-18:00", "08:00", "08:00-08:00", "24:00-08:00", "08:60-09:00", "Mo 08:00-09:00", ""] {
            #expect(serviceFaults("{listen: 1, exec: /bin/cat, access_times: ['\(text)']}").count == 1)
        }
    }

    @Test("rates, and how many at once")
    func rates() throws {
        func rate(_ text: String) throws -> RateLimit { try #require(try settings("rate: \(text)").rate) }
        let fast = try rate("50/s")
        #expect(fast.count == 50 && fast.interval == .seconds(1) && fast.burst == 50)
        let slow = try rate("10/min")
        #expect(slow.count == 10 && slow.interval == .seconds(60) && slow.burst == 1)
        #expect(try rate("600/min").burst == 10)
        #expect(try rate("{rate: 5/s, burst: 100}").burst == 100)
        #expect(try settings("rate_per_source: unlimited").ratePerSource == nil)
        for text in ["5", "0/s", "5/d", "{burst: 3}", "-1/s", "1.5/s"] {
            #expect(!serviceFaults("{listen: 1, exec: /bin/cat, rate: \(text)}").isEmpty)
        }
    }

    @Test("the defaults")
    func defaults() throws {
        let settings = try settings("enabled: true")
        #expect(settings.perSource == 64 && settings.sourcePrefix.ipv4 == 32 && settings.sourcePrefix.ipv6 == 64)
        #expect(settings.onLimit == .wait && settings.onRate == .wait && settings.onSourceLimit == .refuse)
        #expect(load("services: {s: {listen: 1, internal: echo}}").table?.limits.instances == 10_000)
    }

    @Test("source lists of the defaults that cannot be asked are warned of")
    func inherited() {
        func warnings(_ service: String) -> Int {
            faults("{defaults: {only_from: [10.0.0.0/8]}, services: {s: \(service)}}").count { $0.contains("warning") }
        }
        #expect(warnings("{listen: 1, wait: true, exec: /bin/cat}") == 1)
        #expect(warnings("{listen: '@x', exec: /bin/cat}") == 1)
        #expect(warnings("{listen: 1, exec: /bin/cat}") == 0)
        let users = "{defaults: {only_users: [root]}, services: {s: {listen: 'unix+dgram:///x', internal: echo}}}"
        #expect(faults(users).count { $0.contains("its users are not known") } == 1)
    }

    @Test("regression: no list of the defaults is lost where clients come from another service")
    func inheritedBeside() throws {
        func settings(_ service: String) throws -> AdmissionSettings? {
            let defaults = "defaults: {only_users: [root], only_groups: [root], only_from: [], no_access: [10.0.0.0/8]}"
            return load("{\(defaults), services: {s: \(service)}}").table?.services.first?.admission
        }
        for listen in ["listen: 1, ", "listen: '@x', ", "listen: [1, '@x'], ", ""] {
            let all = try #require(try settings("{\(listen)exec: /bin/cat}"))
            #expect(all.onlyUsers == [0] && all.onlyGroups == [0] && all.onlyFrom == [] && all.noAccess.count == 1)
            #expect(!all.listsAreOwn)
        }
        let users = try #require(try settings("{exec: /bin/cat, only_users: [daemon]}"))
        #expect(users.onlyUsers == [1] && users.onlyFrom == nil && users.listsAreOwn)
        let addresses = try #require(try settings("{exec: /bin/cat, only_from: ['::1']}"))
        #expect(addresses.onlyUsers == nil && addresses.onlyGroups == nil && addresses.onlyFrom?.count == 1)
        #expect(addresses.listsAreOwn)
        let refusals = try #require(try settings("{exec: /bin/cat, no_access: []}"))
        #expect(refusals.onlyUsers == [0] && refusals.onlyFrom == [] && !refusals.listsAreOwn)
    }

    @Test("regression: lists that an older program has carried over are the service's own, as they were there")
    func carriedOver() {
        func carried(_ settings: AdmissionSettings, version: Int) -> AdmissionSettings {
            var (written, read) = (settings, AdmissionSettings())
            var coder = FieldCoder(version: version)
            coder.version(known: 1...4)
            written.code(with: &coder)
            var reader = FieldCoder(reading: coder.bytes)
            reader.version(known: 1...4)
            read.code(with: &reader)
            return read
        }
        var settings = AdmissionSettings()
        #expect(!carried(settings, version: 3).listsAreOwn)
        settings.onlyUsers = []
        #expect(carried(settings, version: 3).listsAreOwn)
        #expect(carried(settings, version: 4) == settings)
    }

    @Test("max_load in hundredths, as exactly as the kernel's own figure")
    func loadAverage() throws {
        for (text, hundredths) in [("0.001", 0), ("0.01", 1), ("0.29", 29), ("2.5", 250), ("4", 400), ("0.019", 1)] {
            #expect(try settings("max_load: \(text)").maxLoad == hundredths)
        }
    }

    @Test("regression: users cannot be asked of a listening socket or a datagram, and that is a fault")
    func unknownUsers() {
        for users in ["only_users: [root]", "only_groups: []"] {
            let wait = serviceFaults("{listen: '@x', wait: true, exec: /bin/cat, \(users)}")
            #expect(wait.count == 1 && wait[0].contains("let the handler check"))
            let datagrams = serviceFaults("{listen: 'unix+dgram:///x', internal: echo, \(users)}")
            #expect(datagrams.count == 1 && datagrams[0].contains("no connection whose user"))
        }
    }

    @Test("regression: each list that cannot stand there is told, and each fault of an endpoint")
    func everyFault() {
        #expect(serviceFaults("{listen: '@x', exec: /bin/cat, only_from: [], no_access: []}").count == 2)
        #expect(serviceFaults("{listen: 1, exec: /bin/cat, only_users: [], only_groups: []}").count == 2)
        #expect(serviceFaults("{listen: 1, exec: /bin/cat, heartbeat: 1s, unresponsive: kill}").count == 2)
        #expect(serviceFaults("{listen: [{address: 'tcp://1.2.3.4.5:1', backlog: x}], exec: /bin/cat}").count == 2)
    }

    @Test("regression: what is for listeners is warned of where there are none")
    func noListeners() {
        let table = """
            {services: {front: {listen: 1, route: {rules: [{match: {prefix: a}, to: back}]}},
            back: {exec: /bin/cat, socket: {no_delay: true}, proxy_protocol: {from: [127.0.0.1]}}}}
            """
        let warnings = faults(table).filter { $0.contains("no effect without listen") }
        #expect(warnings.count == 2, "\(faults(table))")
    }

    @Test("keys that cannot mean anything where they stand")
    func misplaced() {
        func faults(_ service: String) -> [String] { serviceFaults(service).map { String($0.drop { $0 != " " }) } }
        let header = "{from: [10.0.0.0/8]}"
        #expect(
            faults("{listen: 1, exec: /bin/cat, connections: 5}")
                == [" error: services.s.connections: it goes with handoff only; instances limits the others"])
        #expect(faults("{listen: '@x', exec: /bin/cat, proxy_protocol: \(header)}").count == 1)
        #expect(faults("{listen: 1, wait: true, exec: /bin/cat, proxy_protocol: \(header)}").count == 1)
        #expect(faults("{listen: 1, wait: true, exec: /bin/cat, only_from: [10.0.0.1]}").count == 1)
        #expect(faults("{listen: 'udp://*:1', wait: true, exec: /bin/cat, only_from: [10.0.0.1]}").isEmpty)
        #expect(faults("{listen: '@x', exec: /bin/cat, only_from: [10.0.0.1]}").count == 1)
        #expect(faults("{listen: 1, exec: /bin/cat, only_users: [root]}").count == 1)
        #expect(faults("{listen: '@x', exec: /bin/cat, only_users: [root]}").isEmpty)
        #expect(faults("{listen: 1, exec: /bin/cat, on_source_limit: wait}").count == 1)
        #expect(
            faults("{listen: 1, wait: true, exec: /bin/cat, per_source: 5}") == [
                " warning: services.s.per_source: it has no effect with wait: true; trigger_limit says how often a handler may fail"
            ])
    }
    @Test(
        "a key that changes nothing where it stands is warned of",
        arguments: [
            ("listen: 1, exec: /bin/cat, on_rate: refuse", ["on_rate"]),
            ("listen: 1, exec: /bin/cat, rate: 5/s, on_rate: refuse", []),
            ("listen: 1, exec: /bin/cat, per_source: unlimited, on_source_limit: reset", ["on_source_limit"]),
            ("listen: 1, exec: /bin/cat, per_source: unlimited, source_prefix: {ipv4: 24}", ["source_prefix"]),
            ("listen: 1, exec: /bin/cat, per_source: unlimited, rate_per_source: 5/s, on_source_limit: reset", []),
            ("listen: 'udp://*:1', internal: echo, per_source: 5, busy_reply: x", ["per_source", "busy_reply"]),
            ("listen: 'udp://*:1', internal: echo, rate: 5/s, rate_per_source: 5/s, source_prefix: {ipv4: 24}", []),
            ("listen: [1, 'udp://*:1'], internal: echo, per_source: 5, busy_reply: x", []),
            ("listen: 1, wait: true, exec: /bin/cat, rate: 5/s, access_times: '08:00-18:00', max_load: 4", []),
            ("listen: 1, wait: true, exec: /bin/cat, rate_per_source: 5/s", ["rate_per_source"]),
            ("listen: 'udp://*:1', wait: true, exec: /bin/cat, rate_per_source: 5/s", []),
            ("listen: 'udp://*:1', wait: true, exec: /bin/cat, on_limit: refuse", ["on_limit"]),
        ])
    func effects(keys: String, warned: [String]) {
        let faults = serviceFaults("{\(keys)}")
        #expect(faults.allSatisfy { $0.contains("warning: services.s.") && $0.contains("it has no effect") })
        #expect(warned.allSatisfy { key in faults.contains { $0.contains(" services.s.\(key): ") } })
        #expect(faults.count == warned.count)
    }

    @Test("one key is said to be misplaced once, however many endpoints say so")
    func once() {
        #expect(serviceFaults("{listen: ['@a', '@b'], exec: /bin/cat, only_from: [10.0.0.1]}").count == 1)
        #expect(
            serviceFaults("{listen: ['@a', 1], wait: true, exec: /bin/cat, proxy_protocol: {from: [::1]}}").count == 1)
        #expect(serviceFaults("{listen: [1, 2], exec: /bin/cat, only_users: [root]}").count == 1)
    }
}
