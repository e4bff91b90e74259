/// What the migration guide says of one directive. The importers report by the same rows, so the guide
/// cannot differ from what they do.
package struct DirectiveRow: Hashable, Sendable {
    /// As the source's manual calls it.
    package var name: String
    /// The best that becomes of it; single values may fare worse, and their warnings say so.
    package var fidelity: Fidelity.Kind
    /// The key of the table that it becomes; empty when there is none.
    package var key: String
    /// What differs, and why. Empty when nothing does.
    package var note: String

    package init(_ name: String, _ fidelity: Fidelity.Kind, _ key: String = "", _ note: String = "") {
        self.name = name
        self.fidelity = fidelity
        self.key = key
        self.note = note
    }

    /// What an importer reports of a directive that fares as the row says.
    package var outcome: Fidelity { Fidelity(fidelity, note) }
}

/// The directives of one source, in groups as its manual has them.
package struct DirectiveTable: Sendable {
    package var title: String
    package var groups: [(heading: String, rows: [DirectiveRow])]

    package init(_ title: String, _ groups: [(heading: String, rows: [DirectiveRow])]) {
        self.title = title
        self.groups = groups
    }

    package var rows: [DirectiveRow] { groups.flatMap(\.rows) }
}
