@testable import ControlProtocol

extension FuzzTarget {
    /// What a client of the control socket sends.
    static let control = FuzzTarget("control", words: requestWords) { bytes throws(Finding) in
        let whole = Lines(bytes, pieces: bytes.count)
        for pieces in [1, 13] {
            try hold(Lines(bytes, pieces: pieces) == whole, "other lines in pieces of \(pieces)")
        }
        for line in whole.lines + [bytes] {
            switch ControlRequest.read(line) {
            case .request(let request):
                let again = ControlRequest.read(Array(request.json.text.utf8))
                try hold(again == .request(request), "\(request) becomes \(again)")
            case .refused(let reply):
                try checkRoundTrip(reply)
                let text = reply.json.text
                try hold(!text.unicodeScalars.contains { $0.value < 0x20 }, "a control character in \(text)")
            }
        }
    }

    /// What `baton` reads of the supervisor.
    static let replies = FuzzTarget("replies", words: replyWords) { bytes throws(Finding) in
        guard let json = try? JSON(parsing: bytes, limits: .reply) else { return }
        try hold((try? JSON(parsing: Array(json.text.utf8), limits: .reply)) == json, "another value: \(json.text)")
        if let reply = try? ControlReply(json: json) { try checkRoundTrip(reply) }
        let result = json.object?["result"] ?? json
        // Text of theirs is made printable when it is written.
        if let status = try? SupervisorStatus(json: result) { _ = try roundTrip(status) }
        if let connections = try? ConnectionList(json: result) { _ = try roundTrip(connections) }
        if let report = try? ReloadReport(json: result) { _ = try roundTrip(report) }
    }

    private static func checkRoundTrip(_ value: some JSONConvertible & Equatable) throws(Finding) {
        let again = try roundTrip(value)
        try hold(again == value, "\(value) becomes \(again)")
    }

    private static func roundTrip<Value: JSONConvertible>(_ value: Value) throws(Finding) -> Value {
        let text = value.json.text
        guard let json = try? JSON(parsing: Array(text.utf8), limits: JSONLimits(depth: 20, bytes: .max)) else {
            throw Finding(description: "it writes what cannot be read: \(text)")
        }
        do {
            return try Value(json: json)
        } catch {
            throw Finding(description: "it writes what it does not take: \(error): \(text)")
        }
    }

    private static let requestWords = [
        "\"method\"", "\"params\"", "\"id\"", "\"services\"", "\"drain\"", "\"dry_run\"", "\"events\"", "\"level\"",
        "\"follow\"", "\"recent\"", "\"status\"", "\"connections\"", "\"stop\"", "\"restart\"", "\"pause\"",
        "\"resume\"", "\"metrics\"", "\"reload\"", "\"upgrade\"", "\"1h30m\"", "true", "false", "null", "\\u",
        "\\ud83d",
        "1e400", "-0", "9223372036854775807",
    ]

    private static let replyWords = [
        "\"result\"", "\"error\"", "\"code\"", "\"bad_request\"", "\"message\"", "\"faults\"", "\"version\"",
        "\"uptime_seconds\"", "\"limits\"", "\"open_files\"", "\"services\"", "\"listeners\"", "\"handlers\"",
        "\"connections\"", "\"changes\"", "\"buckets\"", "\"sum_seconds\"", "1e12", "-1e12", "1e308", "-0.0", "null",
    ]
}

/// A client's lines, cut from pieces.
private struct Lines: Equatable {
    private(set) var lines: [[UInt8]] = []
    private(set) var isTooLong = false

    private static let limit = 200

    init(_ bytes: [UInt8], pieces: Int) {
        var framer = LineFramer(limit: Self.limit)
        var rest = bytes[...]
        do throws(LineFramer.LineTooLong) {
            while !rest.isEmpty {
                framer.append(rest.prefix(pieces))
                rest = rest.dropFirst(pieces)
                while let line = try framer.next() { lines.append(line) }
            }
        } catch {
            isTooLong = true
        }
    }
}
