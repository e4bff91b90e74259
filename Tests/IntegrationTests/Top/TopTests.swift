import Foundation
import TestSupport
import Testing

/// `baton top` in a terminal.
@Suite struct TopTests {
    private static let table = """
        services:
          quiet: {listen: "127.0.0.1:0", internal: discard}
          app: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
          date: {listen: "127.0.0.1:0", exec: [/bin/date]}
          closed: {listen: "127.0.0.1:0", internal: echo, only_from: []}
        """

    private func top(
        _ directory: String, _ options: String..., rows: Int = 24, columns: Int = 80,
        environment: [String: String] = [:]
    ) throws -> PseudoTerminal {
        try PseudoTerminal(
            [Repository.product("baton"), "top", "--interval", "200ms", "--runtime-directory", directory] + options,
            environment: environment, rows: rows, columns: columns)
    }

    private func connect(_ service: String, times: Int, _ supervisor: RunningSupervisor) throws {
        let port = try supervisor.port(service)
        for _ in 0..<times { _ = try TestSocket.tcp(port: port).receiveToEnd() }
    }

    /// The columns of a service's line.
    private func row(_ service: String, _ terminal: PseudoTerminal) -> [String]? {
        terminal.lines.map { $0.split(separator: " ").map(String.init) }.first {
            $0.first == service || $0.first == ">\(service)"
        }
    }

    private func expectRestored(_ terminal: PseudoTerminal, _ status: TestProcess.ExitStatus = .exited(0)) throws {
        try terminal.wait(for: "the screen of before") { !$0.isFullScreen }
        #expect(try terminal.process.wait() == status)
        #expect(terminal.isAsShellsWantIt)
    }

    @Test("services with their rates, times and handlers, busiest first; keys sort and open a service; q restores")
    func screen() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let terminal = try top(supervisor.runtimeDirectory)
            try terminal.wait(for: "SERVICE        STATE    ACC/S REF/S ACTIV QUEUE   P50   P99 HANDLERS ACCEPTS")
            #expect(terminal.isFullScreen && !terminal.isAsShellsWantIt)
            #expect(terminal.lines[0].hasSuffix(" healthy"))
            try terminal.wait(for: "an interval") { row("date", $0)?.dropFirst(2).first == "0" }

            try connect("date", times: 5, supervisor)
            try terminal.wait(for: "the rate of date") { row("date", $0).map { $0[2] != "0" && $0[6] != "-" } == true }
            #expect(try #require(row("date", terminal))[7].hasSuffix("s"), "a p99")
            #expect(terminal.lines[3].hasPrefix(">date"), "busiest first: \(terminal.lines)")

