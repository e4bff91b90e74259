import Foundation
import TestSupport
import Testing

/// `baton events`, as people and scripts use it.
@Suite struct EventsCommandTests {
    private static let table = """
        services:
          echo: {listen: "127.0.0.1:0", internal: echo}
          closed: {listen: "127.0.0.1:0", internal: echo, no_access: [127.0.0.0/8]}
        """

    /// `baton events` with its output in a file.
    private struct Running {
        let process: TestProcess
        let output: LogFile
        let errors: LogFile

        init(_ supervisor: RunningSupervisor, _ arguments: String...) throws {
            let name = supervisor.directory.path("events-\(UInt32.random(in: 0 ... .max))")
            output = try LogFile(path: name + ".out")
            errors = try LogFile(path: name + ".err")
            var descriptors: [Int32] = [try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }]
            for file in [output, errors] {
                descriptors.append(try check("open") { open(file.path, O_WRONLY | O_APPEND | O_CLOEXEC) })
            }
            defer { descriptors.forEach { close($0) } }
            process = try TestProcess(
                Repository.product("baton"),
                ["events", "--runtime-directory", supervisor.runtimeDirectory] + arguments, descriptors: descriptors)
        }
    }

    @Test("past events, as the lines of the log or as JSON, chosen by kind, level, service and number")
    func past() throws {
        try withSupervisor(Self.table) { supervisor in
            #expect(try TestSocket.tcp(port: try supervisor.port("closed")).receiveToEnd().isEmpty)
            let text = try supervisor.baton("events", "--level", "info")
            #expect(text.status == .exited(0))
            #expect(text.standardOutput == supervisor.log.text, "the same sentences as in the log")
            #expect(
                try supervisor.baton("events", "--event", "refused").standardOutput.split(separator: "\n").count == 1)
            #expect(try supervisor.baton("events", "--recent", "2").standardOutput.split(separator: "\n").count == 2)
            #expect(try supervisor.baton("events", "echo", "--event", "refused").standardOutput.isEmpty)
            let json = try supervisor.baton("events", "--json", "--event", "refused").standardOutput
            let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
            #expect(object?["reason"] as? String == "source")
            #expect(try supervisor.baton("events", "nobody").status == .exited(1))
            #expect(try supervisor.baton("events", "--event", "dance").status == .exited(64))
            #expect(try supervisor.baton("events", "--level", "loud").status == .exited(64))
            #expect(try supervisor.baton("events", "--recent=-1").status == .exited(64))
        }
    }

    @Test("--follow goes on until it is interrupted, and that is a good end")
    func follow() throws {
        try withSupervisor(Self.table) { supervisor in
            let running = try Running(supervisor, "--follow", "--event", "ready", "--event", "ended")
            try running.output.wait(for: "baton: ready after")
            try TestSocket.tcp(port: try supervisor.port("echo")).finishSending()
            try running.output.wait(for: "echo: ended after")
            try running.process.signal(SIGINT)
            #expect(try running.process.wait() == .exited(0))
            #expect(running.errors.text.isEmpty)
        }
    }

    @Test("nobody reads its output any more: it ends without a word")
    func brokenPipe() throws {
        try withSupervisor(Self.table) { supervisor in
            let output = try runProgram(
                "/bin/sh",
                [
                    "-c",
                    "'\(Repository.product("baton"))' events --runtime-directory "
                        + "'\(supervisor.runtimeDirectory)' --follow | head -n 1",
                ])
            #expect(output.status == .exited(0))
            #expect(output.standardOutput.split(separator: "\n").count == 1)
            #expect(output.standardError.isEmpty)
        }
    }

    @Test("regression: what cannot be written is no success, of any command", arguments: ["events", "connections"])
    func fullDisk(command: String) throws {
        try withSupervisor(Self.table) { supervisor in
            let output = try runProgram(
                "/bin/sh",
                [
                    "-c",
                    "exec '\(Repository.product("baton"))' \(command) --runtime-directory "
                        + "'\(supervisor.runtimeDirectory)' > /dev/full",
                ])
            #expect(output.status == .exited(1))
            #expect(output.standardError == "baton: standard output: No space left on device\n")
        }
    }

    @Test("it goes on with the supervisor that comes in the place of the one that went, and misses nothing of it")
    func again() throws {
        let directory = try TemporaryDirectory()
        let first = try RunningSupervisor(Self.table, in: directory)
        let running = try Running(first, "--follow", "--json")
        try running.output.wait(for: #""event":"ready""#)
        try first.stop()
        try running.errors.wait(for: "waiting for it to come back")
        // The client is there from the beginning, and gone at the end.
        try withSupervisor(Self.table, in: directory, leakCheck: false) { second in
            try running.errors.wait(for: "a supervisor answers again")
            let lines = { running.output.lines.filter { $0.contains(#""event":"ready""#) } }
            #expect(eventually { lines().count == 2 })
            #expect(running.output.lines.count { $0.contains(#""event":"starting""#) } == 2)
            #expect(running.output.lines.count { $0.contains(#""event":"stopped""#) } == 1)
            try TestSocket.tcp(port: try second.port("echo")).finishSending()
            try running.output.wait(for: #""event":"ended""#)
            try running.process.signal(SIGTERM)
            #expect(try running.process.wait() == .exited(0))
        }
    }

    @Test("when none comes, it says so and exits with 69")
    func gone() throws {
        let supervisor = try RunningSupervisor(Self.table)
        let running = try Running(supervisor, "--follow", "--recent", "0")
        // Its request has been answered once this is told.
        try TestSocket.tcp(port: try supervisor.port("echo")).finishSending()
        _ = eventually(within: Deadline(seconds: 5)) { !running.output.text.isEmpty }
        try supervisor.stop()
        #expect(try running.process.wait() == .exited(69))
        #expect(running.errors.text.contains("no supervisor answers"))
    }
}
