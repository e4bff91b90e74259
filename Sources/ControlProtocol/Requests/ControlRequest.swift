/// One request of a client, checked.
package struct ControlRequest: Hashable, Sendable {
    package var method: Method
    /// Echoed in the reply; any JSON value.
    package var id: JSON?

    package init(_ method: Method, id: JSON? = nil) {
        self.method = method
        self.id = id
    }

    /// What is asked for. No services named means all of them.
    package enum Method: Hashable, Sendable {
        case status(services: [String])
        /// `drain`: how long running work may go on; nil is what the table says.
        case stop(services: [String], drain: Duration?)
        /// New handlers first, then the old ones drain. At least one service is named.
        case restart(services: [String])
        /// The table anew. `dryRun`: only what would change.
        case reload(dryRun: Bool)
    }
}

extension ControlRequest.Method {
    package var name: String {
        switch self {
        case .status: "status"
        case .stop: "stop"
        case .restart: "restart"
        case .reload: "reload"
        }
    }

    /// Who is neither root nor the supervisor's uid may call this, where `control.group` lets them connect.
    package var isForEverybody: Bool {
        switch self {
        case .status: true
        case .stop, .restart, .reload: false
        }
    }

    /// Methods of the protocol that this version does not have.
    private static let notYet: Set<String> = [
        "connections", "events", "pause", "resume", "upgrade", "metrics",
    ]

    fileprivate init(name: String, parameters: JSONObject) throws(ControlError) {
        switch name {
        case "status":
            try parameters.allow(["services"], in: name)
            self = .status(services: try parameters.services())
        case "stop":
            try parameters.allow(["services", "drain"], in: name)
            self = .stop(services: try parameters.services(), drain: try parameters.duration("drain"))
        case "restart":
            try parameters.allow(["services"], in: name)
            let services = try parameters.services()
            guard !services.isEmpty else { throw ControlError(.badRequest, "params.services: which?") }
            self = .restart(services: services)
        case "reload":
            try parameters.allow(["dry_run"], in: name)
            self = .reload(dryRun: try parameters.flag("dry_run"))
        case _ where Self.notYet.contains(name):
            throw ControlError(.unknownMethod, "\(name) is not supported yet by this version")
        default:
            throw ControlError(
                .unknownMethod, "no method \(name.printable()); there are status, stop, restart and reload")
        }
    }

    fileprivate var parameters: JSONObject {
        var parameters = JSONObject()
        switch self {
        case .status(let services), .restart(let services):
            parameters.append("services", services.isEmpty ? nil : .array(services.map { .string($0) }))
        case .stop(let services, let drain):
            parameters.append("services", services.isEmpty ? nil : .array(services.map { .string($0) }))
            parameters.append("drain", drain.map { .string("\(Int64(($0.seconds * 1000).rounded()))ms") })
        case .reload(let dryRun):
            parameters.append("dry_run", dryRun ? true : nil)
        }
        return parameters
    }
}

extension ControlRequest {
    package var json: JSON {
        var object: JSONObject = ["method": .string(method.name)]
        let parameters = method.parameters
        object.append("params", parameters.members.isEmpty ? nil : .object(parameters))
        object.append("id", id)
        return .object(object)
    }

    /// What a line is: a request, or something that is answered with an error at once.
    package enum Reading: Hashable, Sendable {
        case request(ControlRequest)
        case refused(ControlReply)
    }

    /// Reads one line, without its newline. Members that are not known are an error here: `parms` for
    /// `params` in a `stop` would stop every service.
    package static func read(_ line: [UInt8]) -> Reading {
        var id: JSON?
        do throws(ControlError) {
            let json: JSON
            do throws(JSONSyntaxError) { json = try JSON(parsing: line, limits: .request) } catch {
                throw ControlError(.badRequest, "not JSON, at \(error)")
            }
            guard let object = json.object else { throw ControlError(.badRequest, "a JSON object is expected") }
            id = object["id"]
            try object.allow(["method", "params", "id"], in: "the request")
            guard let method = object["method"]?.string else {
                throw ControlError(.badRequest, "method: a string is expected")
            }
            guard let parameters = (object["params"] ?? [:]).object else {
                throw ControlError(.badRequest, "params: an object is expected")
            }
            return .request(ControlRequest(try Method(name: method, parameters: parameters), id: id))
        } catch {
            return .refused(ControlReply(.failure(error), id: id))
        }
    }
}

extension JSONObject {
    fileprivate func allow(_ names: [String], in place: String) throws(ControlError) {
        guard let stray = members.first(where: { !names.contains($0.name) }) else { return }
        throw ControlError(
            .badRequest,
            "\(place) has no member \(stray.name.printable()); there are \(names.joined(separator: ", "))")
    }

    fileprivate func services() throws(ControlError) -> [String] {
        guard let value = self["services"] else { return [] }
        let names = value.array?.map(\.string)
        guard let names, !names.contains(nil) else {
            throw ControlError(.badRequest, "params.services: a list of names is expected")
        }
        return names.compactMap { $0 }
    }

    /// False when it is missing.
    fileprivate func flag(_ name: String) throws(ControlError) -> Bool {
        guard let value = self[name] else { return false }
        guard let flag = value.bool else {
            throw ControlError(.badRequest, "params.\(name): true or false is expected")
        }
        return flag
    }

    fileprivate func duration(_ name: String) throws(ControlError) -> Duration? {
        guard let value = self[name] else { return nil }
        guard let duration = value.string.flatMap({ Duration(text: $0) }) else {
            throw ControlError(
                .badRequest, "params.\(name): a time such as \"500ms\", \"30s\" or \"1h30m\" is expected")
        }
        return duration
    }
}
