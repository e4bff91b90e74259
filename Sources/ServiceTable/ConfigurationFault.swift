/// One thing wrong with a table: where, what, and what would be right.
package struct ConfigurationFault: Hashable, Sendable, Error {
    package var file: String
    /// From 1; 0 when the fault is the file's as a whole.
    package var line: Int
    /// From 1, in characters; 0 when the fault is the file's as a whole.
    package var column: Int
    /// Where in the table: `services.web.listen`. Empty at the top.
    package var key: String
    package var message: String
    package var severity = Severity.error

    package enum Severity: String, Hashable, Sendable, CaseIterable {
        case error, warning
    }

    package init(
        file: String, line: Int = 0, column: Int = 0, key: String = "", message: String, severity: Severity = .error
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.key = key
        self.message = message
        self.severity = severity
    }
}

extension ConfigurationFault: CustomStringConvertible {
    /// As compilers write it: `FILE:LINE:COLUMN: error: services.NAME.key: what is wrong`.
    package var description: String {
        let place = line > 0 ? "\(file):\(line):\(column)" : file
        return "\(place): \(severity.rawValue): \(key.isEmpty ? "" : key + ": ")\(message)"
    }
}
