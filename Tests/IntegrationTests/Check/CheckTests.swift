import Glibc
import TestSupport
import Testing

/// `baton check` and what `baton run` does with a table that has faults.
@Suite struct CheckTests {
    private func check(_ table: String, options: [String] = []) throws -> (ProgramOutput, file: String) {
        let directory = try TemporaryDirectory()
        let file = try directory.write("baton.yaml", table)
        return (try runProgram(Repository.product("baton"), ["check"] + options + [file]), file)
    }

    @Test(
        "regression: a Unix socket whose place somebody could take is a fault, wherever on the way",
        arguments: ["open/x.sock", "open/closed/x.sock", "link/x.sock"])
    func exposedSocket(path: String) throws {
        let directory = try TemporaryDirectory()
        for name in ["open", "open/closed", "own"] { try #require(mkdir(directory.path(name), 0o755) == 0) }
        try #require(chmod(directory.path("open"), 0o777) == 0)
        try #require(symlink("own", directory.path("link")) == 0)
        try #require(lchown(directory.path("link"), 1, 1) == 0)
        let table = try directory.write("t.yaml", "services: {s: {listen: \(directory.path(path)), internal: echo}}")
        let output = try runProgram(Repository.product("baton"), ["check", table])
        #expect(output.status == .exited(78))
        let who = path.hasPrefix("link") ? "the symbolic link \(directory.path("link"))" : "anybody may write to"
        #expect(output.standardError.hasPrefix("\(table):1:24: error: services.s.listen: \(who)"), "\(output)")
    }

    @Test("a good table: exit 0 and nothing on standard error")
    func goodTable() throws {
        let (output, _) = try check("services: {echo: {listen: 7, internal: echo}}")
        #expect(output.status == .exited(0))
        #expect(output.standardError == "")
    }

    @Test("all faults at once, each as FILE:LINE:COLUMN: error: services.NAME.key: what; exit 78")
    func allFaultsAtOnce() throws {
        let (output, file) = try check(
            """
            services:
              one:
                listen: "127.0.0.1:0"
                exec: [/no/such/program]
                usr: nobody
              two:
                listen: "127.0.0.1:99999"
                internal: ecko
                user: no-such-user-here
            """)
        #expect(output.status == .exited(78))
        let lines = output.standardError.split(separator: "\n").map(String.init)
        func fault(_ line: Int, _ words: String...) -> Bool {
            lines.contains { text in
                text.hasPrefix("\(file):\(line):") && text.contains(": error: services.")
                    && words.allSatisfy { text.contains($0) }
            }
        }
        #expect(fault(4, "services.one.exec", "/no/such/program"))
        #expect(fault(5, "services.one.usr", "user"), "the nearest known key is named")
        #expect(fault(7, "services.two.listen", "99999"))
        #expect(fault(8, "services.two.internal", "echo"))
        #expect(fault(9, "services.two.user", "no-such-user-here"))
    }

    @Test("--no-resolve: users, groups and programs need not exist on this machine")
    func noResolve() throws {
        let table = """
            services:
              one: {listen: "127.0.0.1:0", exec: [/no/such/program], user: no-such-user-here}
            """
        #expect(try check(table).0.status == .exited(78))
        #expect(try check(table, options: ["--no-resolve"]).0.status == .exited(0))
    }

    @Test(
        "what is no table at all is a fault, not a crash",
        arguments: [
            "", "services:", "services: {}", "[1, 2]", "--- {services: {}}\n--- {}\n", "a: &a [*a, *a]\n",
            "services: {\u{0}: 1}",
            "services: {e: {listen: 7, internal: echo}, e: {listen: 8, internal: echo}}",
            "services: {e: {listen: 7, internal: echo, enabled: yes}}",
            "services: {e: {listen: 7, internal: echo, <<: {wait: true}}}",
            "services: {e: {listen: 7, internal: !!str echo}}",
            "services: {e: {listen: 7, internal: echo, exec: [/bin/cat]}}",
            "services: {e: {listen: 7}}", "services: {e: {listen: 7, internal: echo, runtime_limit: 5}}",
            "services: {e: {listen: 7, internal: echo, umask: 999}}",
            "services: {e: {listen: 'udp://*:7', exec: [/bin/cat]}}",
        ])
    func brokenTables(_ table: String) throws {
        let (output, file) = try check(table)
        #expect(output.status == .exited(78), "\(output)")
        #expect(output.standardError.hasPrefix("\(file):"), "\(output)")
    }

    @Test("deep nesting and alias bombs are refused quickly")
    func hostileTables() throws {
        let bomb = (1...30).reduce("a0: &a0 [x, x]\n") { "\($0)a\($1): &a\($1) [*a\($1 - 1), *a\($1 - 1)]\n" }
        for table in [String(repeating: "[", count: 100_000), bomb, String(repeating: "{a: ", count: 50_000)] {
            let begin = Deadline.now()
            #expect(try check(table).0.status == .exited(78))
            #expect(Deadline.now() - begin < 5_000_000_000)
        }
    }

    @Test("a directory, a missing file and an unreadable name are faults")
    func noFile() throws {
        let directory = try TemporaryDirectory()
        for file in [directory.path, directory.path("missing.yaml")] {
            let output = try runProgram(Repository.product("baton"), ["check", file])
            #expect(output.status == .exited(78))
            #expect(output.standardError.contains(file))
        }
    }

    @Test("baton run says all faults too, binds nothing and exits 78")
    func runWithFaults() throws {
        let error = #expect(throws: RunningSupervisor.NotReady.self) {
            _ = try RunningSupervisor(
                "services: {one: {listen: 7, internal: ecko}, two: {listen: x y, internal: echo}}")
        }
        #expect(error?.status == .exited(78))
        #expect(error?.log.contains("services.one.internal") == true)
        #expect(error?.log.contains("services.two.listen") == true)
    }

