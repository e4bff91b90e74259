/// Rows of cells, aligned. Widths are counted in characters.
struct Columns {
    struct Cell {
        var text: String
        var isNumber = false
        var paint: (String) -> String = { $0 }
    }

    private(set) var rows: [[Cell]] = []

    mutating func append(_ row: [Cell]) { rows.append(row) }

    /// The rows as lines. A first cell wider than `widest` gets a line of its own, so that one long name
    /// does not push all numbers off the screen.
    func lines(widestFirst widest: Int) -> [String] {
        let widths = widths(widestFirst: widest)
        return rows.map { row in
            let last = row.count - 1
            return row.enumerated().map { column, cell in
                let missing = widths[column] - cell.text.count
                if missing < 0 { return cell.paint(cell.text) + "\n" + spaces(widths[column]) }
                if cell.isNumber { return spaces(missing) + cell.paint(cell.text) }
                return cell.paint(cell.text) + (column == last ? "" : spaces(missing))
            }.joined(separator: "  ")
        }
    }

    private func widths(widestFirst widest: Int) -> [Int] {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                let width = cell.text.count
                if column > 0 || width <= widest { widths[column] = max(widths[column], width) }
            }
        }
        return widths
    }
}

/// Lays `phrases` out with commas between, in lines of 80 columns broken at spaces; lines after the first
/// are indented by two more than `indent`.
func wrapped(_ phrases: [String], indent: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in phrases.joined(separator: ", ").split(separator: " ") {
        if line.isEmpty {
            line = spaces(indent) + word
        } else if line.count + 1 + word.count > 80 {
            lines.append(line)
            line = spaces(indent + 2) + word
        } else {
            line += " " + word
        }
    }
    return line.isEmpty ? [] : lines + [line]
}

func spaces(_ count: Int) -> String {
    String(repeating: " ", count: max(0, count))
}
