/// A message of syslog, as RFC 5424 has it.
extension Event {
    /// Who writes it: the header's fields.
    package struct SyslogSender: Hashable, Sendable {
        /// Empty when it is not known.
        package var host: String
        package var pid: Int

        package init(host: String, pid: Int) {
            self.host = host
            self.pid = pid
        }
    }

    /// The whole message, without a newline:
    /// `<30>1 2026-11-23T23:40:01.123Z host baton 1 spawned [baton@32473 service="web" pid="123"] web: spawned pid 123`.
    ///
    /// The members of the JSON form are its structured data. The number behind the at sign is that of examples (RFC 5612):
    /// Baton has no enterprise number of its own.
    package func syslog(from sender: SyslogSender) -> String {
        let facility = 3  // daemon
        let priority = facility * 8 + level.syslogSeverity
        let event = kind.name.rawValue.headerField(longest: 32)
        // With a byte order mark in front, text is said to be UTF-8; ASCII needs none, and most readers would show it.
        let text = sentence
        let mark = text.utf8.allSatisfy { $0 < 0x80 } ? "" : "\u{feff}"
        return "<\(priority)>1 \(time) \(sender.host.headerField(longest: 255)) baton \(sender.pid) \(event) "
            + "\(structuredData) \(mark)\(text)"
    }

    private var structuredData: String {
        let fields = fields.members
        guard !fields.isEmpty else { return "-" }
        return "[baton@32473" + fields.map { " \($0.name)=\"\($0.value.parameter)\"" }.joined() + "]"
    }
}

extension Event {
    /// What the JSON form has beside what every log has a place of its own for: time, event, level and message.
    var fields: JSONObject {
        let own: Set = ["time", "event", "level", "message"]
        var fields = JSONObject()
        for member in json.object?.members ?? [] where !own.contains(member.name) {
            fields.append(member.name, member.value)
        }
        return fields
    }
}

extension EventLevel {
    /// syslog(3)'s numbers.
    package var syslogSeverity: Int {
        switch self {
        case .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        }
    }
}

extension JSON {
    /// Strings as they are, everything else as JSON writes it.
    var plainText: String { string ?? text }

    /// As the value of a parameter: on one line, cut, and escaped (RFC 5424, 6.3.3).
    fileprivate var parameter: String {
        var result = ""
        for character in plainText.cleaned(limit: 1024).unicodeScalars {
            if character == "\"" || character == "\\" || character == "]" { result += "\\" }
            result.unicodeScalars.append(character)
        }
        return result
    }
}

extension String {
    /// Printable, and the same when it already was.
    fileprivate func cleaned(limit: Int) -> String {
        utf8.count > limit || unicodeScalars.contains(where: \.isDisruptive) ? printable(limit: limit) : self
    }

    /// Visible ASCII, cut; `-` when nothing is left (RFC 5424, 6.2).
    fileprivate func headerField(longest: Int) -> String {
        let visible = String(decoding: utf8.filter { (0x21...0x7e).contains($0) }.prefix(longest), as: UTF8.self)
        return visible.isEmpty ? "-" : visible
    }
}
