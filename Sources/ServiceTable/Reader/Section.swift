/// One key of a mapping, and how its value is read into `Target`.
struct Key<Target>: Sendable {
    let name: String
    /// `+key` and `-key` may change it.
    let isList: Bool
    let shape: Shape
    /// False when a fault was reported.
    let read: @Sendable (Cursor, inout Target) -> Bool

    /// A key whose value is stored as it was read.
    init<Value>(_ name: String, _ field: any WritableKeyPath<Target, Value> & Sendable, _ kind: Kind<Value>) {
        self.init(name, kind) { value, _, target in
            target[keyPath: field] = value
        }
    }

    /// A key whose value needs more than storing.
    init<Value>(
        _ name: String, _ kind: Kind<Value>, store: @escaping @Sendable (Value, Cursor, inout Target) -> Void
    ) {
        self.name = name
        isList = kind.isList
        shape = kind.shape
        read = { cursor, target in
            guard let value = kind.read(cursor) else { return false }
            store(value, cursor, &target)
            return true
        }
    }

    /// A mapping of its own inside `Target`; keys that are not given keep what they had.
    init<Value>(
        _ name: String, _ field: any WritableKeyPath<Target, Value> & Sendable, _ section: Section<Value>
    ) {
        self.name = name
        isList = false
        shape = .mapping(section.shape)
        read = { cursor, target in section.read(cursor, into: &target[keyPath: field])?.isSound ?? false }
    }
}

/// The keys of one kind of mapping: what reads it, and what tells the nearest known key.
struct Section<Target>: Sendable {
    /// Of this kind of mapping in the documentation.
    let name: String
    let keys: [Key<Target>]
    private let places: [String: Int]

    init(_ name: String, _ keys: [Key<Target>]) {
        self.name = name
        self.keys = keys
        places = Dictionary(keys.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
    }

    var shape: MappingShape {
        MappingShape(name, keys.map { MappingShape.Field(name: $0.name, shape: $0.shape) })
    }

    subscript(name: String) -> Key<Target>? {
        places[name].map { keys[$0] }
    }

    /// Reads a whole mapping; nil when it is none.
    func read(_ cursor: Cursor, into target: inout Target) -> Given? {
        guard let pairs = cursor.node.pairs else {
            if !cursor.node.isBroken { cursor.unexpected("a mapping with \(Words.list(keys.map(\.name)))") }
            return nil
        }
        var given = Given()
        for pair in pairs {
            guard let key = self[pair.key] else {
                unknown(pair, in: cursor)
                given.unknown = true
                continue
            }
            let value = cursor.at(pair)
            given.note(key.name, value, sound: key.read(value, &target))
        }
        return given
    }

    func unknown(_ pair: YAMLPair, in cursor: Cursor) {
        guard !cursor.reading.isFull else { return }
        cursor.at(keyOf: pair).fault("unknown key" + Words.nearest(to: pair.key, among: keys.map(\.name)))
    }
}

/// Which keys stood in a mapping, and which of them could be read.
struct Given {
    /// So few that looking through them takes less than a hash does.
    private var entries: [Entry] = []
    /// A key that nobody knows stood there; it may be one of the known ones, misspelt.
    var unknown = false

    private struct Entry {
        let key: String
        var cursor: Cursor
        var isSound: Bool
    }

    mutating func note(_ key: String, _ cursor: Cursor, sound: Bool) {
        let entry = Entry(key: key, cursor: cursor, isSound: sound)
        if let place = entries.firstIndex(where: { $0.key == key }) {
            entries[place] = entry
        } else {
            entries.append(entry)
        }
    }

    /// The value of a key that was given.
    subscript(key: String) -> Cursor? { entries.first { $0.key == key }?.cursor }

    func has(_ key: String) -> Bool { entries.contains { $0.key == key } }

    /// None of these keys was given in a way that could not be read.
    func sound(_ keys: String...) -> Bool { entries.allSatisfy { $0.isSound || !keys.contains($0.key) } }

    var isSound: Bool { entries.allSatisfy(\.isSound) && !unknown }
}

/// Words for people.
enum Words {
    /// `a, b or c`
    static func list(_ words: [String]) -> String {
        guard words.count > 1, let last = words.last else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " or " + last
    }

    /// `; did you mean X?`, or all of them when there are few and none is near.
    static func nearest(to word: String, among known: [String]) -> String {
        // Each comparison takes time by the product of the lengths; a table may have ten thousand names.
        guard known.count <= 256 else { return "" }
        let candidates = known.map { (word: $0, distance: distance(word, $0)) }
        let best = candidates.min { ($0.distance, $0.word) < ($1.distance, $1.word) }
        let shorter = min(word.count, best?.word.count ?? 0)
        if let best, best.distance < shorter, best.distance <= max(1, shorter / 3) {
            return "; did you mean \(best.word)?"
        }
        return known.isEmpty || known.count > 12 ? "" : "; known here: \(known.joined(separator: ", "))"
    }

    /// Edits (insert, delete, replace, swap of neighbours) that turn one word into the other.
    static func distance(_ one: String, _ other: String) -> Int {
        let one = Array(one.utf8.prefix(64))
        let other = Array(other.utf8.prefix(64))
        var before: [Int] = []
        var row = Array(0...other.count)
        for i in one.indices {
            var next = [i + 1]
            for j in other.indices {
                var best = min(next[j] + 1, row[j + 1] + 1, row[j] + (one[i] == other[j] ? 0 : 1))
                if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] { best = min(best, before[j - 1] + 1) }
                next.append(best)
            }
            (before, row) = (row, next)
        }
        return row[other.count]
    }
}
