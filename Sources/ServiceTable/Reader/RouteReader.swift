/// The value of `route`, with where its targets stand.
struct RouteDraft: Sendable {
    var timeout = Route().timeout
    var mostBytes = Route().mostBytes
    var rules: [Rule] = []
    var standard: Placed<String>?

    struct Rule: Sendable {
        var match: Route.Match?
        var to: Placed<String>?
    }

    /// The services that connections may go to.
    var targets: [Placed<String>] { rules.compactMap(\.to) + [standard].compactMap(\.self) }

    var route: Route {
        var route = Route()
        route.timeout = timeout
        route.mostBytes = mostBytes
        route.rules = rules.compactMap { rule in
            guard let match = rule.match, let to = rule.to else { return nil }
            return Route.Rule(match: match, target: to.value)
        }
        route.standard = standard?.value
        return route
    }
}

enum RouteReader {
    static let kind = Kind<RouteDraft>.mapping(
        Section(
            "route",
            [
                Key("timeout", \.timeout, .limit(.positiveDuration)),
                // A ClientHello is mostly below 2 KiB, a request's head below 8.
                Key("max_bytes", \.mostBytes, Kind<UInt64>.size(upTo: 65536).map { max(1, Int($0)) }),
                Key("rules", \.rules, .list(of: rule, least: 1)),
                Key("default", \.standard, target.map { $0 }),
            ]), from: RouteDraft(), required: "rules")

    private static let target = Kind<String>.text("the name of a service").placed()

    private static let rule = Kind<RouteDraft.Rule>.mapping(
        Section("rule", [Key("match", \.match, match.map { $0 }), Key("to", \.to, target.map { $0 })]),
        from: RouteDraft.Rule(), required: "match", "to")

    private static let words: [String: Route.Match] = [
        "ssh": .ssh, "tls": .tls(Route.TLS()), "http": .http(Route.HTTP()), "courier": .courier(Route.Courier()),
    ]

    /// What a rule looks for: a protocol, or a mapping of exactly one to what is to be in it.
    private static let match = Kind<Route.Match>.mapping(
        Kind<Route.Match?>.mapping(protocols, from: nil).one.map { $0 ?? .ssh },
        or: Kind<String>.word("ssh", "tls", "http", "courier").map { words[$0] ?? .ssh })

    private static let protocols = Section<Route.Match?>(
        "match",
        [
            Key("tls", tls) { value, _, match in match = .tls(value) },
            Key("http", http) { value, _, match in match = .http(value) },
            Key("courier", courier) { value, _, match in match = .courier(value) },
            Key("prefix", Kind<String>.text("the first bytes")) { text, _, match in match = .prefix(Array(text.utf8)) },
        ])

    private static let tls = Kind<Route.TLS>.mapping(
        Section("tls", [Key("server_name", \.serverName, pattern), Key("alpn", \.alpn, protocolName)]),
        from: Route.TLS())

    private static let http = Kind<Route.HTTP>.mapping(
        Section(
            "http",
            [
                Key("host", \.host, pattern), Key("path", \.path, Kind<String>.absolutePath.map { $0 }),
                Key("method", \.method, method),
            ]), from: Route.HTTP())

    private static let courier = Kind<Route.Courier>.mapping(
        Section(
            "courier",
            [
                Key("program", \.program, Kind.number(0...UInt32.max).map { $0 }), Key("version", \.versions, versions),
            ]), from: Route.Courier(), required: "program")

    /// One, or a range as in 4.3BSD's Courierservices file.
    private static let versions = Kind<ClosedRange<UInt16>>.scalar(
        "a version from 0 to 65535, or a range such as 2-3", .or(.number(0...65535), .string("[0-9]+(-[0-9]+)?"))
    ) {
        text, _ in
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard (1...2).contains(ends.count), let low = ends.first ?? nil, let high = ends.last ?? nil, low <= high else {
            return nil
        }
        return low...high
    }

    /// A host name whose first label may be `*`.
    private static let pattern = Kind<String>.scalar(
        "a host name, or a pattern such as *.example.org", .text("(\\*\\.)?\(HostName.pattern)")
    ) { text, _ in
        HostName.isValid(text.hasPrefix("*.") ? text.dropFirst(2) : text[...]) ? text.lowercased() : nil
    }.map { String?.some($0) }

    /// RFC 7301: 1 to 255 bytes.
    private static let protocolName = Kind<String>.text("the name of a protocol such as h2").checked(
        "a protocol's name has 1 to 255 bytes"
    ) { (1...255).contains($0.utf8.count) }.shaped(.scalar(length: 1...255, pattern: nil)).map { String?.some($0) }

    private static let method = Kind<String>.text("a method such as GET").checked(
        "a method is 1 to 32 capital letters and hyphens"
    ) { text in
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { (0x41...0x5a).contains($0) || $0 == 0x2d }
    }.shaped(.string("[A-Z-]{1,32}")).map { String?.some($0) }
}

extension Kind where Value == Route.Match? {
    /// A mapping with one key.
    fileprivate var one: Kind {
        Kind(expected, shape.oneOnly) { cursor, _ in
            guard let value = read(cursor) else { return nil }
            if cursor.node.pairs?.count == 1 { return value }
            cursor.fault("exactly one of tls, http, courier or prefix stands here")
            return nil
        }
    }
}
