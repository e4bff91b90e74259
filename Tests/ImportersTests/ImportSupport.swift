import Importers
import ServiceTable
import TestSupport
import Testing

/// An import of one or more files in a directory of its own.
struct Imported {
    let directory: TemporaryDirectory
    let report: ImportReport
    let yaml: String

    /// - Parameter files: Names and contents; the first is imported.
    init(
        _ format: SourceFormat, _ files: (name: String, text: String)..., path: String? = nil, resolving: Bool = false,
        leavesOutDisabled: Bool = false
    ) throws {
        directory = try TemporaryDirectory()
        for file in files { try directory.write(file.name, file.text) }
        report = Importers.read(
            format, paths: [directory.path(path ?? files[0].name)],
            settings: ImportSettings(resolving: resolving, leavesOutDisabled: leavesOutDisabled))
        yaml = TableText(report.table).text
    }

    /// The services without the comments above them, as they stand in the table.
    var services: String {
        var lines = yaml.split(separator: "\n", omittingEmptySubsequences: false)
        lines = Array(lines.drop { !$0.hasPrefix("services") }.dropFirst())
        return lines.filter { !$0.drop { $0 == " " }.hasPrefix("#") && !$0.isEmpty }.map { $0.dropFirst(2) }
            .joined(separator: "\n")
    }

    /// `LINE DIRECTIVE: kind`, with the reason where there is one.
    var remarks: [String] {
        report.directives.map { directive in
            "\(directive.place.line) \(directive.fidelity.kind.rawValue)"
                + (directive.fidelity.reason.map { ": \($0)" } ?? "")
        }
    }

    /// What the reader says of the table.
    var faults: [String] { faults(resolving: false) }

    func faults(resolving: Bool) -> [String] {
        ServiceTableReader.read(text: Array(yaml.utf8), name: "table", resolving: resolving).faults
            .filter { $0.severity == .error }.map(\.description)
    }
}
