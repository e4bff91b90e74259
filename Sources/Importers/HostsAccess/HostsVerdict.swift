/// What hosts.allow and hosts.deny come to for one daemon.
package struct HostsVerdict: Sendable {
    /// Who gets in; nil: everyone, but for `noAccess`.
    package private(set) var onlyFrom: [String]?
    package private(set) var noAccess: [String] = []
    /// Further keys of the service, which options of the rules ask for.
    package private(set) var keys: [(name: String, value: DraftValue)] = []
    /// The rules that are for this daemon, and what became of each.
    package private(set) var directives: [Directive] = []

    /// More patterns than that are not computed.
    private static let mostPatterns = 4096

    /// - Parameter daemon: The name of its process, by which the rules know it: `in.tftpd`.
    package init(_ access: HostsAccess, of daemon: String) {
        let concerned = access.rules.filter { $0.concerns(daemon) }
        let rules = concerned.filter { !$0.hasEndpoint }
        let decision = HostsDecision(rules.map { SourceRule(clients: $0.clients, grants: $0.grants) })
        let isOnly = decision.admitsByOneRule
        let fits = decision.count <= Self.mostPatterns
        if fits {
            (onlyFrom, noAccess) = decision.lists()
        } else {
            onlyFrom = []
        }
        for rule in concerned {
            var fidelity = rule.fidelity(isOnly: isOnly)
            if !fits {
                let reason = "more than \(Self.mostPatterns) patterns; nobody is let in: write the lists by hand"
                fidelity = fidelity.and(.notExpressible(reason))
            }
            directives.append(Directive(rule.text.trimmed, at: rule.place, fidelity))
        }
        if decision.mixes, !directives.isEmpty {
            directives[0].fidelity = directives[0].fidelity.and(
                .approximated(
                    "where a name and an address match the same client, the more exact one decides, not the first"))
        }
        if isOnly, let rule = rules.first(where: \.grants) { take(rule.options) }
    }

    private mutating func take(_ options: [HostsOption]) {
        for option in options {
            switch option.effect {
            case .key(let name, let value): set(name, value)
            case .user(let name, let group):
                set("user", .text(name))
                set("group", .text(group))
            default: break
            }
        }
    }

    /// The last of a kind counts; variables add up.
    private mutating func set(_ name: String, _ value: DraftValue) {
        if let index = keys.firstIndex(where: { $0.name == name }) {
            if case .mapping(let old) = keys[index].value, case .mapping(let new) = value {
                keys[index].value = .mapping(old.filter { pair in !new.contains { $0.key == pair.key } } + new)
            } else {
                keys[index].value = value
            }
        } else {
            keys.append((name, value))
        }
    }
}

extension HostsRule {
    fileprivate func fidelity(isOnly: Bool) -> Fidelity {
        if hasEndpoint {
            return .notExpressible(
                "Baton's lists are for a service, not for an address of this machine; the rule is left out: give each "
                    + "address a service of its own")
        }
        var fidelity = Fidelity.exact
        for option in options {
            fidelity = fidelity.and(option.fidelity(isOnly: isOnly).about(option.keyword))
        }
        var reasons: [String] = []
        clients.forEach { pattern, isException in
            let remark: Fidelity
            switch pattern {
            case .everyone, .block, .domain, .file: return
            case .host:
                remark = .approximated(
                    "names of hosts are looked up and their addresses compared; tcp wrappers compare the client's name")
            case .nobody(let reason): remark = .approximated(reason)
            case .other(let reason):
                let more = grants == isException
                remark = .notExpressible("\(reason); left out, so that \(more ? "more" : "fewer") clients get in")
            }
            if let reason = remark.reason, !reasons.contains(reason) {
                reasons.append(reason)
                fidelity = fidelity.and(remark)
            }
        }
        return fidelity
    }
}

extension Fidelity {
    /// With the name of what it is about before the reason.
    fileprivate func about(_ name: String) -> Fidelity {
        reason.map { Fidelity(kind, "\(name): \($0)") } ?? self
    }
}
