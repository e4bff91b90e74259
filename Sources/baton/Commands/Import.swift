internal import ArgumentParser
internal import ControlProtocol
internal import Importers

struct Import: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a service table that means what another super-server's configuration says.",
        discussion: """
            What differs stands as a comment in the table and as a warning on standard error, with file and line; \
            nothing is dropped in silence. Exit codes: 0 everything has an equivalent, or nearly one; 1 something \
            has none; 78 the source does not parse (what parses is printed all the same).
            """)

    @Flag(help: "Print {\"table\": …, \"directives\": […]}, an entry for each directive of the source.")
    var json = false

    @Flag(help: "Look nothing up on this machine, such as names of ports.")
    var noResolve = false

    /// How the loader calls it: the table is followed by which line of which source each line comes from, and
    /// sources that others can write are refused.
    @Flag(help: .private)
    var forInclude = false

    @Argument(help: "inetd, xinetd or systemd.")
    var format: SourceFormat

    @Argument(help: "Files; for xinetd and systemd also directories.", completion: .file())
    var paths: [String]

    func execute() throws(Failure) {
        let settings = ImportSettings(
            files: SourceFiles(isStrict: forInclude), resolving: !noResolve, leavesOutDisabled: forInclude)
        let report = Importers.read(format, paths: paths, settings: settings)
        let table = TableText(report.table)
        if json {
            let result: JSON = [
                "table": .string(table.text), "directives": .array(report.directives.map(\.json)),
            ]
            print(result.text)
        } else if forInclude || report.outcome != .unparsed || !report.table.isEmpty {
            // Of a source that could not be read there is no table.
            print(table.text, terminator: "")
        }
        if forInclude { print(table.placeLines, terminator: "") }
        for warning in forInclude ? report.losses : report.warnings { StandardError.write(warning) }
        try StandardOutput.flush()
        switch report.outcome {
        case .complete: break
        case .incomplete: throw Failure(.failed)
        case .unparsed: throw Failure(.tableFaults)
        }
    }
}

extension SourceFormat: ExpressibleByArgument {}

extension Directive {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = [
            ("file", .string(place.file)), ("line", .integer(Int64(place.line))), ("directive", .string(text)),
            ("fidelity", .string(fidelity.kind.rawValue)),
        ]
        if let reason = fidelity.reason { members.append(("reason", .string(reason))) }
        return .object(JSONObject(members))
    }
}
