import Foundation
import TestSupport
import Testing

/// `baton top` where there is no terminal.
@Suite struct TopListingTests {
    private static let table = """
        services:
          date: {listen: "127.0.0.1:0", exec: [/bin/date]}
          echo: {listen: "127.0.0.1:0", internal: echo}
        """

    @Test("a table an interval, as many as are asked for, without colours")
    func tables() throws {
        try withSupervisor(Self.table) { supervisor in
            let output = try supervisor.baton("top", "--interval", "100ms", "--count", "2")
            #expect(output.status == .exited(0), "\(output.standardError)")
            let lines = output.standardOutput.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count { $0.hasPrefix(" SERVICE        STATE    ACC/S") } == 2)
            #expect(lines.count { $0.hasPrefix(" date           ready        0     0") } == 2)
            #expect(lines.count { $0.hasSuffix(" healthy") } == 2)
            #expect(!output.standardOutput.contains("\u{1b}"))
        }
    }

    @Test("with --json a status a line")
    func json() throws {
        try withSupervisor(Self.table) { supervisor in
            _ = try TestSocket.tcp(port: supervisor.port("date")).receiveText()
            try supervisor.waitForService("date", "one gone") { $0.connections.ended == 1 }
            let output = try supervisor.baton("top", "--json", "--interval", "100ms", "--count", "3", "date")
            #expect(output.status == .exited(0))
            let lines = output.standardOutput.split(separator: "\n")
            #expect(lines.count == 3)
            for line in lines {
                let status = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                let services = try #require(status["services"] as? [[String: Any]])
                #expect(services.map { $0["name"] as? String } == ["date"])
                let timings = try #require(services[0]["timings"] as? [String: [String: Any]])
                #expect(timings["spawn"]?["count"] as? Int == 1)
                #expect(timings["handoff"] == nil)
            }
        }
    }

    @Test("regression: it outlives an upgrade")
    func upgrade() throws {
        try withSupervisor(Self.table) { supervisor in
            let output = try LogFile(path: supervisor.directory.path("top"))
            let file = try check("open") { open(output.path, O_WRONLY | O_APPEND | O_CLOEXEC) }
            defer { close(file) }
            let process = try TestProcess(
                Repository.product("baton"),
                [
                    "top", "--json", "--interval", "500ms", "--count", "3", "--runtime-directory",
                    supervisor.runtimeDirectory,
                ], descriptors: [0, file, 2])
            try output.wait(for: #""version""#)
            #expect(try supervisor.baton("upgrade").status == .exited(0))
            #expect(try process.wait() == .exited(0))
            #expect(output.lines.count == 3)
        }
    }

    @Test("without a supervisor the exit code is 69, and 64 for what it cannot do")
    func failures() throws {
        let nowhere = try TemporaryDirectory()
        let baton = Repository.product("baton")
        #expect(
            try runProgram(baton, ["top", "--runtime-directory", nowhere.path("run")]).status == .exited(69))
        for wrong in [["--interval", "5"], ["--interval", "1ms"], ["--count", "0"]] {
            #expect(try runProgram(baton, ["top"] + wrong).status == .exited(64))
        }
        try withSupervisor(Self.table) { supervisor in
            let output = try supervisor.baton("top", "--count", "1", "nobody")
            #expect(output.status == .exited(1))
        }
    }
}
