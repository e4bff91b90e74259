/// The value of `route`: checked in full, and refused until routing exists.
struct RouteDraft: Sendable {
    var timeout: Duration?
    var rules: [Rule] = []
    var standard: Placed<String>?

    struct Rule: Sendable {
        var to: Placed<String>?
    }

    /// The services that connections may go to.
    var targets: [Placed<String>] { rules.compactMap(\.to) + [standard].compactMap(\.self) }
}

enum RouteReader {
    static let kind = Kind<RouteDraft>.mapping(
        Section([
            Key("timeout", \.timeout, .limit(.positiveDuration)),
            Key("rules", \.rules, .list(of: rule, least: 1)),
            Key("default", \.standard, target.map { $0 }),
        ]), from: RouteDraft(), required: "rules")

    private static let target = Kind<String>.text("the name of a service").placed()

    private static let rule = Kind<RouteDraft.Rule>.mapping(
        Section([Key("match", match) { _, _, _ in }, Key("to", \.to, target.map { $0 })]), from: RouteDraft.Rule(),
        required: "match", "to")

    /// What one match looks for: exactly one of the protocols.
    private struct Match: Sendable {
        var text: String?
        var number: UInt32?
    }

    private static let match = Kind<Void>.mapping(
        Kind<Match>.mapping(protocols, from: Match()).map { _ in () }.only(1),
        or: Kind<String>.word("ssh", "tls", "http").map { _ in () })

    private static let protocols = Section<Match>([
        Key("tls", Kind<Match>.mapping(Section([Key("server_name", \.text, pattern)]), from: Match())) { _, _, _ in },
        Key(
            "http",
            Kind<Match>.mapping(
                Section([Key("host", \.text, pattern), Key("path", \.text, path)]), from: Match())
        ) { _, _, _ in },
        Key(
            "courier",
            Kind<Match>.mapping(
                Section([
                    Key("program", \.number, Kind.number(0...UInt32.max).map { $0 }),
                    Key("version", \.number, Kind.number(0...65535).map { $0 }),
                ]), from: Match(), required: "program")
        ) { _, _, _ in },
        Key("prefix", \.text, Kind.text("the first bytes").map { $0 }),
    ])

    private static let path = Kind<String>.absolutePath.map { String?.some($0) }

    /// A host name whose first label may be `*`.
    private static let pattern = Kind<String>.scalar("a host name, or a pattern such as *.example.org") { text, _ in
        HostName.isValid(text.hasPrefix("*.") ? text.dropFirst(2) : text[...]) ? text : nil
    }.map { String?.some($0) }
}

extension Kind where Value == Void {
    /// A mapping with that many keys.
    fileprivate func only(_ count: Int) -> Kind {
        Kind(expected) { cursor, _ in
            guard read(cursor) != nil else { return nil }
            if cursor.node.pairs?.count == count { return () }
            cursor.fault("exactly one of tls, http, courier or prefix stands here")
            return nil
        }
    }
}
