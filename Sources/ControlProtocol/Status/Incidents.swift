/// A connection that was refused, as the status remembers it.
package struct LastRefusal: Hashable, Sendable {
    package var reason: RefusalReason
    /// More than the reason says, where there is more.
    package var detail: String?
    package var connection: UInt64
    package var peer: String
    package var time: Timestamp

    package init(reason: RefusalReason, detail: String? = nil, connection: UInt64, peer: String, time: Timestamp) {
        self.reason = reason
        self.detail = detail
        self.connection = connection
        self.peer = peer
        self.time = time
    }
}

/// A handler, or a process of one, that died unasked, as the status remembers it.
package struct Crash: Hashable, Sendable {
    /// A persistent handler's id.
    package var handler: String?
    package var pid: Int
    /// How it ended, in words.
    package var reason: String
    /// What the process served; nil for `wait` and persistent handlers.
    package var connection: UInt64?
    package var peer: String?
    package var time: Timestamp

    package init(
        handler: String? = nil, pid: Int, reason: String, connection: UInt64? = nil, peer: String? = nil,
        time: Timestamp
    ) {
        self.handler = handler
        self.pid = pid
        self.reason = reason
        self.connection = connection
        self.peer = peer
        self.time = time
    }
}

extension LastRefusal: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = ["reason": .string(reason.rawValue)]
        object.append("detail", detail.map { .string($0.printable()) })
        object.append("connection", .string("\(connection)"))
        object.append("peer", .string(peer.printable()))
        object.append("time", .string("\(time)"))
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        reason = try object.choice("reason")
        detail = try object.optional("detail", object.string)
        connection = try object.connection("connection")
        peer = try object.string("peer")
        time = try object.timestamp("time")
    }
}

extension Crash: JSONConvertible {
    package var json: JSON {
        var object = JSONObject()
        object.append("handler", handler.map { .string($0) })
        object.append("pid", .integer(Int64(pid)))
        object.append("reason", .string(reason.printable()))
        object.append("connection", connection.map { .string("\($0)") })
        object.append("peer", peer.map { .string($0.printable()) })
        object.append("time", .string("\(time)"))
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        handler = try object.optional("handler", object.string)
        pid = try object.integer("pid")
        reason = try object.string("reason")
        connection = try object.optional("connection", object.connection)
        peer = try object.optional("peer", object.string)
        time = try object.timestamp("time")
    }
}
