/// What a reload has changed, or would change.
package struct ReloadReport: Hashable, Sendable {
    package var added: [String] = []
    package var removed: [String] = []
    package var changed: [Change] = []
    /// How many services are as they were.
    package var unchanged = 0
    /// Keys of the supervisor as a whole that differ.
    package var keys: [String] = []
    /// What a person should know, beside what stands with the changed services.
    package var notes: [String] = []

    package init() {}

    /// A service that is in both tables and not the same in them.
    package struct Change: Hashable, Sendable {
        package var service: String
        /// By the table's own names.
        package var keys: [String]
        package var handlers: Handlers
        /// Those that come, go, or change hands.
        package var listeners: [Listener] = []
        package var notes: [String] = []

        package init(service: String, keys: [String], handlers: Handlers) {
            self.service = service
            self.keys = keys
            self.handlers = handlers
        }
    }

    /// What becomes of what a service has running.
    package enum Handlers: String, Hashable, Sendable, CaseIterable {
        /// It goes on.
        case kept
        /// New handlers are started; as each of them registers, an old one drains.
        case rolling
        /// It finishes what it has, and what comes is served in another way.
        case draining
    }

    package struct Listener: Hashable, Sendable {
        package var address: String
        package var transport: String
        package var change: Change
        /// The service that it comes from; of one that is taken over.
        package var from: String?

        package enum Change: String, Hashable, Sendable, CaseIterable {
            case added, removed
            /// With its backlog, from another service.
            case takenOver = "taken_over"
        }

        package init(address: String, transport: String, _ change: Change, from: String? = nil) {
            self.address = address
            self.transport = transport
            self.change = change
            self.from = from
        }
    }

    /// Everything is as it was.
    package var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty && keys.isEmpty }

    /// In words, for a log.
    package var summary: String {
        if isEmpty { return "nothing has changed" }
        let parts = [(added, "added"), (removed, "removed"), (changed.map(\.service), "changed")]
        let words = parts.filter { !$0.0.isEmpty }.map { Self.count($0.0, $0.1) } + ["\(unchanged) unchanged"]
        return words.joined(separator: ", ") + (keys.isEmpty ? "" : "; \(keys.joined(separator: ", "))")
    }

    /// Names that a line of the log has room for.
    private static let mostNamed = 4

    private static func count(_ services: [String], _ what: String) -> String {
        let rest = services.count > mostNamed ? ", …" : ""
        return "\(services.count) \(what) (\(services.prefix(mostNamed).joined(separator: ", "))\(rest))"
    }
}

extension ReloadReport: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = [
            "added": .array(added.map { .string($0) }), "removed": .array(removed.map { .string($0) }),
            "changed": JSON(changed), "unchanged": .integer(Int64(unchanged)),
        ]
        object.append("keys", keys.isEmpty ? nil : .array(keys.map { .string($0) }))
        object.append("notes", .array(notes.map { .string($0) }))
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        added = try object.words("added")
        removed = try object.words("removed")
        changed = try object.list("changed")
        unchanged = try object.integer("unchanged")
        keys = try object.optional("keys", object.words) ?? []
        notes = try object.words("notes")
    }
}

extension ReloadReport.Change: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = [
            "service": .string(service), "keys": .array(keys.map { .string($0) }),
            "handlers": .string(handlers.rawValue),
        ]
        object.append("listeners", listeners.isEmpty ? nil : JSON(listeners))
        object.append("notes", .array(notes.map { .string($0) }))
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        service = try object.string("service")
        keys = try object.words("keys")
        handlers = try object.choice("handlers")
        listeners = try object.optional("listeners", object.list) ?? []
        notes = try object.words("notes")
    }
}

extension ReloadReport.Listener: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = [
            "address": .string(address), "protocol": .string(transport), "change": .string(change.rawValue),
        ]
        object.append("from", from.map { .string($0) })
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        address = try object.string("address")
        transport = try object.string("protocol")
        change = try object.choice("change")
        from = try object.optional("from", object.string)
    }
}

extension JSONObject {
    fileprivate func words(_ name: String) throws(JSONShapeError) -> [String] {
        try required(name, "an array of strings") { value in
            guard let words = value.array?.map(\.string), !words.contains(nil) else { return nil }
            return words.compactMap { $0 }
        }
    }
}
