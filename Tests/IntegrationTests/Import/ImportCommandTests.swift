import Foundation
import TestSupport
import Testing

/// `baton import` from outside: standard output, standard error, JSON and exit codes.
@Suite struct ImportCommandTests {
    private func run(_ arguments: String...) throws -> ProgramOutput {
        try runProgram(Repository.product("baton"), ["import"] + arguments)
    }

    private let echo = "echo stream tcp nowait root internal\n"

    @Test("the table goes to standard output, and nothing to standard error; it passes baton check")
    func exact() throws {
        let directory = try TemporaryDirectory()
        let output = try run("inetd", directory.write("inetd.conf", echo))
        #expect(output.status == .exited(0))
        #expect(output.standardError == "")
        #expect(output.standardOutput.contains("  echo:\n    listen: tcp://*:echo\n    internal: echo\n"))
        let table = try directory.write("baton.yaml", output.standardOutput)
        #expect(try runProgram(Repository.product("baton"), ["check", table]).status == .exited(0))
    }

    @Test("what has no equivalent is a warning with file and line, a comment, and exit 1")
    func incomplete() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("inetd.conf", echo + "auth stream tcp nowait root internal\n")
        let output = try run("inetd", file)
        #expect(output.status == .exited(1))
        #expect(output.standardError.hasPrefix("\(file):2: warning: auth stream tcp nowait root internal: not expr"))
        #expect(output.standardOutput.contains("# \(file):2: auth stream tcp nowait root internal: not expressible:"))
    }

    @Test("a half broken source yields its good half, and exit 78; so do several paths together")
    func broken() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("inetd.conf", "rubbish\n" + echo)
        let output = try run("inetd", file, directory.path("missing"))
        #expect(output.status == .exited(78))
        #expect(output.standardError.contains("\(file):1: error: "))
        #expect(output.standardError.contains("\(directory.path("missing")): error: cannot be read"))
        #expect(output.standardOutput.contains("internal: echo"))
    }

    @Test("--json: the table, and an entry for every directive")
    func json() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            "xinetd.conf",
            "service echo\n{\n type = INTERNAL\n socket_type = stream\n wait = no\n cps = 5 10\n deny_time = 5\n}\n")
        let output = try run("xinetd", "--json", file)
        #expect(output.status == .exited(1))
        let decoded = try JSONSerialization.jsonObject(with: Data(output.standardOutput.utf8)) as? [String: Any]
        let directives = try #require(decoded?["directives"] as? [[String: Any]])
        #expect((decoded?["table"] as? String)?.contains("internal: echo") == true)
        #expect(directives.map { $0["line"] as? Int } == [1, 3, 4, 5, 6, 7])
        #expect(
            directives.map { $0["fidelity"] as? String }
                == ["exact", "exact", "exact", "exact", "approximated", "not_expressible"])
        #expect(directives.allSatisfy { $0["file"] as? String == file })
        #expect(directives.map { $0["directive"] as? String }.last == "deny_time = 5")
        #expect(directives.map { $0["reason"] != nil } == [false, false, false, false, true, true])
    }

    @Test("usage errors exit 64")
    func usage() throws {
        #expect(try run("inetd").status == .exited(64))
        #expect(try run("launchd", "/x").status == .exited(64))
        #expect(try run().status == .exited(64))
    }
}
