import Foundation
import TestSupport
import Testing

private let journalDaemon = "/lib/systemd/systemd-journald"

/// `format: journal`, read back from systemd's own journald in a file system of its own.
@Suite(.enabled(if: MountNamespace.isAvailable && FileManager.default.fileExists(atPath: journalDaemon)))
struct JournalTests {
    /// journald at work, and how to run something where it is.
    private final class Journal {
        private let process: TestProcess
        private let null: Int32

        init(_ directory: TemporaryDirectory) throws {
            null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
            let script = try directory.writeScript(
                "journald",
                """
                exec unshare --mount --propagation private -- /bin/sh -ec '
                mount -t tmpfs tmpfs /run
                mkdir -p /run/systemd/journal /run/log/journal
                echo 0123456789abcdef0123456789abcdef >/run/machine-id
                [ -e /etc/machine-id ] && mount --bind /run/machine-id /etc/machine-id
                exec \(journalDaemon)'
                """)
            process = try TestProcess(script, [], descriptors: [null, null, null])
            let socket = "/proc/\(process.pid)/root/run/systemd/journal/socket"
            guard eventually({ access(socket, F_OK) == 0 }) else { throw TestFailure("journald does not start") }
        }

        deinit { close(null) }

        private var enter: [String] { ["--target", "\(process.pid)", "--mount", "--"] }

        /// `baton`, beside this journal.
        func program(in directory: TemporaryDirectory) throws -> String {
            try directory.writeScript(
                "beside-journal",
                "exec nsenter \(enter.joined(separator: " ")) \(Repository.product("baton")) \"$@\"")
        }

        /// The entries of one kind of event, waited for.
        func entries(_ event: String) throws -> [[String: Any]] {
            var found: [[String: Any]] = []
            let came = try eventually {
                let output = try runProgram(
                    "nsenter",
                    enter + ["journalctl", "--directory", "/run/log/journal", "-o", "json", "BATON_EVENT=\(event)"])
                found = try jsonLines(output.standardOutput)
                return !found.isEmpty
            }
            guard came else { throw TestFailure("no entry for \(event)") }
            return found
        }
    }

    @Test("the journal has the fields; that of a process's line names the process")
    func fields() throws {
        let directory = try TemporaryDirectory()
        let journal = try Journal(directory)
        let supervisor = try RunningSupervisor(
            LogTable.text("format: journal"), in: directory, program: journal.program(in: directory))
        try supervisor.complain()
        let line = try #require(try journal.entries("stderr").first)
        #expect(line["BATON_SERVICE"] as? String == "complaint")
        #expect(line["PRIORITY"] as? String == "6")
        #expect(line["SYSLOG_IDENTIFIER"] as? String == "baton")
        #expect(line["_PID"] as? String == "\(supervisor.process.pid)")
        let pid = try #require(line["OBJECT_PID"] as? String)
        #expect(line["MESSAGE"] as? String == "complaint: [\(pid)] oh = no")
        let exited = try #require(try journal.entries("exited").first)
        #expect(exited["BATON_CONNECTION"] as? String == "1")
        #expect(exited["BATON_STATUS"] as? String == "0")
        #expect(exited["OBJECT_PID"] as? String == pid)
        #expect(supervisor.log.text.isEmpty)
        try supervisor.stop()
    }

    @Test("started by systemd, that is where the log goes by itself: JOURNAL_STREAM is standard error's own")
    func byItself() throws {
        let directory = try TemporaryDirectory()
        let journal = try Journal(directory)
        var status = stat()
        _ = try directory.write("log", "")
        try check("stat") { stat(directory.path("log"), &status) }
        let program = try journal.program(in: directory)
        let table = LogTable.text()
        let supervisor = try RunningSupervisor(
            table, in: directory, environment: ["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"],
            program: program)
        _ = try journal.entries("ready")
        #expect(supervisor.log.text.isEmpty)
        try supervisor.stop()
        // Standard error was redirected since: it is meant.
        let other = try RunningSupervisor(
            table, in: directory, environment: ["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino + 1)"],
            program: program)
        try other.log.wait(for: "baton: ready")
        try other.stop()
    }
}
