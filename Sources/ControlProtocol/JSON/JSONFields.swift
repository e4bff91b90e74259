/// A JSON value that is not what its reader needs: which member, and what was expected.
package struct JSONShapeError: Hashable, Sendable, Error, CustomStringConvertible {
    /// The members on the way, outermost first: `services.listeners.state`.
    package var key: String
    package var message: String

    package init(key: String = "", message: String) {
        self.key = key
        self.message = message
    }

    package var description: String { key.isEmpty ? message : "\(key): \(message)" }

    func inside(_ outer: String) -> JSONShapeError {
        JSONShapeError(key: key.isEmpty ? outer : "\(outer).\(key)", message: message)
    }
}

/// A value with a JSON form that can be read back.
package protocol JSONConvertible {
    var json: JSON { get }
    /// Members that are not known are passed over: a newer end may add some.
    init(json: JSON) throws(JSONShapeError)
}

extension JSON {
    /// The members, or an error that an object was expected.
    func members() throws(JSONShapeError) -> JSONObject {
        guard let object else { throw JSONShapeError(message: "an object is expected") }
        return object
    }

    /// The elements as values; faults name `key`.
    func list<Element: JSONConvertible>(of: Element.Type = Element.self) throws(JSONShapeError) -> [Element] {
        guard let array else { throw JSONShapeError(message: "an array is expected") }
        var elements: [Element] = []
        for element in array { elements.append(try Element(json: element)) }
        return elements
    }

    init(_ elements: [some JSONConvertible]) { self = .array(elements.map(\.json)) }
}

extension JSONObject {
    /// The member `name` through `read`; missing, or of another type, is an error that names it.
    func required<Value>(
        _ name: String, _ expected: String, _ read: (JSON) -> Value?
    ) throws(JSONShapeError) -> Value {
        guard let value = self[name] else { throw JSONShapeError(key: name, message: "missing") }
        guard let result = read(value) else { throw JSONShapeError(key: name, message: "\(expected) is expected") }
        return result
    }

    func string(_ name: String) throws(JSONShapeError) -> String {
        try required(name, "a string") { $0.string }
    }

    func integer(_ name: String) throws(JSONShapeError) -> Int {
        try required(name, "a whole number") { $0.integer.flatMap(Int.init(exactly:)) }
    }

    /// A connection's number, which is a string in JSON.
    func connection(_ name: String) throws(JSONShapeError) -> UInt64 {
        try required(name, "an id") { $0.string.flatMap { UInt64($0) } }
    }

    /// A time in seconds.
    func duration(_ name: String) throws(JSONShapeError) -> Duration {
        try required(name, "a number of seconds") { $0.number.flatMap { Duration(seconds: $0) } }
    }

    func timestamp(_ name: String) throws(JSONShapeError) -> Timestamp {
        try required(name, "an RFC 3339 time in UTC") { $0.string.flatMap { Timestamp($0) } }
    }

    func choice<Value: RawRepresentable<String>>(_ name: String) throws(JSONShapeError) -> Value {
        try required(name, "a known word") { $0.string.flatMap(Value.init(rawValue:)) }
    }

    func value<Value: JSONConvertible>(_ name: String) throws(JSONShapeError) -> Value {
        let json = try required(name, "a value") { $0 }
        do { return try Value(json: json) } catch { throw error.inside(name) }
    }

    func list<Value: JSONConvertible>(_ name: String) throws(JSONShapeError) -> [Value] {
        let json = try required(name, "an array") { $0 }
        do { return try json.list() } catch { throw error.inside(name) }
    }

    /// The same for a member that may be absent.
    func optional<Value>(
        _ name: String, _ read: (String) throws(JSONShapeError) -> Value
    ) throws(JSONShapeError) -> Value? {
        self[name] == nil ? nil : try read(name)
    }
}
