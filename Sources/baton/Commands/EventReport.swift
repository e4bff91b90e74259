internal import ControlProtocol

/// Events for people: the lines of the text log, with colour for what matters. The supervisor has made what comes from
/// outside fit for a terminal.
struct EventReport {
    let paint: Paint

    func line(_ event: JSON) -> String {
        let object = event.object ?? [:]
        func text(_ name: String) -> String? { object[name]?.string }
        let level = text("level") ?? ""
        let sentence = text("message") ?? text("event") ?? event.text
        let place = [text("connection").map { "connection \($0)" }, text("peer").map { "from \($0)" }]
            .compactMap { $0 }.joined(separator: " ")
        let words = [
            paint.faint(text("time") ?? ""), colour(level)(level) + spaces(7 - level.count),
            paint.strong((text("service") ?? "baton") + ":"), colour(level)(sentence),
        ]
        return words.joined(separator: " ") + (place.isEmpty ? "" : paint.faint(" (\(place))"))
    }

    private func colour(_ level: String) -> (String) -> String {
        switch EventLevel(rawValue: level) {
        case .error, .warning: paint.bad
        case .notice: paint.odd
        case .debug: paint.faint
        case .info, nil: { $0 }
        }
    }
}
