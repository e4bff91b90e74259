internal import ControlProtocol
internal import LinuxSystem

/// What a person sees and has chosen; pure: keys and statuses in, lines out.
struct TopScreen {
    private(set) var model = TopModel()
    private let text: TopText
    private var order = TopOrder.accepted
    private var isReversed = false
    /// The service that was chosen, by name: it stays so wherever it is sorted to. Nil marks the first, whichever it is.
    private var selected: String?
    /// The first service, or line of a detail, that is shown.
    private var top = 0
    private var view = View.table
    /// Rows that the last table had.
    private var page = 1
    private var isPaused = false
    /// A status that came while the screen stood still.
    private var held: SupervisorStatus?
    var silence: (why: String, since: Duration)?

    private enum View {
        case table, detail, help
    }

    init(text: TopText) {
        self.text = text
    }

    mutating func take(_ status: SupervisorStatus) {
        silence = nil
        if isPaused { held = status } else { model.take(status) }
    }

    /// - Returns: False when the person wants to leave.
    mutating func handle(_ key: Key) -> Bool {
        switch (view, key) {
        case (_, .character("q")): return false
        case (.help, _): show(.table)
        case (_, .character("?")), (_, .character("h")): show(.help)
        case (_, .character(" ")): pause()
        case (.detail, .escape), (.detail, .left), (.detail, .enter), (.detail, .character("b")): show(.table)
        case (.table, .enter), (.table, .right):
            let rows = rows
            guard !rows.isEmpty else { break }
            selected = rows[place(in: rows)].name
            show(.detail)
        case (.table, .character("R")): isReversed.toggle()
        case (.table, .character(let letter)) where TopOrder(rawValue: letter) != nil:
            order = TopOrder(rawValue: letter) ?? order
            isReversed = false
        default: move(key)
        }
        return true
    }

    private mutating func show(_ view: View) {
        self.view = view
        top = 0
    }

    private mutating func pause() {
        isPaused.toggle()
        if !isPaused, let status = held.take() { model.take(status) }
    }

    private mutating func move(_ key: Key) {
        let step: Int
        switch key {
        case .up, .character("k"): step = -1
        case .down, .character("j"): step = 1
        case .pageUp: step = -page
        case .pageDown: step = page
        case .home, .character("g"): step = -1_000_000
        case .end, .character("G"): step = 1_000_000
        default: return
        }
        guard view == .table else {
            top = max(0, top + step)
            return
        }
        let rows = self.rows
        guard !rows.isEmpty else { return }
        selected = rows[min(max(0, place(in: rows) + step), rows.count - 1)].name
    }

    private func place(in rows: [TopRow]) -> Int { rows.firstIndex { $0.name == selected } ?? 0 }

    private var rows: [TopRow] { order.sorted(model.rows, reversed: isReversed) }

    // MARK: Lines

    /// As many lines as there are rows.
    mutating func lines(_ size: Terminal.Size) -> [StyledLine] {
        var lines = TopHead(model: model, silence: silence, text: text).lines(width: size.columns)
        let room = max(1, size.rows - min(lines.count, size.rows - 1) - 1)
        lines = Array(lines.prefix(max(0, size.rows - room - 1)))
        let rows = rows
        if !rows.contains(where: { $0.name == selected }) { selected = nil }
        switch view {
        case .table: lines += table(rows, room: room, width: size.columns)
        case .detail: lines += detail(rows, room: room)
        case .help: lines += Self.help.prefix(room).map { StyledLine($0) }
        }
        while lines.count < size.rows - 1 { lines.append(StyledLine()) }
        lines.append(footer(rows.count))
        return Array(lines.suffix(size.rows))
    }

    private mutating func table(_ rows: [TopRow], room: Int, width: Int) -> [StyledLine] {
        page = max(1, room - 1)
        let place = place(in: rows)
        top = max(0, min(max(min(top, place), place - page + 1), rows.count - page))
        let table = TopTable(rows, width: width, text: text)
        return [table.header]
            + rows[top...].prefix(page).enumerated().map { table.line($1, isSelected: top + $0 == place) }
    }

    private mutating func detail(_ rows: [TopRow], room: Int) -> [StyledLine] {
        guard !rows.isEmpty, let now = model.status?.uptime else { return [] }
        let row = rows[place(in: rows)]
        page = max(1, room - 1)
        let lines = TopDetail(row: row, now: now, text: text).lines
        top = max(0, min(top, lines.count - room + 1))
        return [StyledLine()] + lines.dropFirst(top).prefix(room - 1)
    }

    private func footer(_ count: Int) -> StyledLine {
        var words = isPaused ? "PAUSED (space goes on)  " : ""
        switch view {
        case .table:
            let place = count > page ? "\(top + 1)-\(min(top + page, count)) of \(count)  " : ""
            words += "\(place)by \(order.words)\(isReversed ? ", reversed" : "")"
            words += "  q quit  enter detail  ? keys"
        case .detail: words += "q quit  esc back  ? keys"
        case .help: words += "any key goes back"
        }
        return StyledLine(words, .faint)
    }

    private static let help =
        [
            "", " up, down, k, j   choose a service; page up and down, home and end, too",
            " enter, right     its listeners, times, refusals and handlers; esc, left: back",
            " space            stand still, and go on", " q, ^C            quit", "",
        ] + TopOrder.allCases.map { " \($0.rawValue)                sort by \($0.words)" } + [
            " R                the other way round", "",
            " P50, P99: half, and 99 %, of the clients waited no longer in the last interval,",
            " for their handler's acknowledgement or the start of their process.",
            " HANDLERS: s starting, r ready, b busy, u unresponsive, d draining;",
            " proc: processes of exec.",
        ]
}
