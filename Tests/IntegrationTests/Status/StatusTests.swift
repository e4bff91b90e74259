import Foundation
import TestSupport
import Testing

/// `baton status` and the control socket, as command-line.md fixes them.
@Suite struct StatusTests {
    private static let table = """
        services:
          cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
          echo: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: echo}
          later: {listen: "127.0.0.1:0", handoff: {exec: [/bin/cat]}}
        """

    private func keys(_ object: Any?) -> Set<String> {
        Set((object as? [String: Any] ?? [:]).keys)
    }

    @Test("the fields of the report have the contract's names and types")
    func fields() throws {
        try withSupervisor(Self.table) { supervisor in
            let report = try supervisor.control().result("status")
            let top = try #require(report as? [String: Any])
            #expect(keys(top).isSuperset(of: ["version", "pid", "uptime_seconds", "table", "limits", "services"]))
            #expect(keys(top["limits"]).isSuperset(of: ["open_files"]))
            let services = try #require(top["services"] as? [[String: Any]])
            #expect(services.compactMap { $0["name"] as? String } == ["cat", "echo", "later"], "in table order")
            for service in services {
                #expect(
                    keys(service).isSuperset(of: ["name", "dispatch", "state", "listeners", "connections", "handlers"]))
                #expect(
                    keys(service["connections"]).isSuperset(of: [
                        "active", "accepted", "queued", "refused", "dropped", "spawned", "handed_off", "requeued",
                        "ended", "cut", "abandoned", "lost",
                    ]))
                for listener in try #require(service["listeners"] as? [[String: Any]]) {
                    #expect(keys(listener).isSuperset(of: ["name", "address", "protocol", "state"]))
                }
            }
            #expect(services.compactMap { $0["dispatch"] as? String } == ["exec", "internal", "handoff"])
            let decoded = try supervisor.status()
            #expect(decoded.pid == supervisor.process.pid)
            #expect(decoded.table == supervisor.directory.path("baton.yaml"))
            #expect(decoded.uptime_seconds >= 0)
            #expect(try decoded.service("later").state == "idle", "on demand, none started")
            #expect(try decoded.service("cat").state == "ready")
            #expect(try decoded.service("echo").listeners.map(\.protocol) == ["tcp", "udp"])
        }
    }

    @Test("a long table has its status and metrics told bit by bit, each service once and in order")
    func manyServices() throws {
        let names = (0..<250).map { "s\($0)" }
        let lines = names.map { "  \($0): {listen: \"127.0.0.1:0\", internal: echo}\n" }
        try withSupervisor("services:\n" + lines.joined()) { supervisor in
            #expect(try supervisor.status().services.map(\.name) == names)
            let chosen = ["services": ["s7", "s249"]]
            let some = try supervisor.control().result("status", params: chosen) as? [String: Any]
            #expect((some?["services"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == ["s7", "s249"])
            let metrics = try supervisor.baton("metrics").standardOutput
            #expect(metrics.hasSuffix("# EOF\n"))
            let told = metrics.split(separator: "\n").filter { $0.hasPrefix("baton_service_healthy{") }
            #expect(told == names.map { "baton_service_healthy{service=\"\($0)\"} 1" })
        }
    }

    @Test("connections are counted: accepted = active + queued + refused + ended + cut + abandoned + lost")
    func counters() throws {
        try withSupervisor(Self.table) { supervisor in
            let port = try supervisor.port("cat")
            let staying = try TestSocket.tcp(port: port)
            try staying.send("x")
            _ = try staying.receive(exactly: 1)
            for _ in 0..<3 { try TestSocket.tcp(port: port).finishSending() }
            let counts = try supervisor.waitForService("cat", "three gone") { $0.connections.ended == 3 }.connections
            #expect(counts.accepted == 4)
            #expect(counts.active == 1)
            #expect(counts.spawned == 4)
            #expect(counts.isBalanced)
        }
    }

    @Test("baton status prints services as text, and as JSON with --json; named services only when asked")
    func command() throws {
        try withSupervisor(Self.table) { supervisor in
            let text = try supervisor.baton("status")
            #expect(text.status == .exited(0))
            #expect(["cat", "echo", "later"].allSatisfy { text.standardOutput.contains($0) })
            #expect(!text.standardOutput.contains("\u{1b}"), "no colour but on a terminal")
            let json = try supervisor.baton("status", "--json", "echo")
            let report = try JSONDecoder().decode(StatusReport.self, from: Data(json.standardOutput.utf8))
            #expect(report.services.map(\.name) == ["echo"])
            let unknown = try supervisor.baton("status", "nobody")
            #expect(unknown.status == .exited(1))
            #expect(unknown.standardError.contains("nobody"))
        }
    }

    @Test("baton status exits 69 when no supervisor answers")
    func nobodyThere() throws {
        let directory = try TemporaryDirectory()
        let output = try runProgram(
            Repository.product("baton"), ["status", "--runtime-directory", directory.path("nowhere")])
        #expect(output.status == .exited(69))
        #expect(!output.standardError.isEmpty)
    }

    @Test("regression: the table's runtime_directory goes before that of the environment, and that before the default")
    func directoryOfRun() throws {
        let directory = try TemporaryDirectory()
        let services = "services: {echo: {listen: \"127.0.0.1:0\", internal: echo}}"
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        for (named, table) in [("t", "runtime_directory: \(directory.path("t"))\n\(services)"), ("e", services)] {
            let file = try directory.write("\(named).yaml", table)
            let process = try TestProcess(
                Repository.product("baton"), ["run", file],
                environment: ["BATON_RUNTIME_DIRECTORY": directory.path("e"), "PATH": "/usr/bin:/bin"],
                descriptors: [null, null, null])
            let answers = try eventually {
                let status = ["status", "--runtime-directory", directory.path(named)]
                return try runProgram(Repository.product("baton"), status).status == .exited(0)
            }
            #expect(answers)
            try process.signal(SIGTERM)
            #expect(try process.wait() == .exited(0))
        }
    }

    @Test("BATON_RUNTIME_DIRECTORY names the supervisor too")
    func runtimeDirectoryVariable() throws {
        try withSupervisor(Self.table) { supervisor in
            let environment = ["BATON_RUNTIME_DIRECTORY": supervisor.runtimeDirectory, "PATH": "/usr/bin:/bin"]
            let output = try runProgram(Repository.product("baton"), ["status"], environment: environment)
            #expect(output.status == .exited(0))
        }
    }

    @Test("the id is echoed; errors have a code and a message; the connection goes on after a bad request")
    func protocolErrors() throws {
        try withSupervisor(Self.table) { supervisor in
            let control = try supervisor.control()
            func code(_ reply: [String: Any]) -> String? { (reply["error"] as? [String: Any])?["code"] as? String }
            #expect(
                try control.exchange(line: #"{"method": "status", "id": "é\ud83d\ude00"}"#)["id"] as? String == "é😀")
            #expect(try code(control.exchange(line: #"{"method": "dance", "id": 1}"#)) == "unknown_method")
            #expect(try code(control.exchange(line: #"{"method": 5}"#)) == "bad_request")
            #expect(try code(control.exchange(line: "{nonsense")) == "bad_request")
            let unknown = try control.request("status", params: ["services": ["nobody"]])
            #expect(code(unknown) == "no_such_service")
            #expect(unknown["id"] as? Int == 1)
            #expect(try keys(control.result("status")).contains("services"))
        }
    }

    @Test("a request that is too deep or too long ends in an error or the end of that connection, and nothing else")
    func hostileRequests() throws {
        try withSupervisor(Self.table) { supervisor in
            let path = supervisor.runtimeDirectory + "/control.sock"
            let deep = try TestSocket.unix(path)
            try deep.send(String(repeating: "[", count: 1000) + "\n")
            #expect(deep.isReadable(within: 5))
            let long = try TestSocket.unix(path)
            #expect(throws: Never.self) {
                // The supervisor may hang up while this is on its way.
                try? long.send([UInt8](repeating: UInt8(ascii: "x"), count: 200_000))
            }
            #expect(long.isReadable(within: 5))
            #expect(try supervisor.status().services.count == 3)
        }
    }

    @Test("the runtime directory and its sockets have the contract's modes")
    func modes() throws {
        try withSupervisor(Self.table) { supervisor throws in
            func mode(_ name: String) throws -> mode_t {
                var information = stat()
                try check("stat \(name)") { stat(supervisor.runtimeDirectory + name, &information) }
                return information.st_mode & 0o777
            }
            #expect(try mode("") == 0o755)
            #expect(try mode("/control.sock") == 0o600)
            #expect(try mode("/register.sock") == 0o666)
        }
    }
}
