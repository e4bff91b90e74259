internal import ControlProtocol

/// By what the services are sorted; those that are alike stay in table order.
enum TopOrder: Character, CaseIterable {
    case accepted = "a"
    case refused = "r"
    case active = "c"
    case queued = "w"
    case time = "t"
    case state = "s"
    case name = "n"
    case table = "o"

    /// What comes first is what one looks for: much, slow, broken.
    func sorted(_ rows: [TopRow], reversed: Bool) -> [TopRow] {
        let ordered = rows.enumerated().sorted { one, other in
            let (first, second) = reversed ? (other, one) : (one, other)
            if comesBefore(first.element, second.element) { return true }
            if comesBefore(second.element, first.element) { return false }
            return one.offset < other.offset
        }
        return ordered.map(\.element)
    }

    private func comesBefore(_ one: TopRow, _ other: TopRow) -> Bool {
        switch self {
        case .accepted: (one.track.accepted ?? 0) > (other.track.accepted ?? 0)
        case .refused: (one.track.refused ?? 0) > (other.track.refused ?? 0)
        case .active: one.active > other.active
        case .queued: one.queued > other.queued
        case .time: (one.wait.quantile(0.99) ?? .zero) > (other.wait.quantile(0.99) ?? .zero)
        case .state: one.urgency > other.urgency
        case .name: one.name.utf8.lexicographicallyPrecedes(other.name.utf8)
        case .table: false
        }
    }

    var words: String {
        switch self {
        case .accepted: "accepted/s"
        case .refused: "refused/s"
        case .active: "active connections"
        case .queued: "queued connections"
        case .time: "p99"
        case .state: "state"
        case .name: "name"
        case .table: "table order"
        }
    }
}

extension TopRow {
    /// How soon somebody should look at it.
    fileprivate var urgency: Int {
        if service.state == .failed { return 7 }
        if !service.problems.isEmpty { return 6 }
        return switch service.state {
        case .failed: 7
        case .limited: 5
        case .paused: 4
        case .draining: 3
        case .ready: 2
        case .idle: 1
        case .disabled: 0
        }
    }
}
