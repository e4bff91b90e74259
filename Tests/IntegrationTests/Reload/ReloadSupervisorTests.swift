import Foundation
import Glibc
import TestSupport
import Testing

/// What a reload changes in the supervisor as a whole, and how else than by `baton reload` it is asked for.
@Suite struct ReloadSupervisorTests {
    @Test("another runtime_directory is a fault: nobody would find the supervisor any more")
    func runtimeDirectory() throws {
        let directory = try TemporaryDirectory()
        let services = "services: {echo: {listen: \"127.0.0.1:0\", internal: echo}}"
        let file = try directory.write("baton.yaml", "runtime_directory: \(directory.path("a"))\n\(services)")
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        let process = try TestProcess(
            Repository.product("baton"), ["run", file], environment: [:], descriptors: [null, null, null])
        let arguments = ["reload", "--runtime-directory", directory.path("a")]
        #expect(
            try eventually { try runProgram(Repository.product("baton"), arguments).status == .exited(0) })
        try directory.write("baton.yaml", "runtime_directory: \(directory.path("b"))\n\(services)")
        let output = try runProgram(Repository.product("baton"), arguments)
        #expect(output.status == .exited(78))
        let fault = "baton.yaml: error: runtime_directory: it cannot change while the supervisor runs, which has "
        #expect(output.standardError.contains(fault + directory.path("a")), "\(output)")
        try process.signal(SIGTERM)
        #expect(try process.wait() == .exited(0))
    }

    @Test("a service that came with the command line has no table to read anew")
    func commandLine() throws {
        try withSupervisor("", arguments: ["--listen", "127.0.0.1:0", "--", "/bin/cat"]) { supervisor in
            let output = try supervisor.baton("reload")
            #expect(output.status == .exited(1))
            #expect(output.standardError.contains("there is no table to read anew"), "\(output)")
            try supervisor.process.signal(SIGHUP)
            try supervisor.log.wait(for: "reload failed")
        }
    }

    @Test("log, limits and control change while it runs")
    func whole() throws {
        let directory = try TemporaryDirectory()
        let log = directory.path("own.log")
        try withSupervisor(ReloadTests.table("one"), in: directory, leakCheck: false) { supervisor in
            let answer = try supervisor.reload(
                """
                log: {level: debug, to: "\(log)"}
                limits: {instances: 1, open_files: 200}
                control: {group: daemon}
                \(ReloadTests.table("one"))
                """)
            #expect(
                answer.keys == [
                    "log.level", "log.to", "control.group", "limits.instances", "limits.open_files",
                ])
            #expect(answer.notes.isEmpty && answer.unchanged == 2)
            #expect(try supervisor.status().limits.open_files == 200)
            var information = stat()
            try check("stat") { stat(supervisor.runtimeDirectory + "/control.sock", &information) }
            #expect(information.st_mode & 0o777 == 0o660 && information.st_gid == 1)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            #expect(try client.ask() == "one hello")
            let second = try TestSocket.tcp(port: supervisor.port("echo"))
            try supervisor.waitForService("echo", "limited") { $0.state == "limited" }
            try supervisor.reload(ReloadTests.table("one"))
            #expect(try second.ask() == "hello", "who waited for limits.instances is let in")
            try check("stat") { stat(supervisor.runtimeDirectory + "/control.sock", &information) }
            #expect(information.st_mode & 0o777 == 0o600 && information.st_gid == getegid())
            #expect(try directory.read("own.log").contains("app: accepted"), "debug, in a file of its own")
            try supervisor.log.wait(for: "reloaded: 2 unchanged; log.level")
            try supervisor.rewrite("log: {to: /no/such/directory/log}\n" + ReloadTests.table("two"))
            #expect(try supervisor.baton("reload").status == .exited(78))
            #expect(try client.ask() == "one hello")
        }
    }

    @Test("HUP does the same; its result is in the log")
    func hangUp() throws {
        try withSupervisor(ReloadTests.table("one")) { supervisor in
            try supervisor.rewrite(ReloadTests.table("two"))
            try supervisor.process.signal(SIGHUP)
            try supervisor.log.wait(for: "app: changed: exec")
            try supervisor.log.wait(for: "reloaded: 1 changed (app), 1 unchanged")
            #expect(try TestSocket.tcp(port: supervisor.port("app")).ask() == "two hello")
            try supervisor.rewrite("services: {}")
            try supervisor.process.signal(SIGHUP)
            try supervisor.log.wait(for: "baton.yaml:1:11: services: there is no service in the table")
            try supervisor.log.wait(for: "reload failed: ")
            #expect(try TestSocket.tcp(port: supervisor.port("app")).ask() == "two hello")
        }
    }
}
