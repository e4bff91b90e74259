/// One request of a client, checked.
package struct ControlRequest: Hashable, Sendable {
    package var method: Method
    /// Echoed in the reply; any JSON value.
    package var id: JSON?

    package init(_ method: Method, id: JSON? = nil) {
        self.method = method
        self.id = id
    }

    /// What is asked for. No services named means all of them, where that can be meant.
    package enum Method: Hashable, Sendable {
        case status(services: [String])
        case connections(services: [String])
        case events(EventQuery)
        /// `drain`: how long running work may go on; nil is what the table says.
        case stop(services: [String], drain: Duration?)
        /// New handlers first, then the old ones drain. At least one service is named.
        case restart(services: [String])
        /// Another program takes over in the same process.
        case upgrade
        /// At least one service is named, here and in `resume`.
        case pause(services: [String])
        case resume(services: [String])
        /// The metrics as text.
        case metrics
        /// The table anew. `dryRun`: only what would change.
        case reload(dryRun: Bool)
    }
}

extension ControlRequest.Method {
    package var name: String {
        switch self {
        case .status: "status"
        case .connections: "connections"
        case .events: "events"
        case .stop: "stop"
        case .restart: "restart"
        case .upgrade: "upgrade"
        case .pause: "pause"
        case .resume: "resume"
        case .metrics: "metrics"
        case .reload: "reload"
        }
    }

    package var services: [String] {
        switch self {
        case .status(let services), .connections(let services), .stop(let services, _), .restart(let services),
            .pause(let services), .resume(let services):
            services
        case .events(let query): query.filter.services.sorted()
        case .metrics, .reload, .upgrade: []
        }
    }

    /// Changes nothing. Who is neither root nor the supervisor's uid may call these only, where `control.group` lets
    /// them connect.
    package var onlyLooks: Bool {
        switch self {
        case .status, .connections, .events: true
        case .stop, .restart, .pause, .resume, .metrics, .reload, .upgrade: false
        }
    }

    private static let names = [
        "status", "connections", "events", "metrics", "stop", "restart", "pause", "resume", "reload", "upgrade",
    ]

    fileprivate init(name: String, parameters: JSONObject) throws(ControlError) {
        func allow(_ names: [String]) throws(ControlError) { try parameters.allow(names, in: name) }
        switch name {
        case "status":
            try allow(["services"])
            self = .status(services: try parameters.services())
        case "connections":
            try allow(["services"])
            self = .connections(services: try parameters.services())
        case "events":
            try allow(EventQuery.parameters)
            self = .events(try EventQuery(parameters: parameters))
        case "stop":
            try allow(["services", "drain"])
            self = .stop(services: try parameters.services(), drain: try parameters.duration("drain"))
        case "restart":
            try allow(["services"])
            self = .restart(services: try parameters.someServices())
        case "pause":
            try allow(["services"])
            self = .pause(services: try parameters.someServices())
        case "resume":
            try allow(["services"])
            self = .resume(services: try parameters.someServices())
        case "metrics":
            try allow([])
            self = .metrics
        case "upgrade":
            try allow([])
            self = .upgrade
        case "reload":
            // As the option is written, too.
            try allow(["dry_run", "dry-run"])
            let (member, option) = (try parameters.flag("dry_run"), try parameters.flag("dry-run"))
            self = .reload(dryRun: member ?? option ?? false)
        default:
            throw ControlError(
                .unknownMethod,
                "no method \(name.printable()); there are \(Self.names.joined(separator: ", "))")
        }
    }

    fileprivate var parameters: JSONObject {
        var parameters = JSONObject()
        parameters.append("services", services.isEmpty ? nil : .array(services.map { .string($0) }))
        switch self {
        case .stop(_, let drain):
            parameters.append("drain", drain.map { .string("\(Int64(($0.seconds * 1000).rounded()))ms") })
        case .events(let query): query.append(to: &parameters)
        case .reload(let dryRun): parameters.append("dry_run", dryRun ? true : nil)
        case .status, .connections, .restart, .pause, .resume, .metrics, .upgrade: break
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
