import Glibc
import TestSupport
import Testing

/// What `baton` itself says to its arguments.
@Suite struct CommandLineTests {
    private func baton(_ arguments: String...) throws -> ProgramOutput {
        try runProgram(Repository.product("baton"), arguments)
    }

    @Test("--version prints the version on standard output")
    func version() throws {
        let output = try baton("--version")
        #expect(output.status == .exited(0))
        #expect(output.standardOutput.hasPrefix("baton "))
    }

    @Test("options that do not go together are wrong usage, and the message says what is right")
    func usage() throws {
        for (arguments, hint) in [
            (["run", "--listen", "8080"], "-- PROGRAM"), (["run", "--listen", "8080", "cat"], "put --"),
            (["run", "--wait", "table.yaml"], "without --listen"),
            (["run", "t.yaml", "--", "cat"], "without --listen"),
            (["run", "--listen", "8080", "--set", "nice", "--", "cat"], "KEY=VALUE"),
            (["run", "--listen", "8080", "--set", "nice=1\nuser: root", "--", "cat"], "line break"),
            (["run", "--log-level", "loud", "t.yaml"], "debug"), (["run", "--ready-fd", "77", "t.yaml"], "open"),
            (["stop", "--drain", "5"], "30s"),
        ] {
            let output = try runProgram(Repository.product("baton"), arguments)
            #expect(output.status == .exited(64), "\(arguments)")
            #expect(output.standardError.contains(hint), "\(arguments): \(output.standardError)")
            #expect(output.standardOutput.isEmpty)
        }
    }

    @Test("a fault of a service in options is told by the option, and every fault is told")
    func faultsByOption() throws {
        let output = try baton(
            "run", "--listen", "127.0.0.1:99999", "--style", "modern", "-c", "many", "-u", "no-such-user-here", "--set",
            "nice=1000", "--set", "usr=x", "--", "/no/such/program")
        #expect(output.status == .exited(78))
        for option in [
            "--listen 127.0.0.1:99999", "--style modern", "-c many", "-u no-such-user-here", "--set nice=1000",
            "--set usr=x", "/no/such/program",
        ] {
            #expect(output.standardError.contains("baton: \(option): "), "\(output.standardError)")
        }
    }

    @Test("a client trusts no runtime directory that is a symlink or that everybody may write to")
    func untrusted() throws {
        let directory = try TemporaryDirectory()
        try check("symlink") { symlink(directory.path, directory.path("link")) }
        #expect(try baton("status", "--runtime-directory", directory.path("link/")).status == .exited(77))
        try check("chmod") { chmod(directory.path, 0o1777) }
        #expect(try baton("stop", "--runtime-directory", directory.path).status == .exited(77))
    }

    @Test("a directory without a supervisor: 69")
    func nobody() throws {
        let directory = try TemporaryDirectory()
        #expect(try baton("status", "--runtime-directory", directory.path).status == .exited(69))
        #expect(try baton("stop", "--runtime-directory", directory.path).status == .exited(69))
    }
}
