/// What came of `baton restart` for one service.
enum RestartAnswer {
    case restarted
    /// There is nothing that could be restarted; why.
    case nothing(String)
    case failed(String)
}

/// A restart under way: the handlers that are to go, and those that have yet to register in their place.
struct RollingRestart {
    private(set) var old: [Handler]
    var replacements: [Handler] = []
    let answer: (RestartAnswer) -> Void

    init(old: [Handler], answer: @escaping (RestartAnswer) -> Void) {
        self.old = old
        self.answer = answer
    }

    enum Part {
        case old, replacement
    }

    /// Pairs of which one is to go when the other has come.
    var doubled: Int { min(old.count, replacements.count) }
    /// Replacements that are to be started.
    var missing: Int { max(0, old.count - replacements.count) }

    /// Nobody is left to be replaced, and nobody to be waited for.
    var isFinished: Bool { old.isEmpty && replacements.isEmpty }

    /// It is gone.
    mutating func forget(_ handler: Handler) -> Part? {
        if let place = replacements.firstIndex(where: { $0 === handler }) {
            replacements.remove(at: place)
            return .replacement
        }
        guard let place = old.firstIndex(where: { $0 === handler }) else { return nil }
        old.remove(at: place)
        return .old
    }

    struct Replacement {
        /// Who goes; nil when it is gone already.
        var old: Handler?
    }

    /// - Returns: Nil when it replaces nobody.
    mutating func registered(_ handler: Handler) -> Replacement? {
        guard let place = replacements.firstIndex(where: { $0 === handler }) else { return nil }
        replacements.remove(at: place)
        return Replacement(old: old.isEmpty ? nil : old.removeFirst())
    }
}
