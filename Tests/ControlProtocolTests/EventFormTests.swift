import Testing

@testable import ControlProtocol

@Suite("Events in syslog and the journal")
struct EventFormTests {
    private let sender = Event.SyslogSender(host: "host.example", pid: 4711)

    @Test("RFC 5424: priority of the facility daemon, version, header, the members as structured data, the message")
    func syslog() {
        let exited = Event(
            time: EventTests.time, service: "web", connection: 7, peer: "[::1]:9",
            .process(.exited(pid: 123, .status(2), duration: .milliseconds(1250))))
        #expect(
            exited.syslog(from: sender)
                == #"<29>1 2026-11-23T23:40:01.123Z host.example baton 4711 exited [baton@32473 service="web" connection="7" "#
                + #"peer="[::1\]:9" pid="123" status="2" duration_seconds="1.25"] "#
                + "web: pid 123 exited with status 2 after 1.2s (connection 7 from [::1]:9)")
        let recovered = Event(time: EventTests.time, .service(.recovered))
        #expect(
            recovered.syslog(from: .init(host: "", pid: 1))
                == "<29>1 2026-11-23T23:40:01.123Z - baton 1 service_recovered - works again")
    }

    @Test("levels are syslog's severities")
    func severities() {
        let severities = EventLevel.allCases.map(\.syslogSeverity)
        #expect(severities == [7, 6, 5, 4, 3])
    }

    @Test(
        "text from outside ends neither the structured data nor the message; other text than ASCII is marked as UTF-8")
    func hostile() {
        let hostile = "a\"] b\\\n\u{1b}é\u{202e}" + String(repeating: "x", count: 5000)
        let event = Event(
            time: EventTests.time, service: "web",
            .process(.spawnFailed(stage: hostile, error: hostile)))
        let message = event.syslog(from: sender)
        #expect(!message.unicodeScalars.contains { $0.isDisruptive && $0 != "\u{feff}" })
        #expect(message.utf8.count < 8192)
        #expect(message.contains(#"stage="a\"\] b\\\\\\n\\x1bé\\u{202e}xxx"#))
        #expect(message.contains("] \u{feff}web: cannot start its program"))
        let plain = Event(time: EventTests.time, service: "web", .process(.spawned(pid: 1)))
        #expect(!plain.syslog(from: sender).contains("\u{feff}"))
    }

    @Test("the journal: its own fields, the members as BATON_…, values of several lines by their length")
    func journal() throws {
        let stderr = Event(
            time: EventTests.time, service: "web", connection: 7, peer: "127.0.0.1:5",
            .process(.standardError(pid: 123, line: "oh = no")))
        #expect(
            try journalFields(stderr.journal) == [
                "MESSAGE": "web: [123] oh = no (connection 7 from 127.0.0.1:5)", "PRIORITY": "6",
                "SYSLOG_IDENTIFIER": "baton", "SYSLOG_FACILITY": "3", "BATON_EVENT": "stderr", "BATON_SERVICE": "web",
                "BATON_CONNECTION": "7", "BATON_PEER": "127.0.0.1:5", "OBJECT_PID": "123",
            ])
        let failed = Event(time: EventTests.time, .supervisor(.tableLoaded(file: "a\nBATON_EVENT=b\n", services: 1)))
        let fields = try journalFields(failed.journal)
        #expect(fields["BATON_TABLE"] == "a\nBATON_EVENT=b\n")
        #expect(fields["BATON_EVENT"] == "table_loaded")
        #expect(fields["BATON_SERVICES"] == "1")
    }

    /// The fields of an entry, read as systemd.io/JOURNAL_NATIVE_PROTOCOL says.
    private func journalFields(_ entry: [UInt8]) throws -> [String: String] {
        var fields: [String: String] = [:]
        var rest = entry[...]
        while !rest.isEmpty {
            let nameEnd = try #require(rest.firstIndex { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: "\n") })
            let name = String(decoding: rest[..<nameEnd], as: UTF8.self)
            let isSized = rest[nameEnd] == UInt8(ascii: "\n")
            rest = rest[(nameEnd + 1)...]
            var length = 0
            if isSized {
                for (place, byte) in rest.prefix(8).enumerated() { length |= Int(byte) << (8 * place) }
                rest = rest.dropFirst(8)
            } else {
                length = try #require(rest.firstIndex(of: UInt8(ascii: "\n"))) - rest.startIndex
            }
            #expect(name.utf8.allSatisfy { (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f })
            #expect(fields.updateValue(String(decoding: rest.prefix(length), as: UTF8.self), forKey: name) == nil)
            rest = rest.dropFirst(length)
            #expect(rest.first == UInt8(ascii: "\n"))
            rest = rest.dropFirst()
        }
        return fields
    }
}
