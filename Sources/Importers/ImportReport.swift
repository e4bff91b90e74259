/// What an import comes to: the table, and what became of each directive.
package struct ImportReport: Sendable {
    package var table = TableDraft()
    /// In the order of the source.
    package private(set) var directives: [Directive] = []
    /// What does not parse, or cannot be read.
    package private(set) var errors: [SourceError] = []

    private var seen: Set<Directive> = []
    /// More mistakes than anybody reads.
    private static let mostErrors = 1000

    package init() {}

    package struct SourceError: Hashable, Sendable {
        package var place: SourcePlace
        package var message: String

        package var words: String { "\(place.words): error: \(message)" }
    }

    /// How it ended, as the exit code tells (command-line.md).
    package enum Outcome: Int32, Sendable {
        /// Every directive is exact or approximated.
        case complete = 0
        /// Something could not be expressed.
        case incomplete = 1
        /// The source does not parse, in part or as a whole.
        case unparsed = 78
    }

    package var outcome: Outcome {
        if !errors.isEmpty { return .unparsed }
        return directives.contains { $0.fidelity.kind == .notExpressible } ? .incomplete : .complete
    }

    /// Notes a directive that belongs to no service: what there is to say becomes a comment between services.
    package mutating func note(_ directive: Directive) {
        directives.append(directive)
        if let remark = directive.remark { table.add(comment: "\(directive.place.words): \(remark)") }
    }

    /// Adds a service with the directives it was made of: what there is to say becomes comments on it.
    package mutating func add(_ service: DraftService, _ directives: [Directive] = []) {
        var service = service
        for directive in directives {
            // A rule of hosts.allow is told at each service that it is for, and counted once.
            if seen.insert(directive).inserted { self.directives.append(directive) }
            if let remark = directive.remark { service.comments.append("\(directive.place.words): \(remark)") }
        }
        table.add(service)
    }

    /// Worsens what was said of the directive at a place.
    mutating func downgrade(at place: SourcePlace, _ fidelity: Fidelity) -> Fidelity {
        guard let index = directives.firstIndex(where: { $0.place == place }) else { return fidelity }
        directives[index].fidelity = directives[index].fidelity.and(fidelity)
        return directives[index].fidelity
    }

    /// Something that does not parse. It is a directive that could not be expressed as well.
    package mutating func fail(_ message: String, at place: SourcePlace, text: String = "") {
        guard errors.count <= Self.mostErrors else { return }
        if errors.count == Self.mostErrors {
            let rest = "more than \(Self.mostErrors) mistakes; the rest is left out"
            errors.append(SourceError(place: SourcePlace(place.file, 0), message: rest))
            return
        }
        errors.append(SourceError(place: place, message: message))
        guard !text.isEmpty else { return }
        note(Directive(text, at: place, .notExpressible("it does not parse: \(message)")))
    }

    /// A line for each thing that a person should know, as compilers write them.
    package var warnings: [String] { lines { $0.remark != nil } }

    /// The same without what is nearly as it was: who runs a converted table has read that at the conversion.
    package var losses: [String] {
        lines { $0.fidelity.kind == .notExpressible }
    }

    private func lines(of wanted: (Directive) -> Bool) -> [String] {
        // What is quoted in a reason stands in it as it came.
        let unparsed = Set(errors.map(\.place))
        let remarks = directives.filter(wanted).compactMap { directive -> String? in
            // An error line says it already.
            guard let remark = directive.remark, !unparsed.contains(directive.place) else { return nil }
            return "\(directive.place.words): warning: \(remark)"
        }
        return (remarks + errors.map(\.words)).map(\.printable)
    }
}
