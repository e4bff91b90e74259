/// The answer to one request.
package struct ControlReply: Hashable, Sendable {
    package var outcome: Result<JSON, ControlError>
    /// The request's, if it had one that could be read.
    package var id: JSON?

    package init(_ outcome: Result<JSON, ControlError>, id: JSON? = nil) {
        self.outcome = outcome
        self.id = id
    }
}

extension ControlReply {
    /// The line of a reply, but for its result, which is written bit by bit.
    package static func frame(id: JSON?) -> (before: [UInt8], after: [UInt8]) {
        (Array("{\"result\":".utf8), Array(((id.map { ",\"id\":\($0.text)" } ?? "") + "}\n").utf8))
    }
}

extension ControlReply: JSONConvertible {
    package var json: JSON {
        var object = JSONObject()
        switch outcome {
        case .success(let result): object.append("result", result)
        case .failure(let error): object.append("error", error.json)
        }
        object.append("id", id)
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        id = object["id"]
        if let result = object["result"] {
            outcome = .success(result)
        } else {
            outcome = .failure(try object.value("error"))
        }
    }
}
