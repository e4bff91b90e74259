/// An option behind the clients (hosts_options(5)).
struct HostsOption: Sendable {
    var keyword: String
    var value: String
    var effect: Effect

    enum Effect: Hashable, Sendable {
        case allow, deny, twist, unknown
        /// Whether a command says yes.
        case condition
        /// A key of the service, where all its clients come by this rule.
        case key(String, DraftValue)
        /// `user.group`.
        case user(String, group: String)
        case none

        /// Nothing may follow it.
        var isLast: Bool { self == .allow || self == .deny || self == .twist }
    }

    init(_ field: String) {
        let text = field.trimmed
        let word = String(text.prefix { !$0.isBlank && $0 != "=" })
        var rest = text.dropFirst(word.count).drop(while: \.isBlank)
        if rest.hasPrefix("=") { rest = rest.dropFirst() }
        keyword = word.lowercased()
        value = rest.trimmed
        effect = Self.effect(keyword, value)
    }

    private static func effect(_ keyword: String, _ value: String) -> Effect {
        switch keyword {
        case "allow": .allow
        case "deny": .deny
        case "twist": .twist
        case "aclexec": .condition
        case "keepalive": .key("socket", .pairs(("keep_alive", .bool(true))))
        case "nice": nice(value)
        case "umask": umask(value)
        case "setenv": environment(value)
        case "user": user(value)
        case "severity", "spawn", "linger", "rfc931", "banners", "group": .none
        default: .unknown
        }
    }

    private static func nice(_ value: String) -> Effect {
        guard let number = Int(value.isEmpty ? "10" : value) else { return .unknown }
        return (-20...19).contains(number) ? .key("nice", .number(number)) : .none
    }

    private static func umask(_ value: String) -> Effect {
        guard let bits = UInt16(value, radix: 8), bits <= 0o777 else { return .unknown }
        return .key("umask", .word("0" + String(bits, radix: 8)))
    }

    private static func environment(_ value: String) -> Effect {
        let name = String(value.prefix { !$0.isBlank })
        guard !name.isEmpty, !name.contains("="), !value.contains("%") else { return .none }
        return .key("env", .mapping([DraftPair(name, .text(value.dropFirst(name.count).trimmed))]))
    }

    private static func user(_ value: String) -> Effect {
        let parts = value.split(separator: ".", maxSplits: 1).map { String($0) }
        guard let name = parts.first, !name.contains(where: \.isBlank) else { return .unknown }
        return parts.count == 2 ? .user(name, group: parts[1]) : .key("user", .text(name))
    }

    /// What becomes of it.
    ///
    /// - Parameter isOnly: All clients that get in come by the rule that it stands in.
    func fidelity(isOnly: Bool) -> Fidelity {
        switch effect {
        case .unknown: return .notExpressible("tcp wrappers do not know it and refuse these clients, and so does Baton")
        case .key, .user:
            return isOnly
                ? .exact
                : .notExpressible("a key is for all clients of a service, and this rule is for some of them")
        case .allow, .deny: return .exact
        case .twist, .condition, .none: return HostsRow.option(keyword)?.outcome ?? .exact
        }
    }
}
