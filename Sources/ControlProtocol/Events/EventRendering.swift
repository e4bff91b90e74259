extension Event {
    /// One line of the text log, without a newline:
    /// `2026-11-23T23:40:01.123Z info    web: spawned pid 123 (connection 7 from 127.0.0.1:5555)`.
    package var text: String {
        let level = level.rawValue
        let padding = String(repeating: " ", count: 8 - level.utf8.count)
        return "\(time) \(level)\(padding)\((service ?? "baton").printable()): \(details.message)\(context)"
    }

    /// What happened, for logs that keep time and level themselves:
    /// `web: spawned pid 123 (connection 7 from 127.0.0.1:5555)`.
    package var sentence: String {
        (service.map { "\($0.printable()): " } ?? "") + details.message + context
    }

    private var context: String {
        switch (connection, peer) {
        case (let connection?, let peer?): " (connection \(connection) from \(peer.printable()))"
        case (let connection?, nil): " (connection \(connection))"
        case (nil, let peer?): " (from \(peer.printable()))"
        case (nil, nil): ""
        }
    }

    /// One object of `baton events` and of the JSON log; a field that does not apply is absent.
    package var json: JSON {
        let details = details
        var object: JSONObject = ["time": .string("\(time)"), "event": .string(name.rawValue)]
        object.append("service", service.map { .string($0) })
        object.append("connection", connection.map { .string("\($0)") })
        object.append("peer", peer.map { .string($0.printable()) })
        object.append("reason", details.reason.map { .string($0.printable()) })
        object.append("pid", details.pid.map { .integer(Int64($0)) })
        object.append("status", details.status.map { .integer(Int64($0)) })
        object.append("duration_seconds", details.duration.map { .number($0.seconds) })
        object.append("level", .string(level.rawValue))
        object.append("message", .string(details.message))
        for member in details.more.members { object.append(member.name, member.value) }
        return .object(object)
    }
}
