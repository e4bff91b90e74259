internal import ServiceTable

/// The Courier rules of a front, put to a call that no rule has taken so far: pure.
struct CourierRules {
    private let rules: [(wanted: Route.Courier, target: String)]

    init(_ route: Route) {
        rules = route.rules.compactMap { rule in
            if case .courier(let wanted) = rule.match { (wanted, rule.target) } else { nil }
        }
    }

    var isEmpty: Bool { rules.isEmpty }

    /// The service for those who write a program in one word; nil where no rule has it.
    func targetInOneWord(_ call: CourierCall) -> String? {
        guard let called = call.inOneWord else { return nil }
        return rules.first { $0.wanted.matches(called) }?.target
    }

    /// What a call for nobody is answered.
    func rejection(of call: CourierCall) -> CourierCall.Rejection {
        for called in [call.called, call.inOneWord].compactMap(\.self) {
            let ranges = rules.filter { $0.wanted.program == called.program }.map(\.wanted.versions)
            guard let low = ranges.map(\.lowerBound).min(), let high = ranges.map(\.upperBound).max() else { continue }
            return .noSuchVersion(called, low...high)
        }
        return .noSuchProgram
    }
}

extension Route.Courier {
    func matches(_ called: CourierCall.Called) -> Bool {
        program.map { $0 == called.program } ?? true && versions.contains(called.version)
    }
}
