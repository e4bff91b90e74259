/// How well a table says what a directive of another super-server said.
package enum Fidelity: Hashable, Sendable {
    case exact
    /// It means nearly the same; the reason says what differs.
    case approximated(String)
    /// The table cannot say it; the reason says why, or what to do instead.
    case notExpressible(String)

    /// The kinds, as `baton import --json` names them, the best first.
    package enum Kind: String, Hashable, Sendable, CaseIterable, Comparable {
        case exact
        case approximated
        case notExpressible = "not_expressible"

        package static func < (one: Kind, other: Kind) -> Bool {
            let order = allCases
            return (order.firstIndex(of: one) ?? 0) < (order.firstIndex(of: other) ?? 0)
        }

        /// For people.
        package var words: String { self == .notExpressible ? "not expressible" : rawValue }
    }

    package var kind: Kind {
        switch self {
        case .exact: .exact
        case .approximated: .approximated
        case .notExpressible: .notExpressible
        }
    }

    /// What differs and why; nil when nothing does.
    package var reason: String? {
        switch self {
        case .exact: nil
        case .approximated(let reason), .notExpressible(let reason): reason
        }
    }

    package init(_ kind: Kind, _ reason: String) {
        switch kind {
        case .exact: self = .exact
        case .approximated: self = .approximated(reason)
        case .notExpressible: self = .notExpressible(reason)
        }
    }

    /// Both together: the worse kind, with the reasons of both.
    package func and(_ other: Fidelity) -> Fidelity {
        let (better, worse) = kind <= other.kind ? (self, other) : (other, self)
        guard let first = worse.reason, let second = better.reason, first != second else { return worse }
        if kind == other.kind { return Fidelity(kind, "\(reason ?? ""); \(other.reason ?? "")") }
        return Fidelity(worse.kind, "\(first); \(better.kind.words): \(second)")
    }
}
