import Foundation
import TestSupport
import Testing

/// The log in a file or a pipe: forms, rotation, and what does not take it.
@Suite struct LogFileTests {
    @Test("format: json: one object a line, with the members of the control socket's events")
    func json() throws {
        try withSupervisor(LogTable.text("format: json")) { supervisor in
            try supervisor.complain()
            try supervisor.log.wait(for: #""event":"exited""#)
            let events = try jsonLines(supervisor.log.text)
            let line = try #require(events.first { $0["event"] as? String == "stderr" })
            #expect(line["service"] as? String == "complaint")
            #expect(line["level"] as? String == "info")
            #expect((line["message"] as? String)?.hasSuffix("] oh = no") == true)
            let exited = try #require(events.first { $0["event"] as? String == "exited" })
            #expect(exited["connection"] as? String == "1")
            #expect(exited["status"] as? Int == 0)
            #expect(exited["duration_seconds"] is Double)
            #expect(exited["pid"] as? Int == line["pid"] as? Int)
        }
    }

    @Test("--log-format counts more than the table; a bad one is wrong usage")
    func option() throws {
        try withSupervisor(LogTable.text("format: text"), options: ["--log-format", "json"]) { supervisor in
            let events = try jsonLines(supervisor.log.text)
            #expect(events.count > 3)
        }
        let output = try runProgram(Repository.product("baton"), ["run", "--log-format", "xml", "t.yaml"])
        #expect(output.status == .exited(64))
        #expect(output.standardError.contains("journal"))
    }

    @Test("a reader of standard error that is stopped costs lines, which are counted, and no client a moment")
    func stoppedReader() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("fifo")
        try check("mkfifo") { mkfifo(path, 0o600) }
        let reader = try check("open") { open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) }
        defer { close(reader) }
        let program = try directory.writeScript("to-fifo", "exec \(Repository.product("baton")) \"$@\" 2>\(path)")
        let supervisor = try RunningSupervisor(LogTable.text("format: json"), in: directory, program: program)
        try supervisor.converse(2000)
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 65536)
        while !(text.contains("\"log_dropped\"") && text.hasSuffix("\n")) {
            guard waitFor(POLLIN, on: reader, until: Deadline()) else {
                throw TestFailure("no more: \(text.suffix(500))")
            }
            let count = read(reader, &buffer, buffer.count)
            if count > 0 { text += String(decoding: buffer[..<count], as: UTF8.self) }
        }
        let told = try #require(try jsonLines(text).last { $0["event"] as? String == "log_dropped" })
        #expect((told["lines"] as? Int).map { $0 > 100 } == true)
        // Nobody reads what comes while it stops either.
        try supervisor.converse(2000)
        try supervisor.stop()
    }

    @Test(
        "a full disk costs lines, never half a line, and no client a moment", .enabled(if: MountNamespace.isAvailable))
    func fullDisk() throws {
        let directory = try TemporaryDirectory()
        let place = directory.path("small")
        let program = try MountNamespace.wrapped(
            after: """
                mkdir \(place)
                mount -t tmpfs -o size=128k tmpfs \(place)
                head -c 65536 /dev/zero >\(place)/filler
                """, in: directory)
        let supervisor = try RunningSupervisor(
            LogTable.text("format: json, to: \(place)/log"), in: directory, program: program)
        try supervisor.converse(3000)
        try supervisor.log.wait(for: "batond: the log waits: \(place)/log: No space left on device")
        let inside = "/proc/\(supervisor.process.pid)/root\(place)"
        let before = try String(contentsOfFile: inside + "/log", encoding: .utf8)
        try check("unlink") { unlink(inside + "/filler") }
        #expect(before.utf8.count <= 65536)
        var text = ""
        _ = eventually {
            text = (try? String(contentsOfFile: inside + "/log", encoding: .utf8)) ?? ""
            return text.utf8.count > 100_000
        }
        #expect(text.hasPrefix(before))
        // The last line may be cut: the disk is full again.
        let lines = try jsonLines(String(text[..<(text.lastIndex(of: "\n") ?? text.endIndex)]))
        let begun = lines.filter { $0["event"] as? String == "accepted" }.compactMap { $0["connection"] as? String }
        #expect(begun.count > before.components(separatedBy: "\"event\":\"accepted\"").count)
        #expect(begun == (1...begun.count).map(String.init))
        try supervisor.stop()
    }

    @Test("USR1: the log goes on in a new file of the same name; one that cannot be opened leaves it where it was")
    func reopening() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("b.log")
        try withSupervisor(LogTable.text("to: \(path)"), in: directory) { supervisor in
            try supervisor.converse(1)
            try check("rename") { rename(path, path + ".1") }
            try supervisor.process.signal(SIGUSR1)
            #expect(eventually { access(path, F_OK) == 0 })
            try supervisor.complain()
            #expect(eventually { (try? directory.read("b.log").contains("oh = no")) == true })
            #expect(try !directory.read("b.log.1").contains("oh = no"))
            try check("unlink") { unlink(path) }
            try check("rename") { rename(path + ".1", path + ".2") }
            try check("mkdir") { mkdir(path, 0o700) }
            let old = try #require(
                supervisor.view.descriptors.first { $0.value == "\(path) (deleted)" }?.key)
            try supervisor.process.signal(SIGUSR1)
            let file = "/proc/\(supervisor.process.pid)/fd/\(old)"
            #expect(
                eventually {
                    (try? String(contentsOfFile: file, encoding: .utf8).contains(
                        "cannot be opened anew: Is a directory"))
                        == true
                })
        }
    }

    @Test(
        "logrotate, by create and USR1 or by copytruncate: no line is cut, and with create none is lost",
        .enabled(if: (try? runProgram("logrotate", ["--version"])) != nil), arguments: ["create", "copytruncate"])
    func logrotate(way: String) throws {
        let directory = try TemporaryDirectory()
        try withSupervisor(LogTable.text("format: json, to: \(directory.path("b.log"))"), in: directory) { supervisor in
            let told = "postrotate\nkill -USR1 \(supervisor.process.pid)\nendscript"
            let configuration = try directory.write(
                "rotate", "\(directory.path)/b.log {\nrotate 100\n\(way == "create" ? "create\n" + told : way)\n}\n")
            for _ in 0..<5 {
                try supervisor.converse(20)
                let output = try runProgram(
                    "logrotate", ["--force", "--state", directory.path("state"), configuration])
                #expect(output.status == .exited(0), "\(output)")
            }
            try supervisor.converse(20)
            try supervisor.waitForService("echo", "idle") { $0.connections.ended == 120 }
            var connections: [String] = []
            for name in ["b.log.5", "b.log.4", "b.log.3", "b.log.2", "b.log.1", "b.log"] {
                connections += try jsonLines(directory.read(name)).filter { $0["event"] as? String == "accepted" }
                    .compactMap { $0["connection"] as? String }
            }
            if way == "create" { #expect(connections == (1...120).map(String.init)) }
            // What is written between copying and cutting is lost, as logrotate's manual says.
            #expect(connections.suffix(20) == (101...120).map(String.init)[...])
            // Appending: not at the place where it was, behind a hole.
            #expect(try !directory.read("b.log").contains("\0"))
        }
    }
}