            let client = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            try terminal.wait(for: "one active") { row("app", $0).map { $0[4] == "1" && $0.contains("1r") } == true }
            try connect("closed", times: 3, supervisor)
            try terminal.type("o")
            try terminal.wait(for: "by table order")
            #expect(
                terminal.lines[3...6].map { $0.dropFirst().prefix { $0 != " " } } == ["quiet", "app", "date", "closed"])

            try terminal.type("\u{1b}[H\u{1b}[B\r")
            try terminal.wait(for: "app  handoff  ready")
            try terminal.wait(for: "hand-off")
            #expect(
                terminal.lines.contains {
                    $0.contains("1 ready") && $0.contains("1/1024") && $0.hasSuffix("registered")
                })
            try terminal.type("\u{1b}")
            try terminal.wait(for: "by table order")
            try terminal.type("G\r")
            try terminal.wait(for: "closed  internal  ready")
            try terminal.wait(for: "its refusals") { terminal in
                terminal.lines.contains { $0.hasPrefix("source") && $0.hasSuffix(" ago") }
            }

            try terminal.type("q")
            try expectRestored(terminal)
            handler.die()
            client.close()
        }
    }

    @Test("it fits itself to the terminal's size when that changes")
    func resize() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let terminal = try top(supervisor.runtimeDirectory)
            try terminal.wait(for: "1r")
            try terminal.resize(rows: 10, columns: 130)
            try terminal.wait(for: "1 ready")
            #expect(terminal.lines[9].hasPrefix("by accepted/s"))
            try terminal.resize(rows: 6, columns: 30)
            try terminal.wait(for: "1-2 of 4")
            #expect(terminal.lines.allSatisfy { $0.count <= 30 })
            try terminal.type("q")
            try expectRestored(terminal)
            handler.die()
        }
    }

    @Test("signals end it as q does: the terminal is as before", arguments: [SIGINT, SIGTERM, SIGHUP])
    func signals(signal: Int32) throws {
        try withSupervisor(Self.table) { supervisor in
            let terminal = try top(supervisor.runtimeDirectory)
            try terminal.wait(for: "SERVICE")
            if signal == SIGINT { try terminal.type("\u{3}") } else { try terminal.process.signal(signal) }
            try expectRestored(terminal)
        }
    }

    @Test("^Z gives the terminal back to the shell, fg takes it again")
    func suspend() throws {
        try withSupervisor(Self.table) { supervisor in
            let shell = try PseudoTerminal(["/bin/bash", "--norc", "-i"], environment: ["PS1": "shell> "])
            try shell.wait(for: "shell>")
            let command = "\(Repository.product("baton")) top --runtime-directory \(supervisor.runtimeDirectory)"
            try shell.type(command + "\r")
            try shell.wait(for: "the table") { $0.isFullScreen && $0.lines.contains { $0.contains("SERVICE") } }
            try shell.type("\u{1a}")
            try shell.wait(for: "the shell") { !$0.isFullScreen && $0.lines.contains { $0.contains("Stopped") } }
            try shell.type("stty -a\r")
            try shell.wait(for: " icanon")
            try shell.type("fg\r")
            try shell.wait(for: "the table") { $0.isFullScreen && $0.lines.contains { $0.contains("SERVICE") } }
            try shell.type("q")
            try shell.wait(for: "the shell") { !$0.isFullScreen }
            try shell.type("exit\r")
            #expect(try shell.process.wait() == .exited(0))
        }
    }

    @Test("it outlives the supervisor, says that none answers, and goes on with the next")
    func crash() throws {
        let directory = try TemporaryDirectory()
        var supervisor = try RunningSupervisor(Self.table, in: directory)
        let terminal = try top(supervisor.runtimeDirectory)
        try terminal.wait(for: "healthy")
        try supervisor.process.signal(SIGKILL)
        _ = try supervisor.process.wait()
        try terminal.wait(for: "no supervisor answers, for ")
        #expect(terminal.lines.contains { $0.hasPrefix(" quiet") || $0.hasPrefix(">quiet") }, "what was known stays")
        supervisor = try RunningSupervisor(Self.table, in: directory)
        try terminal.wait(for: "the new one") {
            $0.lines[0].hasSuffix(" healthy") && $0.lines[0].contains("pid \(supervisor.process.pid),")
        }
        // One that is stopped does not answer, and holds nobody up.
        try ProcessView(pid: supervisor.process.pid).stop()
        try terminal.wait(for: "! the supervisor does not answer")
        try terminal.type("?")
        try terminal.wait(for: "sort by accepted/s")
        try supervisor.process.signal(SIGCONT)
        try terminal.wait(for: "health again") { $0.lines[0].hasSuffix(" healthy") }
        try terminal.type("q")
        try terminal.type("q")
        try expectRestored(terminal)
        try supervisor.stop()
    }

    @Test("regression: an upgrade is no trouble that it tells of")
    func upgrade() throws {
        try withSupervisor(Self.table) { supervisor in
            let terminal = try top(supervisor.runtimeDirectory, "--interval", "1s")
            try terminal.wait(for: "healthy")
            for _ in 0..<3 { #expect(try supervisor.baton("upgrade").status == .exited(0)) }
            try connect("date", times: 5, supervisor)
            try terminal.wait(for: "what came after it") { terminal in
                #expect(!terminal.lines.contains { $0.hasPrefix("!") || $0.contains("no supervisor") })
                return row("date", terminal).map { $0[2] != "0" } == true
            }
            try terminal.type("q")
            try expectRestored(terminal)
        }
    }

    @Test("a handler's own words cannot drive the terminal, and are cut by columns")
    func words() throws {
        try withSupervisor(Self.table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let words = "\u{1b}]0;owned\u{7}\u{1b}[2J日本語" + String(repeating: "語", count: 100)
            try handler.send(HandlerMessage(.status, body: Array(words.utf8)))
            try supervisor.waitForService("app", "its words") { $0.handlers.first?.status?.isEmpty == false }
            let terminal = try top(supervisor.runtimeDirectory, "app", columns: 120, environment: ["NO_COLOR": "1"])
            try terminal.wait(for: "SERVICE")
            try terminal.type("\r")
            try terminal.wait(for: #"\x1b]0;owned\x07\x1b[2J日本語"#)
            let line = try #require(terminal.lines.first { $0.contains("owned") })
            #expect(line.hasSuffix("…"))
            try terminal.type("q")
            try expectRestored(terminal)
            handler.die()
        }
    }
}
