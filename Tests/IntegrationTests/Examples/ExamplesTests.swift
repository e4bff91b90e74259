import Foundation
import TestSupport
import Testing

/// The tables of examples/, with real daemons and their real clients.
@Suite(.serialized) struct ExamplesTests {
    private func run(_ program: String, _ arguments: String..., in directory: String? = nil) throws -> ProgramOutput {
        let output = try runProgram(program, arguments, directory: directory, deadline: Deadline(seconds: 60))
        guard output.status == .exited(0) else {
            throw TestFailure("\(program) \(arguments): \(output)")
        }
        return output
    }

    @Test("examples/baton.yaml: each service answers its own client")
    func mainExample() throws {
        let place = try ExamplePlace()
        let example = place.directory.path("example")
        try withSupervisor(place.table, in: place.directory) { supervisor in
            let status = try supervisor.status()
            func port(_ name: String) throws -> UInt16 { try #require(status.service(name).listeners.first?.port) }

            // git daemon --inetd
            let clone = try TemporaryDirectory()
            for number in 0..<3 {
                let url = "git://127.0.0.1:\(try port("git"))/hello.git"
                _ = try run("git", "clone", "--quiet", url, clone.path("clone\(number)"))
                let log = try run("git", "log", "--format=%s", in: clone.path("clone\(number)"))
                #expect(log.standardOutput == "first\n")
            }

            // busybox httpd -i
            let web = "http://127.0.0.1:\(try port("web"))"
            #expect(try run("curl", "-sS", web + "/").standardOutput == "served\n")
            _ = try run("curl", "-sS", "-o", clone.path("large"), web + "/large")
            #expect(
                FileManager.default.contentsEqual(atPath: clone.path("large"), andPath: example + "/www/large"))

            // in.tftpd in wait mode: two transfers by one process.
            if geteuid() == 0 {
                for name in ["hello", "large"] {
                    _ = try run(
                        "tftp", "-m", "binary", "127.0.0.1", String(port("tftp")), "-c", "get", name, clone.path(name))
                    #expect(
                        FileManager.default.contentsEqual(atPath: clone.path(name), andPath: "\(example)/tftp/\(name)"))
                }
                #expect(try supervisor.service("tftp").connections.spawned == 1)
            }

            // sd_listen_fds: both sockets are served by one process.
            let first = try run("curl", "-sS", "http://127.0.0.1:\(try port("sd"))/a").standardOutput
            let second = try run("curl", "-sS", "--unix-socket", example + "/sd.sock", "http://localhost/b")
                .standardOutput
            #expect(first.hasPrefix("/a by sd, process ") && second.hasPrefix("/b by sd, process "))
            #expect(first.dropFirst(2) == second.dropFirst(2))

            // Persistent handlers.
            for name in ["swift", "c", "python"] {
                let client = try TestSocket.tcp(port: port(name))
                try client.send("hello\n")
                let answer = try client.receiveText()
                #expect(answer.hasPrefix("\(name) pid=") && answer.hasSuffix(" hello\n"))
            }

            // Inside.
            let echo = try TestSocket.tcp(port: port("echo"))
            try echo.send("hello")
            #expect(try echo.receive(exactly: 5) == Array("hello".utf8))
            #expect(try !TestSocket.tcp(port: port("daytime")).receiveText().isEmpty)
            #expect(try !TestSocket.tcp(port: port("qotd")).receiveText().isEmpty)

            echo.close()
            try supervisor.waitForService("echo", "ended") { $0.connections.active == 0 }

            // What stays: sd's process (it waits for half a minute) and three handlers.
            if geteuid() == 0 {
                try supervisor.waitForService("tftp", "watched again") { $0.listeners[0].state == "listening" }
            }
            supervisor.markBaseline()
        }
    }

    @Test("examples/baton.yaml itself has no faults")
    func mainExampleIsChecked() throws {
        let table = Repository.path("examples/baton.yaml")
        #expect(try runProgram(Repository.product("baton"), ["check", "--no-resolve", table]).status == .exited(0))
    }

    @Test("examples/replace-inetd has no faults, and its services answer when moved to free ports")
    func replaceInetd() throws {
        let file = Repository.path("examples/replace-inetd/baton.yaml")
        let output = try runProgram(Repository.product("baton"), ["check", file])
        #expect(output.status == .exited(0), "\(output.standardError)")
        let table = try String(contentsOfFile: file, encoding: .utf8).replacing(/4:\/\/\*:\d+/, with: "4://127.0.0.1:0")
        try withSupervisor(table) { supervisor in
            let echo = try TestSocket.tcp(port: supervisor.port("echo"))
            try echo.send("hello")
            #expect(try echo.receive(exactly: 5) == Array("hello".utf8))
            #expect(try TestSocket.tcp(port: supervisor.port("time")).receiveToEnd().count == 4)
        }
    }

    @Test("baton run --listen serves examples/legacy-handlers/sd_http.py without a table, as its README says")
    func legacyWithoutTable() throws {
        let program = Repository.path("examples/legacy-handlers/sd_http.py")
        let arguments = [
            "--listen", "127.0.0.1:0", "--wait", "--style", "systemd", "--", "/usr/bin/python3", program,
        ]
        let supervisor = try RunningSupervisor("", options: ["--set", "stop_grace=1s"], arguments: arguments)
        let service = try #require(supervisor.status().services.first)
        let port = try #require(service.listeners.first?.port)
        let answer = try run("curl", "-sS", "http://127.0.0.1:\(port)/hello").standardOutput
        #expect(answer.hasPrefix("/hello by "))
        // It would wait for half a minute: the second TERM is "now".
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        #expect(eventually { (try? supervisor.status()) == nil || supervisor.log.text.contains("stop") })
        try supervisor.process.signal(SIGTERM)
        try supervisor.expectEnd(of: family)
    }
}
