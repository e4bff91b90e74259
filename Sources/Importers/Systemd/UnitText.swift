/// `Key=value` in a unit file (systemd.syntax(7)).
struct UnitAssignment: Sendable {
    var section: String
    var key: String
    var value: String
    var place: SourcePlace

    var text: String { "\(key)=\(value)" }
}

/// The lines of a unit file or drop-in as assignments.
struct UnitText: Sendable {
    private(set) var assignments: [UnitAssignment] = []
    private(set) var errors: [ImportReport.SourceError] = []
    /// systemd takes an empty file for a masked unit.
    let isEmpty: Bool

    /// systemd refuses longer lines (LONG_LINE_MAX).
    private static let longestLine = 1 << 20
    private static let mostAssignments = 20_000

    init(_ bytes: [UInt8], file: String) {
        isEmpty = bytes.isEmpty
        var section: String?
        for line in Self.logicalLines(bytes) {
            let place = SourcePlace(file, line.number)
            if line.isBroken {
                fail("the line is not UTF-8; systemd passes over it", at: place)
            } else if line.text.hasPrefix("[") {
                if line.text.hasSuffix("]"), line.text.count > 2 {
                    section = String(line.text.dropFirst().dropLast())
                } else {
                    fail("a section's header ends in ]", at: place)
                }
            } else if let equals = line.text.firstIndex(of: "=") {
                let key = line.text[..<equals].trimmed
                let value = line.text[line.text.index(after: equals)...].trimmed
                if key.isEmpty {
                    fail("a name is missing before the =", at: place)
                } else if let section, assignments.count < Self.mostAssignments {
                    assignments.append(UnitAssignment(section: section, key: key, value: value, place: place))
                } else {
                    fail(
                        section == nil
                            ? "\(key.quotable) stands in no section" : "more than \(Self.mostAssignments) assignments",
                        at: place)
                    if section != nil { return }
                }
            } else {
                fail("KEY=VALUE is expected", at: place)
            }
        }
    }

    private mutating func fail(_ message: String, at place: SourcePlace) {
        errors.append(ImportReport.SourceError(place: place, message: message))
    }

    /// Without comments and blank lines; a line that ends in a backslash is joined with the next by a blank, and
    /// comments between the two are left out.
    private static func logicalLines(_ bytes: [UInt8]) -> [SourceLines.Line] {
        var result: [SourceLines.Line] = []
        var open: SourceLines.Line?
        for (index, physical) in SourceLines(bytes).lines.enumerated() {
            var line = physical
            if index == 0, line.text.unicodeScalars.first == "\u{feff}" { line.text.unicodeScalars.removeFirst() }
            let start = line.text.drop(while: \.isBlank)
            if start.hasPrefix("#") || start.hasPrefix(";") { continue }
            let continues = line.text.reversed().prefix { $0 == "\\" }.count % 2 == 1
            if continues { line.text.removeLast() }
            var whole = line
            if let open {
                whole = open
                whole.text += " " + line.text
                whole.isBroken = open.isBroken || line.isBroken
            }
            if continues, whole.text.utf8.count <= longestLine {
                open = whole
            } else {
                open = nil
                result.append(whole)
            }
        }
        if let open { result.append(open) }
        return result.compactMap { line in
            var line = line
            line.text = line.text.trimmed
            return line.text.isEmpty ? nil : line
        }
    }
}
