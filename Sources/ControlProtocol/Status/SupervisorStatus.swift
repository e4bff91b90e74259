/// The result of `status`: the supervisor as a whole.
package struct SupervisorStatus: Hashable, Sendable {
    package var version: String
    /// The supervisor's process.
    package var pid: Int
    package var uptime: Duration
    /// The table's file, as the user named it.
    package var table: String
    package var state = State.running
    /// The supervisor's own RLIMIT_NOFILE.
    package var openFiles: Int
    /// Messages to NOTIFY_SOCKET that were no handler's, or no notification.
    package var notificationsDropped = 0
    /// The process that decides; nil where it is the supervisor's only one.
    package var worker: WorkerStatus?
    /// In table order.
    package var services: [ServiceStatus]

    package enum State: String, Hashable, Sendable, CaseIterable {
        case running, stopping
    }

    package init(
        version: String, pid: Int, uptime: Duration, table: String, state: State = .running, openFiles: Int,
        services: [ServiceStatus]
    ) {
        self.version = version
        self.pid = pid
        self.uptime = uptime
        self.table = table
        self.state = state
        self.openFiles = openFiles
        self.services = services
    }
}

extension SupervisorStatus: JSONConvertible {
    package var json: JSON {
        .object(head + ["services": JSON(services)])
    }

    private var head: JSONObject {
        var object: JSONObject = [
            "version": .string(version), "pid": .integer(Int64(pid)), "uptime_seconds": .number(uptime.seconds),
            "table": .string(table), "state": .string(state.rawValue),
            "limits": ["open_files": .integer(Int64(openFiles))],
        ]
        object.append("worker", worker?.json)
        object.append(
            "notifications_dropped", notificationsDropped > 0 ? .integer(Int64(notificationsDropped)) : nil)
        return object
    }

    /// The text of `json` around its services, for those who write them one by one.
    package var frame: (before: [UInt8], after: [UInt8]) {
        var before: [UInt8] = []
        JSON.object(head).write(to: &before)
        return (before.dropLast() + ",\"services\":[".utf8, Array("]}".utf8))
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        version = try object.string("version")
        pid = try object.integer("pid")
        uptime = try object.duration("uptime_seconds")
        table = try object.string("table")
        state = try object.optional("state", object.choice) ?? .running
        openFiles = try object.required("limits", "an object with open_files") {
            $0.object?["open_files"]?.integer.flatMap(Int.init(exactly:))
        }
        services = try object.list("services")
        notificationsDropped = try object.optional("notifications_dropped", object.integer) ?? 0
        worker = try object["worker"].map { json throws(JSONShapeError) in try WorkerStatus(json: json) }
    }
}
