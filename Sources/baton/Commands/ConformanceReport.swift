internal import ControlProtocol
internal import HandlerConformance

/// What a run of checks has found, for people and as JSON.
struct ConformanceReport {
    /// Of the longest name.
    var width: Int
    var paint = Paint.forOutput
    private(set) var passed = 0
    private(set) var failed = 0
    private(set) var skipped = 0

    init(width: Int) {
        self.width = width
    }

    /// Lines of a handler's output that are shown.
    private static let mostOutputLines = 5

    mutating func count(_ report: CheckReport) {
        switch report.verdict {
        case .passed: passed += 1
        case .failed: failed += 1
        case .skipped, .blocked: skipped += 1
        }
    }

    func lines(of checks: [ConformanceCheck]) -> String {
        checks.map { "\(padded($0.name))  \($0.requirement)" }.joined(separator: "\n")
    }

    /// One line, and what was seen under it.
    func lines(of report: CheckReport) -> String {
        let name = padded(report.check.name)
        let requirement = report.check.requirement
        switch report.verdict {
        case .passed(let remarks):
            return (["\(paint.good("passed"))   \(name)  \(requirement)"] + remarks.map { detail("remark", $0) })
                .joined(separator: "\n")
        case .failed(let seen):
            let lines =
                ["\(paint.bad("failed"))   \(paint.strong(name))  \(requirement)", detail("seen", seen)]
                + output(of: report).map { detail("it wrote", $0) }
                + [detail("read", "docs/protocol.md, \"\(report.check.section)\"")]
            return lines.joined(separator: "\n")
        case .blocked(let failed):
            return "\(paint.odd("skipped"))  \(name)  \(paint.faint("\(failed) comes first"))"
        case .skipped(let reason):
            return "\(paint.odd("skipped"))  \(name)  \(paint.faint(reason))"
        }
    }

    var summary: String {
        "\(passed) passed, \(failed == 0 ? "0 failed" : paint.bad("\(failed) failed")), \(skipped) skipped"
    }

    private func output(of report: CheckReport) -> [String] {
        report.output.split(whereSeparator: \.isNewline).suffix(Self.mostOutputLines).map { String($0).printable() }
    }

    private func detail(_ label: String, _ text: String) -> String {
        spaces(9) + paint.faint(label + ": ") + text
    }

    private func padded(_ name: String) -> String {
        name + spaces(width - name.count)
    }
}

extension ConformanceReport {
    static func list(_ checks: [ConformanceCheck]) -> JSON {
        ["checks": .array(checks.map { .object(members(of: $0)) })]
    }

    func json(of reports: [CheckReport], program: [String], service: String) -> JSON {
        [
            "program": .array(program.map { .string($0) }),
            "service": .string(service),
            "passed": .integer(Int64(passed)),
            "failed": .integer(Int64(failed)),
            "skipped": .integer(Int64(skipped)),
            "checks": .array(
                reports.map { report in
                    var members = Self.members(of: report.check)
                    switch report.verdict {
                    case .passed(let remarks):
                        members.append("verdict", "passed")
                        members.append("remarks", remarks.isEmpty ? nil : .array(remarks.map { .string($0) }))
                    case .failed(let seen):
                        members.append("verdict", "failed")
                        members.append("seen", .string(seen))
                        members.append("output", report.output.isEmpty ? nil : .string(report.output))
                    case .skipped(let reason):
                        members.append("verdict", "skipped")
                        members.append("reason", .string(reason))
                    case .blocked(let failed):
                        members.append("verdict", "skipped")
                        members.append("reason", .string("\(failed) failed"))
                    }
                    members.append("seconds", .number(report.duration.seconds))
                    return .object(members)
                }),
        ]
    }

    private static func members(of check: ConformanceCheck) -> JSONObject {
        ["name": .string(check.name), "requirement": .string(check.requirement), "section": .string(check.section)]
    }
}
