/// Why a request was not done.
package struct ControlError: Hashable, Sendable, Error {
    package var code: Code
    /// For people: what is wrong, and what is allowed.
    package var message: String
    /// Of `faults` only.
    package var faults: [TableFault]

    package init(_ code: Code, _ message: String, faults: [TableFault] = []) {
        self.code = code
        self.message = message
        self.faults = faults
    }

    package enum Code: String, Hashable, Sendable, CaseIterable {
        case badRequest = "bad_request"
        case unknownMethod = "unknown_method"
        case noSuchService = "no_such_service"
        case notAllowed = "not_allowed"
        case faults
        case failed
    }
}

/// A fault of a service table, as JSON shows it.
package struct TableFault: Hashable, Sendable {
    package var file: String
    /// Line and column from 1; 0 when the fault is the file's as a whole.
    package var line: Int
    package var column: Int
    /// Where in the table: `services.web.listen`.
    package var key: String
    package var message: String
    package var severity: Severity

    package enum Severity: String, Hashable, Sendable {
        case error, warning
    }

    package init(file: String, line: Int, column: Int, key: String, message: String, severity: Severity = .error) {
        self.file = file
        self.line = line
        self.column = column
        self.key = key
        self.message = message
        self.severity = severity
    }

    /// As compilers write it, with the limits of what is printed: `FILE:LINE:COLUMN: error: services.NAME.key: …`.
    package var text: String {
        "\(place.printable()): \(severity.rawValue): \(words)"
    }

    /// Where it is; the file alone when the fault is the file's as a whole.
    var place: String { line > 0 ? "\(file):\(line):\(column)" : file }

    /// What is wrong with which key.
    var words: String {
        (key.isEmpty ? "" : "\(key.printable()): ") + message.printable(limit: 1024)
    }
}

extension ControlError: JSONConvertible {
    package var json: JSON {
        var object: JSONObject = ["code": .string(code.rawValue), "message": .string(message)]
        object.append("faults", faults.isEmpty ? nil : JSON(faults))
        return .object(object)
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        code = try object.choice("code")
        message = try object.string("message")
        faults = try object.optional("faults", object.list) ?? []
    }
}

extension TableFault: JSONConvertible {
    package var json: JSON {
        [
            "file": .string(file), "line": .integer(Int64(line)), "column": .integer(Int64(column)),
            "key": .string(key), "message": .string(message), "severity": .string(severity.rawValue),
        ]
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        file = try object.string("file")
        line = try object.integer("line")
        column = try object.integer("column")
        key = try object.string("key")
        message = try object.string("message")
        severity = try object.optional("severity", object.choice) ?? .error
    }
}
