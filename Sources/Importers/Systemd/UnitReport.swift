/// What becomes of the assignments of a unit: one directive each, in the order of the file.
struct UnitReport {
    let unit: UnitFile
    private var outcomes: [Fidelity]

    /// Every assignment fares as the row of its key says, until more is known.
    init(_ unit: UnitFile) {
        self.unit = unit
        outcomes = unit.assignments.map { assignment in
            if assignment.section.hasPrefix("X-") || assignment.key.hasPrefix("X-") { return .exact }
            guard let row = SystemdRow.row(assignment.key, in: assignment.section) else {
                return .approximated("systemd knows no such directive and passes over it, and so does Baton")
            }
            // Taken back, or switched off what Baton does not have.
            let isOff =
                row.fidelity == .notExpressible && ["no", "false", "off"].contains(assignment.value.lowercased())
            return assignment.value.isEmpty || isOff ? .exact : row.outcome
        }
    }

    /// In place of what the row says.
    mutating func set(_ index: Int, _ fidelity: Fidelity) { outcomes[index] = fidelity }

    mutating func note(_ index: Int, _ fidelity: Fidelity) { outcomes[index] = outcomes[index].and(fidelity) }

    /// Assignments of a section that were taken back or overridden have no effect, so nothing is lost with them; nor
    /// have those that do not parse.
    mutating func settle(_ section: String, effective: [Int]) {
        let effective = Set(effective)
        for (index, assignment) in unit.assignments.enumerated()
        where assignment.section == section && !effective.contains(index) {
            outcomes[index] = assignment.isPassedOver && !assignment.value.isEmpty ? .unparsedValue : .exact
        }
    }

    /// Dependencies on the other units of the same service hold in one table by themselves.
    mutating func settleUnit(partners: Set<String>) {
        for (index, assignment) in unit.assignments.enumerated()
        where assignment.section == "Unit" || assignment.section == "Install" {
            let words = assignment.value.words
            let kinds: Set = [
                "Before", "After", "Requires", "Requisite", "Wants", "BindsTo", "PartOf", "Also", "Upholds",
            ]
            guard kinds.contains(assignment.key), !words.isEmpty, words.allSatisfy(partners.contains) else { continue }
            outcomes[index] = .exact
        }
    }

    var directives: [Directive] {
        zip(unit.assignments, outcomes).map { Directive($0.text, at: $0.place, $1) }
    }
}
