/// A kind of value: what may stand there, in words, and how it becomes a `Value`.
struct Kind<Value>: Sendable {
    /// For faults: `a duration such as 5s`.
    let expected: String
    /// The same for programs.
    private(set) var shape: Shape
    var isList = false
    private let parse: @Sendable (Cursor, _ expected: String) -> Value?

    /// `parse` answers nil after it has reported a fault; `expected` is what may stand there in all.
    init(_ expected: String, _ shape: Shape, parse: @escaping @Sendable (Cursor, _ expected: String) -> Value?) {
        self.expected = expected
        self.shape = shape
        self.parse = parse
    }

    func read(_ cursor: Cursor) -> Value? {
        read(cursor, expected)
    }

    private func read(_ cursor: Cursor, _ expected: String) -> Value? {
        cursor.node.isBroken ? nil : parse(cursor, expected)
    }

    func map<Other>(_ transform: @escaping @Sendable (Value) -> Other) -> Kind<Other> {
        var kind = Kind<Other>(expected, shape) { cursor, expected in read(cursor, expected).map(transform) }
        kind.isList = isList
        return kind
    }

    /// Refused with `message` unless `test` holds.
    func checked(_ message: String, _ test: @escaping @Sendable (Value) -> Bool) -> Kind {
        var kind = Kind(expected, shape) { cursor, expected in
            guard let value = read(cursor, expected) else { return nil }
            if test(value) { return value }
            cursor.fault(message)
            return nil
        }
        kind.isList = isList
        return kind
    }

    /// The same, of a narrower shape: what `checked` asks for.
    func shaped(_ shape: Shape) -> Kind {
        var kind = self
        kind.shape = shape
        return kind
    }

    /// The same, or a word that stands for `value`.
    func or(_ word: String, _ value: Value) -> Kind where Value: Sendable {
        var kind = Kind("\(expected), or \(word)", .or(shape, .words([word]))) { cursor, expected in
            cursor.node.text == word ? value : read(cursor, expected)
        }
        kind.isList = isList
        return kind
    }
}

extension Kind {
    /// Text that `read` understands; nil is the plain fault, a thrown one says more.
    static func scalar(
        _ expected: String, _ shape: Shape,
        _ read: @escaping @Sendable (String, _ plain: Bool) throws(Hint) -> Value?
    ) -> Kind {
        Kind(expected, shape) { cursor, expected in
            guard case .scalar(let text, let plain) = cursor.node.content else {
                cursor.unexpected(expected)
                return nil
            }
            do throws(Hint) {
                if let value = try read(text, plain) { return value }
                cursor.unexpected(expected)
            } catch {
                cursor.unexpected(expected, hint: error.text)
            }
            return nil
        }
    }

    /// A limit, or `unlimited`, which is nil.
    static func limit<Limit: Sendable>(_ kind: Kind<Limit>) -> Kind where Value == Limit? {
        kind.map { .some($0) }.or("unlimited", nil)
    }

    /// A list of at least `least` elements. Every element is read, so that every fault is told.
    static func list<Element>(of kind: Kind<Element>, least: Int = 0) -> Kind where Value == [Element] {
        var list = Kind("a list", .list(kind.shape, least: least)) { cursor, expected in
            guard case .list(let nodes) = cursor.node.content else {
                cursor.unexpected(expected, hint: cursor.node.text.map { "write [\($0.quotable)]" } ?? "")
                return nil
            }
            guard nodes.count >= least else {
                cursor.fault("the list is empty")
                return nil
            }
            let values = nodes.map { kind.read(cursor.at($0)) }
            let found = values.compactMap(\.self)
            return found.count == values.count ? found : nil
        }
        list.isList = true
        return list
    }

    /// A mapping read into a fresh value; `required` are the keys that must be there.
    static func mapping(_ section: Section<Value>, from blank: Value, required: String...) -> Kind
    where Value: Sendable {
        var shape = section.shape
        shape.required = required
        return Kind("a mapping of \(Words.list(section.keys.map(\.name)))", .mapping(shape)) { cursor, _ in
            var value = blank
            guard let given = section.read(cursor, into: &value) else { return nil }
            let missing = required.filter { !given.has($0) }
            if !missing.isEmpty, !given.unknown { cursor.fault("\(missing.joined(separator: " and ")) is missing") }
            return given.isSound && missing.isEmpty ? value : nil
        }
    }

    /// A mapping, or what a scalar or list says.
    static func mapping(_ mapping: Kind, or other: Kind) -> Kind {
        Kind("\(other.expected), or \(mapping.expected)", .or(other.shape, mapping.shape)) { cursor, expected in
            cursor.node.pairs != nil ? mapping.read(cursor) : other.read(cursor, expected)
        }
    }
}

/// What would have been right, for a value that was nearly so.
struct Hint: Error {
    let text: String
    init(_ text: String) { self.text = text }
}
