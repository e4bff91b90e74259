import Foundation
import TestSupport
import Testing

/// `format: syslog`: RFC 5424 to a datagram socket, and what happens when its daemon does not read, stops or starts.
@Suite struct SyslogTests {
    /// A message, taken apart by the grammar of RFC 5424, 6.
    private struct Message {
        let priority: Int
        let host: String
        let pid: String
        let event: String
        let data: [String: String]
        let text: String

        init(_ message: String) throws {
            let header =
                #/<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([!-~]{1,255}) baton (\d+) ([!-~]{1,32}) /#
            guard let found = message.prefixMatch(of: header), let priority = Int(found.1) else {
                throw TestFailure("no header: \(message)")
            }
            var rest = message[found.range.upperBound...]
            var data: [String: String] = [:]
            if rest.hasPrefix("- ") {
                rest = rest.dropFirst(2)
            } else {
                let list = #/\[baton@32473((?: [a-z_]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\] /#
                guard let element = rest.prefixMatch(of: list) else {
                    throw TestFailure("no structured data: \(message)")
                }
                for parameter in element.1.matches(of: #/ ([^=]+)="((?:[^"\\\]]|\\.)*)"/#) {
                    data[String(parameter.1)] = String(parameter.2).replacing(#/\\(.)/#) { String($0.1) }
                }
                rest = rest[element.range.upperBound...]
            }
            self.priority = priority
            host = String(found.3)
            pid = String(found.4)
            event = String(found.5)
            self.data = data
            text = String(rest)
        }
    }

    @Test("every event is a message with its members as structured data")
    func messages() throws {
        let directory = try TemporaryDirectory()
        let daemon = try LogDaemon(directory.path("devlog"))
        try withSupervisor(LogTable.text("format: syslog, to: \(directory.path("devlog"))"), in: directory) {
            supervisor in
            try supervisor.complain()
            let messages = try daemon.receive { $0.contains(" exited ") }.map(Message.init)
            #expect(messages.allSatisfy { $0.priority / 8 == 3 && $0.pid == "\(supervisor.process.pid)" })
            let host = ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init)
            #expect(messages.allSatisfy { $0.host.hasPrefix(host ?? "-") })
            let line = try #require(messages.first { $0.event == "stderr" })
            #expect(line.priority == 3 * 8 + 6)
            let pid = try #require(line.data["pid"])
            #expect(line.data["service"] == "complaint")
            #expect(line.text == "complaint: [\(pid)] oh = no")
            let spawned = try #require(messages.first { $0.event == "spawned" })
            #expect(spawned.data["connection"] == "1")
            #expect(spawned.data["peer"]?.hasPrefix("127.0.0.1:") == true)
            #expect(supervisor.log.text.isEmpty)
        }
        _ = try daemon.receive { $0.contains(" stopped ") }
    }

    @Test(
        "a daemon that is not there yet, and one that is started anew: what happened meanwhile comes when it is there")
    func restarts() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("devlog")
        try withSupervisor(LogTable.text("format: syslog, to: \(path)"), in: directory) { supervisor in
            // Told once, and where somebody may see it.
            #expect(supervisor.log.lines == ["batond: the log waits: \(path): No such file or directory"])
            let daemon = try LogDaemon(path)
            _ = try daemon.receive { $0.contains(" ready ") }
            supervisor.markBaseline()
            daemon.stop()
            try supervisor.converse(3)
            try daemon.start()
            let messages = try daemon.receive { $0.contains(" ended ") && $0.contains("connection=\"3\"") }
            #expect(messages.filter { $0.contains(" accepted ") }.count == 3)
        }
    }

    @Test("a daemon that reads nothing costs lines, which are counted, and no client a moment")
    func full() throws {
        let directory = try TemporaryDirectory()
        let daemon = try LogDaemon(directory.path("devlog"))
        try withSupervisor(LogTable.text("format: syslog, to: \(directory.path("devlog"))"), in: directory) {
            supervisor in
            try supervisor.converse(1500)
            let messages = try daemon.receive { $0.contains(" log_dropped ") }.map(Message.init)
            let dropped = try #require(messages.last?.data["lines"].flatMap { Int($0) })
            #expect(dropped > 100)
            #expect(messages.last?.text.contains("of this log dropped: its reader was too slow") == true)
            // What came is what happened first, without a gap.
            let begun = messages.filter { $0.event == "accepted" }.compactMap {
                $0.data["connection"].flatMap { Int($0) }
            }
            #expect(begun.count > 100)
            #expect(begun == Array(1...begun.count))
        }
    }

    @Test("what is no socket at the path is a mistake in the table: the start fails")
    func noSocket() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("file.log", "")
        let error = #expect(throws: RunningSupervisor.NotReady.self) {
            _ = try RunningSupervisor(LogTable.text("format: syslog, to: \(file)"), in: directory)
        }
        #expect(error?.status == .exited(1))
        #expect(error?.log.contains("log.to \(file): ") == true)
    }

    @Test("/dev/log is where it goes when nothing else is said", .enabled(if: MountNamespace.isAvailable))
    func usualSocket() throws {
        let directory = try TemporaryDirectory()
        let daemon = try LogDaemon(directory.path("devlog"))
        let program = try MountNamespace.wrapped(
            after: """
                mkdir \(directory.path)/dev
                mount --bind /dev \(directory.path)/dev
                mount -t tmpfs tmpfs /dev
                for name in null zero urandom; do
                    touch /dev/$name
                    mount --bind \(directory.path)/dev/$name /dev/$name
                done
                ln -s \(directory.path("devlog")) /dev/log
                """, in: directory)
        let supervisor = try RunningSupervisor(
            LogTable.text(), in: directory, options: ["--log-format", "syslog"], program: program)
        _ = try daemon.receive { $0.contains(" ready ") }
        try supervisor.stop()
    }
}
