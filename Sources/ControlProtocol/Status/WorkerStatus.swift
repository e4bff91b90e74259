/// The process that decides, where the supervisor keeps its rights in another (`supervisor_user`).
package struct WorkerStatus: Hashable, Sendable {
    package var pid: Int
    /// Who it is.
    package var user: String
    /// How many have died before it.
    package var restarts: Int
    /// How the last of them ended.
    package var lastEnd: String?
    /// What the kernel keeps it from.
    package var confinement: String

    package init(pid: Int, user: String, restarts: Int, lastEnd: String?, confinement: String) {
        self.pid = pid
        self.user = user
        self.restarts = restarts
        self.lastEnd = lastEnd
        self.confinement = confinement
    }
}

extension WorkerStatus: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = [
            "pid": .integer(Int64(pid)), "user": .string(user), "restarts": .integer(Int64(restarts)),
            "confinement": .string(confinement),
        ]
        object.append("last_end", lastEnd.map { .string($0) })
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        pid = try object.integer("pid")
        user = try object.string("user")
        restarts = try object.integer("restarts")
        lastEnd = try object.optional("last_end", object.string)
        confinement = try object.string("confinement")
    }
}