    @Test("a table that others can write is a fault")
    func writableTable() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("baton.yaml", "services: {e: {listen: 7, internal: echo}}", mode: 0o666)
        #expect(try runProgram(Repository.product("baton"), ["check", file]).status == .exited(78))
    }

    @Test("usage errors exit 64")
    func usage() throws {
        #expect(try runProgram(Repository.product("baton"), ["check"]).status == .exited(64))
        #expect(try runProgram(Repository.product("baton"), ["no-such-command"]).status == .exited(64))
        #expect(try runProgram(Repository.product("baton"), ["run", "--no-such-option"]).status == .exited(64))
    }

    @Test("includes, globs and defaults make one table; +key and -key change a default's list")
    func includes() throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "conf.d/a.yaml", "services: {a: {listen: '127.0.0.1:0', exec: [/usr/bin/env], +pass_env: [TWO]}}")
        try directory.write(
            "conf.d/b.yaml", "services: {b: {listen: '127.0.0.1:0', exec: [/usr/bin/env], -pass_env: [ONE]}}")
        let table = """
            include: [conf.d/*.yaml]
            defaults: {pass_env: [ONE], env: {COLOUR: green}}
            services:
              c: {listen: "127.0.0.1:0", exec: [/usr/bin/env], env: {SIZE: large}, pass_env: []}
            """
        let environment = ["ONE": "1", "TWO": "2"]
        try withSupervisor(table, in: directory, environment: environment) { supervisor in
            func variables(_ service: String) throws -> Set<String> {
                let text = try TestSocket.tcp(port: supervisor.port(service)).receiveText()
                return Set(text.split(separator: "\n").map(String.init)).intersection(
                    ["ONE=1", "TWO=2", "COLOUR=green", "SIZE=large"])
            }
            let (a, b, c) = (try variables("a"), try variables("b"), try variables("c"))
            #expect(a == ["ONE=1", "TWO=2", "COLOUR=green"])
            #expect(b == ["COLOUR=green"])
            #expect(c == ["COLOUR=green", "SIZE=large"])
        }
    }
}
