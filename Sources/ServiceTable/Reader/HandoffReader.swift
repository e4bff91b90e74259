/// The value of `handoff` as it is read; its program is looked up when the whole service is known.
struct HandoffDraft: Sendable {
    var handoff = Handoff()
    var command: Placed<[String]>?
    /// `hold: done`, which only TCP can keep.
    var holdsUntilDone: Placed<Bool>?
    var passTo: [Placed<String>] = []
}

/// A value and where it stands.
struct Placed<Value: Sendable>: Sendable {
    var value: Value
    var node: YAMLNode
    private let trail: Trail

    init(_ value: Value, _ cursor: Cursor) {
        self.value = value
        node = cursor.node
        trail = cursor.trail
    }

    func cursor(_ reading: Reading) -> Cursor {
        Cursor(node: node, trail: trail, reading: reading)
    }
}

extension Kind {
    /// The value with its place.
    func placed() -> Kind<Placed<Value>> where Value: Sendable {
        var kind = Kind<Placed<Value>>(expected, shape) { cursor, _ in read(cursor).map { Placed($0, cursor) } }
        kind.isList = isList
        return kind
    }
}

extension Kind where Value == Backoff {
    private static var section: Section<Backoff> {
        Section("backoff", [Key("first", \.first, .positiveDuration), Key("longest", \.longest, .positiveDuration)])
    }

    static func backoff(_ standard: Backoff) -> Kind {
        .mapping(section, from: standard).checked(
            "first is longer than longest (\(standard.longest.words) unless given)"
        ) {
            $0.first <= $0.longest
        }
    }
}

enum HandoffReader {
    static let kind = Kind<HandoffDraft>.mapping(section, from: HandoffDraft())

    /// A number for `unlimited` where handlers are told one (the protocol's capacity is 32 bits wide).
    private static let mostCapacity = Int(UInt32.max)

    static let section = Section<HandoffDraft>(
        "handoff",
        [
            Key("exec", \.command, CommandLine.kind.placed().map { $0 }),
            Key("start", \.handoff.start, .choice),
            Key("handlers", \.handoff.pool, handlers),
            Key("capacity", \.handoff.capacity, .number(1...mostCapacity).or("unlimited", mostCapacity)),
            Key("balance", \.handoff.balance, .choice),
            Key("register", \.handoff.register, register),
            Key("queue", \.handoff, queue),
            Key("max_deliveries", \.handoff.maxDeliveries, .limit(.number(1...1_000_000))),
            Key("hold", Kind<Handoff.Hold>.choice) { value, cursor, draft in
                draft.handoff.hold = value
                draft.holdsUntilDone = value == .done ? Placed(true, cursor) : nil
            },
            Key("drain", \.handoff.drain, .limit(.duration)),
            Key("heartbeat", \.handoff.heartbeat, heartbeat),
            Key("unresponsive", \.handoff.unresponsive, Kind.choice.map { $0 }),
            Key("start_timeout", \.handoff.startTimeout, .limit(.positiveDuration)),
            Key("stop_grace", \.handoff.stopGrace, Kind.duration.or("unlimited", Kind<Duration>.endless)),
            Key("restart", \.handoff.restart, restart),
            Key("idle_exit", \.handoff.idleExit, Kind<Duration?>.limit(.positiveDuration).or("never", nil)),
            Key("pass_to", Kind<[Placed<String>]>.list(of: Kind<String>.text("the name of a service").placed())) {
                names, _, draft in
                draft.passTo = names
                draft.handoff.passTo = names.map(\.value)
            },
        ])

    private struct PoolDraft: Sendable {
        var least: Int?
        var most: Int??
        var idle = Handoff.Pool().idle

        var pool: Handoff.Pool {
            let least = least ?? min(Handoff.Pool().least, (most ?? nil) ?? .max)
            return Handoff.Pool(least: least, most: most ?? max(least, standardMost), idle: idle)
        }
    }

    /// Where only `min` is given: growth has an end.
    private static let standardMost = 16

    private static let handlers = Kind<Handoff.Pool>.mapping(
        Kind<PoolDraft>.mapping(
            Section(
                "handlers",
                [
                    Key("min", \.least, Kind<Int>.number(0...10_000).map { $0 }),
                    Key("max", \.most, Kind<Int?>.limit(.number(1...10_000)).map { .some($0) }),
                    Key("idle", \.idle, Kind.positiveDuration.or("unlimited", Kind<Duration>.endless)),
                ]), from: PoolDraft()
        ).map(\.pool).checked("min is more than max") { $0.least <= $0.most ?? .max },
        or: Kind<Int>.number(1...10_000).map { Handoff.Pool($0) })

    private struct Registrants: Sendable {
        var users: [UInt32] = []
        var groups: [UInt32] = []
    }

    private static let register = Kind<Handoff.Registration>.mapping(
        Kind<Registrants>.mapping(
            Section(
                "register",
                [
                    Key("users", \.users, .list(of: Kind.user.map { $0.uid })),
                    Key("groups", \.groups, .list(of: .group)),
                ]), from: Registrants()
        ).map { .only(users: $0.users, groups: $0.groups) },
        or: onlyFalse("false").map { .nobody })

    private static let queue = Section<Handoff>(
        "queue",
        [
            Key("size", \.queueSize, .limit(.number(1...1_000_000))),
            Key("timeout", \.queueTimeout, .limit(.positiveDuration)),
        ])

    private static let heartbeat = Kind<Handoff.Heartbeat?>.mapping(
        Kind<Handoff.Heartbeat>.mapping(
            Section(
                "heartbeat",
                [
                    Key("interval", \.interval, heartbeatInterval),
                    Key("timeout", \.timeout, Kind.positiveDuration.or("unlimited", Kind<Duration>.endless)),
                ]),
            from: Handoff.Heartbeat()
        ).map { $0 },
        or: onlyFalse("false").map { nil })

    /// WELCOME tells it in 32 bits of milliseconds.
    private static let heartbeatInterval = Kind<Duration>.positiveDuration.checked("at most 49d") {
        $0 <= .seconds(49 * 86400)
    }

    private static let restart = Section<Handoff.Restart>(
        "restart",
        [
            Key("policy", \.policy, .choice),
            Key("backoff", \.backoff, .backoff(Handoff.Restart().backoff)),
            Key("burst", \.burst, .limit(.number(1...1_000_000))),
            Key("interval", \.interval, .positiveDuration),
        ])

    private static func onlyFalse(_ expected: String) -> Kind<Void> {
        .scalar(expected, .words(["false"])) { text, plain in plain && text == "false" ? () : nil }
    }
}
