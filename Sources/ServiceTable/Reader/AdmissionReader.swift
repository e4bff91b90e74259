internal import LinuxSystem

/// "Who gets in, and how much".
enum AdmissionReader {
    static let keys: [Key<ServiceDraft>] = [
        Key("only_from", \.admission.onlyFrom, Kind<[Source]>.list(of: SourceReader.kind).map { $0 }),
        Key("no_access", \.admission.noAccess, .list(of: SourceReader.kind)),
        Key("access_times", \.admission.accessTimes, .accessTimes),
        Key("max_load", \.admission.maxLoad, load),
        Key("enabled", \.enabled, .boolean),
        Key("instances", \.instances, .limit(.number(1...10_000_000))),
        Key("connections", \.admission.connections, .limit(.number(1...100_000_000))),
        Key("per_source", \.admission.perSource, .limit(.number(1...100_000_000))),
        Key("source_prefix", \.admission.sourcePrefix, prefix),
        Key("rate", \.admission.rate, rate),
        Key("rate_per_source", \.admission.ratePerSource, rate),
        Key("on_limit", \.admission.onLimit, .choice),
        Key("on_rate", \.admission.onRate, .choice),
        Key("on_source_limit", \.admission.onSourceLimit, sourceLimit),
        Key("only_users", \.admission.onlyUsers, Kind.list(of: .user).map { $0.map(\.uid) }),
        Key("only_groups", \.admission.onlyGroups, Kind.list(of: .group).map { $0 }),
        Key("busy_reply", \.admission.busyReply, Kind.text.map { $0 }),
        Key("trigger_limit", \.triggerLimit, triggerLimit),
        Key("proxy_protocol", \.admission.proxyProtocol, proxy.map { $0 }),
        Key("banner", \.banner, BannerReader.kind),
    ]

    private static let triggerLimit = Section<TriggerLimit>(
        "trigger_limit",
        [
            Key("burst", \.burst, .limit(.number(1...1_000_000))),
            Key("interval", \.interval, .positiveDuration),
            Key("backoff", \.backoff, .backoff(TriggerLimit().backoff)),
        ])

    /// In hundredths.
    private static let load = Kind<Int?>.limit(
        Kind<Int>.scalar("a load average such as 4 or 2.5", .positiveNumber) { text, plain in
            let digits = text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2e }
            guard plain, digits, text.utf8.count <= 9, let value = Double(text), value > 0 else { return nil }
            // The kernel's figure has two decimals: above 0.005 is above 0.00.
            return Int(value * 100 + 1e-6)
        })

    private static let prefix = Kind<SourcePrefix>.mapping(
        Section("source_prefix", [Key("ipv4", \.ipv4, .number(0...32)), Key("ipv6", \.ipv6, .number(0...128))]),
        from: SourcePrefix())

    private struct RateDraft: Sendable {
        var rate = RateLimit()
        var burst: Int?
    }

    private static let perTime = Kind<RateLimit>.scalar(
        "a rate such as 50/s, 600/min or 1000/h", .string("[1-9][0-9]{0,9}/(s|min|h)")
    ) {
        text, _ throws(Hint) in
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let units: [Substring: Duration] = ["s": .seconds(1), "min": .seconds(60), "h": .seconds(3600)]
        guard parts.count == 2, let unit = units[parts[1]],
            let count = try Decimal.read(parts[0], as: Int.self), (1...1_000_000_000).contains(count)
        else { return nil }
        return RateLimit(count: count, per: unit)
    }

    private static let rate = Kind<RateLimit?>.limit(
        .mapping(
            Kind<RateDraft>.mapping(
                Section(
                    "rate",
                    [
                        Key("rate", \.rate, perTime), Key("burst", \.burst, Kind.number(1...1_000_000_000).map { $0 }),
                    ]), from: RateDraft(), required: "rate"
            ).map { draft in
                var rate = draft.rate
                if let burst = draft.burst { rate.burst = burst }
                return rate
            }, or: perTime))

    private static let sourceLimit = Kind<String>.word("refuse", "reset").map { WhenFull(rawValue: $0) ?? .refuse }

    private static let proxy = Kind<ProxyProtocol>.mapping(
        Section(
            "proxy_protocol",
            [
                Key("from", \.from, Kind<[AddressBlock]>.list(of: .block, least: 1)),
                Key("version", \.version, .choice),
                Key("others", \.others, .choice),
            ]), from: ProxyProtocol(), required: "from")
}
