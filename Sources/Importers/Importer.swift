/// The configurations that `baton import` reads.
package enum SourceFormat: String, Hashable, Sendable, CaseIterable {
    case inetd, xinetd, systemd
}

/// What an import may ask of the machine, besides the files it is given.
package struct ImportSettings: Sendable {
    package var files: SourceFiles
    /// False: port names need not exist on this machine.
    package var resolving: Bool
    /// A disabled service is left out where this machine lacks what it names: a package that was removed leaves its line
    /// behind. For a table that is read as it is; who converts one is to see the service.
    package var leavesOutDisabled: Bool

    package init(files: SourceFiles = SourceFiles(), resolving: Bool = true, leavesOutDisabled: Bool = false) {
        self.files = files
        self.resolving = resolving
        self.leavesOutDisabled = leavesOutDisabled
    }
}

/// Reads configurations of one format.
protocol Importer {
    /// The directives it knows, for the migration guide.
    static var table: DirectiveTable { get }

    /// Reads the file or directory at `path` into `report`. What cannot be read or parsed is told there.
    static func read(_ path: String, into report: inout ImportReport, settings: inout ImportSettings)

    /// Reads all `paths`.
    static func read(_ paths: [String], into report: inout ImportReport, settings: inout ImportSettings)
}

extension Importer {
    static func read(_ paths: [String], into report: inout ImportReport, settings: inout ImportSettings) {
        for path in paths { read(path, into: &report, settings: &settings) }
    }
}

package enum Importers {
    private static func importer(of format: SourceFormat) -> any Importer.Type {
        switch format {
        case .inetd: InetdImporter.self
        case .xinetd: XinetdImporter.self
        case .systemd: SystemdImporter.self
        }
    }

    /// The directives of a format, for the migration guide.
    package static func table(of format: SourceFormat) -> DirectiveTable { importer(of: format).table }

    /// Reads `paths` into one table.
    package static func read(_ format: SourceFormat, paths: [String], settings: ImportSettings) -> ImportReport {
        var report = ImportReport()
        var settings = settings
        report.table.comments.append("From \(paths.joined(separator: " ")), by baton import \(format.rawValue).")
        importer(of: format).read(paths, into: &report, settings: &settings)
        TableProof.check(&report)
        if settings.resolving, settings.leavesOutDisabled { TableProof.leaveOutDisabled(&report) }
        return report
    }
}
