internal import ControlProtocol

/// The services as lines of a table of a given width.
struct TopTable {
    private let columns: [Column]
    private let text: TopText

    private struct Column {
        var title: String
        var width: Int
        var right = false
        var cell: (TopRow) -> (String, StyledLine.Style)
    }

    /// From here on states are written out.
    private static let wideEnough = 110
    private static let widestName = 32

    /// - Parameter order: Its column is marked.
    init(_ rows: [TopRow], width: Int, text: TopText) {
        self.text = text
        let isWide = width >= Self.wideEnough
        let longest = rows.lazy.map(\.name.utf8.count).max() ?? 0
        let name = isWide ? max(14, min(longest, Self.widestName)) : 14
        var columns = [
            Column(title: "SERVICE", width: name) { ($0.name.printable(), .strong) },
            Column(title: "STATE", width: 8) { ($0.service.state.rawValue, $0.style) },
            Column(title: "ACC/S", width: 5, right: true) { (text.rate($0.track.accepted), .plain) },
            Column(title: "REF/S", width: 5, right: true) { row in
                (text.rate(row.track.refused), row.track.refused ?? 0 > 0 ? .odd : .plain)
            },
            Column(title: "ACTIV", width: 5, right: true) { (text.count($0.active), .plain) },
            Column(title: "QUEUE", width: 5, right: true) { row in
                (text.count(row.queued), row.queued > 0 ? .odd : .plain)
            },
            Column(title: "P50", width: 5, right: true) { (text.time($0.wait.quantile(0.5)), .plain) },
            Column(title: "P99", width: 5, right: true) { (text.time($0.wait.quantile(0.99)), .plain) },
            Column(title: "HANDLERS", width: isWide ? 24 : 8) { ($0.handlers(inWords: isWide), $0.handlerStyle) },
        ]
        // The marker and a blank before each column.
        let left = width - columns.reduce(1) { $0 + $1.width + 1 }
        if left > 0 {
            columns.append(
                Column(title: left > 5 ? "ACCEPTS" : "", width: min(left, 60)) { row in
                    (text.sparkline(row.track.history, columns: min(left, 60)), .good)
                })
        }
        self.columns = columns
    }

    var header: StyledLine {
        var line = StyledLine(" ")
        for (index, column) in columns.enumerated() {
            if index > 0 { line.append(" ") }
            line.append(column.title, .faint, columns: column.width, right: column.right)
        }
        return line
    }

    func line(_ row: TopRow, isSelected: Bool = false) -> StyledLine {
        var line = StyledLine(isSelected ? ">" : " ")
        for (index, column) in columns.enumerated() {
            if index > 0 { line.append(" ") }
            let (text, style) = column.cell(row)
            line.append(text, style, columns: column.width, right: column.right)
        }
        line.isSelected = isSelected
        return line
    }
}

extension TopRow {
    var style: StyledLine.Style {
        switch service.state {
        case .ready, .idle: service.problems.isEmpty ? .good : .bad
        case .limited, .paused, .draining: .odd
        case .failed: .bad
        case .disabled: .faint
        }
    }

    fileprivate var handlerStyle: StyledLine.Style {
        let isUnresponsive =
            service.handlers.contains { $0.state == .unresponsive }
            || service.processes.contains { $0.state == .unresponsive }
        return isUnresponsive ? .bad : .plain
    }

    /// `4 ready, 1 unresponsive`, or `4r 1u`; of exec its processes.
    fileprivate func handlers(inWords: Bool) -> String {
        if service.handlers.isEmpty, service.processes.isEmpty { return "" }
        var parts = HandlerStatus.State.allCases.compactMap { state -> String? in
            let count = service.handlers.count { $0.state == state }
            guard count > 0 else { return nil }
            return inWords ? "\(count) \(state.rawValue)" : "\(count)\(state.rawValue.prefix(1))"
        }
        if !service.processes.isEmpty { parts.append("\(service.processes.count) \(inWords ? "processes" : "proc")") }
        return parts.joined(separator: inWords ? ", " : " ")
    }
}
