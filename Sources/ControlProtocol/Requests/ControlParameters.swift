// Members of a request, read strictly.

extension JSONObject {
    func allow(_ names: [String], in place: String) throws(ControlError) {
        guard let stray = members.first(where: { !names.contains($0.name) }) else { return }
        let known = names.isEmpty ? "none" : names.joined(separator: ", ")
        throw ControlError(.badRequest, "\(place) has no member \(stray.name.printable()); there are \(known)")
    }

    /// Names of services; none when the member is missing.
    func services() throws(ControlError) -> [String] { try texts("services") ?? [] }

    /// The same where none would mean nothing.
    func someServices() throws(ControlError) -> [String] {
        let services = try services()
        guard !services.isEmpty else { throw ControlError(.badRequest, "params.services: which?") }
        return services
    }

    func texts(_ name: String) throws(ControlError) -> [String]? {
        guard let value = self[name] else { return nil }
        let texts = value.array?.map(\.string)
        guard let texts, !texts.contains(nil) else {
            throw ControlError(.badRequest, "params.\(name): a list of names is expected")
        }
        return texts.compactMap { $0 }
    }

    func flag(_ name: String) throws(ControlError) -> Bool? {
        guard let value = self[name] else { return nil }
        guard let flag = value.bool else {
            throw ControlError(.badRequest, "params.\(name): true or false is expected")
        }
        return flag
    }

    func count(_ name: String) throws(ControlError) -> Int? {
        guard let value = self[name] else { return nil }
        guard let count = value.integer.flatMap({ Int(exactly: $0) }), count >= 0 else {
            throw ControlError(.badRequest, "params.\(name): a whole number from 0 is expected")
        }
        return count
    }

    func duration(_ name: String) throws(ControlError) -> Duration? {
        guard let value = self[name] else { return nil }
        guard let duration = value.string.flatMap({ Duration(text: $0) }) else {
            throw ControlError(
                .badRequest, "params.\(name): a time such as \"500ms\", \"30s\" or \"1h30m\" is expected")
        }
        return duration
    }
}

extension EventQuery {
    static let parameters = ["services", "events", "level", "follow", "recent"]

    init(parameters: JSONObject) throws(ControlError) {
        self.init(
            filter: EventFilter(services: Set(try parameters.services())),
            follows: try parameters.flag("follow") ?? false,
            recent: try parameters.count("recent"))
        for word in try parameters.texts("events") ?? [] {
            guard let name = EventName(rawValue: word) else {
                throw ControlError(.badRequest, "params.events: there is no event \(word.printable())")
            }
            filter.names.insert(name)
        }
        guard let level = parameters["level"] else { return }
        guard let level = level.string.flatMap(EventLevel.init(rawValue:)) else {
            let levels = EventLevel.allCases.map(\.rawValue).joined(separator: ", ")
            throw ControlError(.badRequest, "params.level: one of \(levels) is expected")
        }
        filter.level = level
    }

    /// As a request has it; what is the default is left out.
    func append(to parameters: inout JSONObject) {
        parameters.append(
            "events", filter.names.isEmpty ? nil : .array(filter.names.map(\.rawValue).sorted().map { .string($0) }))
        parameters.append("level", filter.level == .debug ? nil : .string(filter.level.rawValue))
        parameters.append("follow", follows ? true : nil)
        parameters.append("recent", recent.map { .integer(Int64($0)) })
    }
}
