/// Compares two values key by key, by the table's own names.
///
/// What was compared is taken over, so that in the end only that is left which no key accounts for: a difference there
/// is named as well, and a key that is forgotten here cannot be passed over in a reload.
struct KeyComparison<Value: Equatable> {
    private var old: Value
    private let new: Value
    private(set) var changed: [String] = []

    init(_ old: Value, _ new: Value) {
        self.old = old
        self.new = new
    }

    mutating func compare<Part: Equatable>(
        _ key: String, _ path: WritableKeyPath<Value, Part>, by isSame: (Part, Part) -> Bool = { $0 == $1 }
    ) {
        compare(path) { isSame($0, $1) ? [] : [key] }
    }

    /// - Parameter keys: The keys inside of the part that differ.
    mutating func compare<Part: Equatable>(_ path: WritableKeyPath<Value, Part>, keys: (Part, Part) -> [String]) {
        for key in keys(old[keyPath: path], new[keyPath: path]) where !changed.contains(key) { changed.append(key) }
        old[keyPath: path] = new[keyPath: path]
    }

    /// - Parameter rest: What a difference is called that no key accounts for.
    mutating func finish(rest: String) -> [String] {
        if old != new { changed.append(rest) }
        return changed
    }
}
