/// `StandardInput=`, `StandardOutput=`, `StandardError=`: where descriptors 0, 1 and 2 lead.
struct SystemdOutput {
    private struct Setting {
        var value: String
        var index: Int
        var place: SourcePlace
    }

    private var input: Setting?
    private var output: Setting?
    private var error: Setting?

    /// False when the key is none of these.
    mutating func take(
        _ key: String, _ value: String, at index: Int, _ place: SourcePlace, _ report: inout UnitReport
    ) -> Bool {
        let setting = Setting(value: value, index: index, place: place)
        switch key {
        case "StandardInput": input = setting
        case "StandardOutput": output = setting
        case "StandardError": error = setting
        default: return false
        }
        return true
    }

    /// A value of `StandardInput=`.
    static func isInput(_ value: String) -> Bool {
        ["null", "tty", "tty-force", "tty-fail", "data", "socket", "fd"].contains(value)
            || value.hasPrefix("fd:") || value.hasPrefix("file:/")
    }

    /// Descriptors 0 and 1 are the socket.
    var takesSocket: Bool { input?.value == "socket" }

    /// The value of `stderr`; nil where it is the default.
    var standardError: (word: String, place: SourcePlace)? {
        // An error that is inherited goes where output goes, which with a socket as input is the socket.
        let effective = error.flatMap { $0.value == "inherit" ? nil : $0 } ?? output
        let value = effective.flatMap { $0.value == "inherit" ? nil : $0.value } ?? (takesSocket ? "socket" : "journal")
        let place = (effective ?? input)?.place
        guard let place else { return nil }
        switch Self.sink(value) {
        case .socket: return takesSocket ? ("connection", place) : nil
        case .null: return ("null", place)
        case .path(let path): return (path, place)
        case .log, .other: return nil
        }
    }

    private enum Sink { case socket, null, log, path(String), other }

    private static func sink(_ value: String) -> Sink {
        switch value {
        case "socket": return .socket
        case "null": return .null
        case "journal", "syslog", "kmsg", "journal+console", "syslog+console", "kmsg+console": return .log
        default:
            for prefix in ["file:", "append:", "truncate:"] where value.hasPrefix(prefix + "/") {
                return .path(String(value.dropFirst(prefix.count)))
            }
            return .other
        }
    }

    func settle(_ report: inout UnitReport) {
        if let input { settleInput(input, &report) }
        if let output { settleOutput(output, &report) }
        guard let error else { return }
        switch Self.sink(error.value) {
        case .socket where takesSocket, .null, .log: break
        case .path where !error.value.hasPrefix("truncate:"): break
        case .path: report.note(error.index, .approximated("the file is not emptied, but appended to"))
        case .socket: report.note(error.index, .notExpressible("there is no socket as descriptor 0 to share"))
        case .other where error.value == "inherit": break
        case .other:
            report.note(error.index, .notExpressible("stderr is log, connection, null or a path; it goes to the log"))
        }
    }

    private func settleInput(_ input: Setting, _ report: inout UnitReport) {
        switch input.value {
        case "socket", "null": break
        default:
            report.note(
                input.index,
                .notExpressible("descriptor 0 is the socket, or with style: systemd /dev/null"))
        }
    }

    private func settleOutput(_ output: Setting, _ report: inout UnitReport) {
        switch (Self.sink(output.value), takesSocket) {
        case (.socket, true), (.log, false): break
        case (.other, _) where output.value == "inherit": break
        case (.log, true), (.null, true), (.path, true):
            report.note(output.index, .approximated("with style: inetd descriptor 1 is the socket, as 0 is"))
        case (.null, false), (.path, false):
            report.note(output.index, .approximated("descriptors 1 and 2 go to one place, that of stderr"))
        default: report.note(output.index, .notExpressible("descriptor 1 goes to the log"))
        }
    }
}
