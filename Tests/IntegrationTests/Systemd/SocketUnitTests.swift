import Foundation
import TestSupport
import Testing

/// Sockets of a socket unit: adopted by address or by name, the unit's own for ever.
@Suite struct SocketUnitTests {
    @Test("by address, by name at another address, and what is no listener is closed with a warning")
    func adoption() throws {
        let manager = try ServiceManager()
        let path = manager.directory.path("unit.sock")
        let file = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try file.bind(to: SocketName(unix: path))
        try file.listen()
        let named = try TestSocket.bound()
        try named.listen()
        let stranger = try TestSocket.bound(port: QuietPort.next())
        try stranger.listen()
        let (left, right) = try TestSocket.pair(TestSocket.stream)
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        let (namedPort, strangerPort) = (try named.localPort, try stranger.localPort)
        try manager.startAndWait(
            """
            services:
              file: {listen: "unix://\(path)", exec: [/bin/cat]}
              web:
                listen: "127.0.0.1:1"
                exec: [/usr/bin/env]
                pass_env: [NOTIFY_SOCKET, LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES, WATCHDOG_USEC, FDSTORE, SHELL]
              own: {listen: "127.0.0.1:0", internal: echo}
            """,
            units: [
                ("x", null), ("web", named.descriptor), ("baton.socket", file.descriptor), ("y", right.descriptor),
                ("z", stranger.descriptor),
            ], environment: ["WATCHDOG_USEC": "10000000", "FDSTORE": "100"])
        // Ours are gone; the supervisor has its own, and closed what it does not use.
        [file, named, right, stranger].forEach { $0.close() }
        #expect(manager.keptNames.count == 1)
        #expect(manager.keptNames.first?.hasSuffix(".own") == true)
        try manager.log.wait(for: "2 listeners taken over from the service manager")
        for words in ["x (no listening socket)", "y (no listening socket)", "z (127.0.0.1:\(strangerPort))"] {
            try manager.log.wait(for: "warning", "closed a descriptor \(words)")
        }
        #expect(try left.receive().isEmpty)
        #expect(throws: TestFailure.self) { try TestSocket.tcp(port: strangerPort) }
        #expect(try manager.port("web") == namedPort)
        let environment = try TestSocket.tcp(port: namedPort).receiveText()
        #expect(environment.contains("BATON_SERVICE=web\n"))
        for name in ["NOTIFY_SOCKET", "LISTEN_", "WATCHDOG_", "FDSTORE"] { #expect(!environment.contains(name)) }
        let client = try TestSocket.unix(path)
        try client.send("hello")
        #expect(try client.receive(exactly: 5) == Array("hello".utf8))
        client.close()
        try manager.stop()
        // The file is the unit's.
        #expect(access(path, F_OK) == 0)
    }

    @Test(
        "systemd-socket-activate", .enabled(if: (try? runProgram("systemd-socket-activate", ["--version"])) != nil))
    func socketActivate() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("web.sock")
        let file = try directory.write("baton.yaml", "services: {web: {listen: 'unix://\(path)', exec: [/bin/cat]}}")
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        let process = try TestProcess(
            "systemd-socket-activate",
            [
                "--listen", path, Repository.product("baton"), "run", "--runtime-directory", directory.path("run"),
                file,
            ], descriptors: [null, null, null])
        #expect(eventually { access(path, F_OK) == 0 })
        // It starts the program when somebody comes.
        let client = try TestSocket.unix(path)
        try client.send("hello")
        #expect(try client.receive(exactly: 5) == Array("hello".utf8))
        client.close()
        #expect(ProcessView(pid: process.pid).name == "batond")
        try process.signal(SIGTERM)
        #expect(try process.wait() == .exited(0))
    }

    @Test("the unit file is one", .enabled(if: (try? runProgram("systemd-analyze", ["--version"])) != nil))
    func unitFile() throws {
        let directory = try TemporaryDirectory()
        let unit = try String(contentsOfFile: Repository.path("packaging/systemd/baton.service"), encoding: .utf8)
        let file = try directory.write(
            "baton.service", unit.replacing("/usr/local/bin/baton", with: Repository.product("baton")))
        let output = try runProgram("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no", file])
        #expect(output.status == .exited(0))
        #expect(output.standardError.isEmpty, "\(output.standardError)")
    }
}
