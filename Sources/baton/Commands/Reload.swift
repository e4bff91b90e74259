internal import ArgumentParser
internal import ControlProtocol

struct Reload: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read the service table anew and go by it.",
        discussion: """
            The table is read and checked as a whole first; on any fault nothing is touched, the faults are printed, \
            and the exit code is 78. Then only what changed is touched: listeners that stay keep their socket and who \
            waits there, running handlers go on, and where their program or its settings changed, new ones are started \
            before the old ones drain. What was running in a removed service finishes.

            It returns when the new table is in force; handlers may be replaced still. HUP does the same, and its \
            result is in the log.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Flag(help: "Print what would change, and change nothing.")
    var dryRun = false

    @Flag(help: "Print the supervisor's answer as JSON.")
    var json = false

    func execute() throws(Failure) {
        var client = try ControlClient(supervisor.directory)
        let result = try client.call(.reload(dryRun: dryRun), patience: nil)
        if json { return print(result.text) }
        let report: ReloadReport
        do { report = try ReloadReport(json: result) } catch {
            throw Failure(.failed, "the supervisor's answer is not understood: \(error)")
        }
        for line in Self.lines(of: report) { print(line) }
        for note in Self.notes(of: report) { StandardError.write("baton: \(note)") }
    }

    private static func lines(of report: ReloadReport) -> [String] {
        if report.isEmpty { return ["nothing has changed"] }
        var lines = report.keys.isEmpty ? [] : ["changed: \(list(report.keys))"]
        lines += report.added.map { "added: \($0.printable())" }
        lines += report.removed.map { "removed: \($0.printable())" }
        for change in report.changed {
            let handlers = change.handlers == .kept ? "" : "; handlers: \(change.handlers.rawValue)"
            lines.append("changed: \(change.service.printable()): \(list(change.keys))\(handlers)")
            lines += change.listeners.map { "    \($0.words)" }
        }
        return lines + ["unchanged: \(report.unchanged)"]
    }

    private static func notes(of report: ReloadReport) -> [String] {
        report.changed.flatMap { change in change.notes.map { "\(change.service): \($0)".printable(limit: 1024) } }
            + report.notes.map { $0.printable(limit: 1024) }
    }

    private static func list(_ words: [String]) -> String {
        words.joined(separator: ", ").printable(limit: 4096)
    }
}

extension ReloadReport.Listener {
    fileprivate var words: String {
        let place = "\(transport) \(address.printable())"
        return switch change {
        case .added: "listens on \(place)"
        case .removed: "no longer listens on \(place)"
        case .takenOver: "takes \(place) over" + (from.map { " from \($0.printable())" } ?? "")
        }
    }
}
