import Testing

@testable import ServiceTable

@Suite("log")
struct LogTests {
    private func log(_ text: String) throws -> LogSettings {
        try #require(load("{log: \(text), services: {s: {listen: 1, internal: echo}}}").table).log
    }

    @Test("every format, with a file or a socket of its own")
    func formats() throws {
        #expect(try log("{level: error}") == LogSettings(level: .error))
        for format in LogFormat.allCases {
            #expect(try log("{format: \(format.rawValue)}") == LogSettings(format: format))
            #expect(try log("{format: \(format.rawValue), to: /l}") == LogSettings(format: format, path: "/l"))
        }
        #expect(try log("{format: json, to: stderr}") == LogSettings(format: .json))
        #expect(try log("{to: stderr}") == LogSettings())
    }

    @Test("what cannot be is said where it stands")
    func faults() {
        for (text, message) in [
            (
                "{format: sylog}",
                "1:16: error: log.format: expected text, json, syslog or journal, not \"sylog\"; did you mean syslog?"
            ),
            ("{format: xml}", "1:16: error: log.format: expected text, json, syslog or journal, not \"xml\""),
            ("{to: log}", "1:12: error: log.to: expected stderr or an absolute path, not \"log\""),
            (
                "{to: stderr, format: journal}",
                "1:12: error: log.to: stderr goes with text and json; journal goes to a socket"
            ),
        ] {
            let found = ServiceTableTests.faults("{log: \(text), services: {s: {listen: 1, internal: echo}}}")
            #expect(found.count == 1 && found[0] == message, "\(text): \(found)")
        }
    }
}
