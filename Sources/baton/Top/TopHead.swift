internal import ControlProtocol

/// The lines above the table: who it is, how it is, and what should be looked at.
struct TopHead {
    let model: TopModel
    /// Why there is no news, and for how long.
    var silence: (why: String, since: Duration)?
    let text: TopText

    /// Problems that are named; the others are counted.
    private static let mostProblems = 3

    func lines(width: Int) -> [StyledLine] {
        guard let status = model.status else { return [] }
        let problems = status.problems
        var lines = [identity(status, problems: problems, width: width), totals(status)]
        if let silence { lines.append(StyledLine("! \(silence.why.printable())", .bad)) }
        for (index, problem) in problems.prefix(Self.mostProblems).enumerated() {
            let more = index == Self.mostProblems - 1 ? problems.count - Self.mostProblems : 0
            lines.append(StyledLine("! \(problem)" + (more > 0 ? ", and \(more) more" : ""), .bad))
        }
        return lines
    }

    private func identity(_ status: SupervisorStatus, problems: [String], width: Int) -> StyledLine {
        let (verdict, style): (String, StyledLine.Style) =
            if let silence {
                ("no supervisor answers, for \(silence.since.brief)", .bad)
            } else if !problems.isEmpty {
                ("not healthy", .bad)
            } else if status.state == .stopping {
                ("stopping", .odd)
            } else {
                ("healthy", .good)
            }
        var line = StyledLine()
        let who =
            "baton \(status.version.printable()), pid \(status.pid), up \(status.uptime.brief), "
            + status.table.printable()
        line.append(who, .strong, columns: max(0, width - TextWidth.of(verdict) - 1))
        line.append(" ")
        line.append(verdict, style)
        return line
    }

    private func totals(_ status: SupervisorStatus) -> StyledLine {
        let states = ServiceStatus.State.allCases.compactMap { state in
            let count = status.services.count { $0.state == state }
            return count > 0 ? "\(count) \(state.rawValue)" : nil
        }
        let active = status.services.reduce(0) { $0 + $1.connections.active }
        let queued = status.services.reduce(0) { $0 + $1.connections.queued }
        let numbers =
            "\(text.rate(model.accepted)) accepted/s, \(text.rate(model.refused)) refused/s, "
            + "\(text.count(active)) active, \(text.count(queued)) queued"
        return StyledLine("\(numbers); \(states.joined(separator: ", "))")
    }
}
