import Foundation
import TestSupport
import Testing

/// What the supervisor says to the service manager that started it (`Type=notify`).
@Suite struct NotifyTests {
    private let table = """
        services:
          echo: {listen: "127.0.0.1:0", internal: echo}
          broken: {listen: "127.0.0.1:0", handoff: {start: eager, exec: [/bin/false], restart: {policy: never}}}
        """

    @Test("READY=1 and STATUS, which is kept up to date; STOPPING=1 at the end")
    func states() throws {
        let manager = try ServiceManager()
        let ready = try manager.startAndWait(table)
        #expect(ready["STATUS"]?.hasPrefix("2 services, 2 listeners, 0 connections") == true)
        let client = try TestSocket.tcp(port: manager.port("echo"))
        try manager.receive("status") {
            $0["STATUS"] == "2 services, 2 listeners, 1 connection; failed: broken"
        }
        client.close()
        try manager.receive("status") { $0["STATUS"] == "2 services, 2 listeners, 0 connections; failed: broken" }
        let last = try TestSocket.tcp(port: manager.port("echo"))
        try last.send("x")
        _ = try last.receive(exactly: 1)
        try manager.process.signal(SIGTERM)
        let stopping = try manager.receive("STOPPING") { $0["STOPPING"] == "1" }
        #expect(stopping["STATUS"] == "stopping (SIGTERM), 1 connection left")
        last.close()
        #expect(try manager.process.wait() == .exited(0))
    }

    @Test("nothing is said while nothing happens")
    func quiet() throws {
        let manager = try ServiceManager()
        try manager.startAndWait("services: {echo: {listen: '127.0.0.1:0', internal: echo}}")
        _ = manager.isSilent(for: 1.5)
        while !manager.isSilent(for: 0.1) { try manager.receive("the rest") { _ in true } }
        #expect(manager.isSilent(for: 1.5))
        try manager.stop()
    }

    @Test("WATCHDOG=1 twice in the time that is allowed, and not when another process is meant")
    func watchdog() throws {
        let manager = try ServiceManager()
        try manager.start(table, environment: ["WATCHDOG_USEC": "400000"])
        try manager.receive("READY") { $0["READY"] == "1" }
        let begin = Deadline.now()
        for _ in 0..<5 { try manager.receive("WATCHDOG") { $0["WATCHDOG"] == "1" } }
        let seconds = Double(Deadline.now() - begin) / 1e9
        #expect(seconds > 0.7 && seconds < 2)
        try manager.stop()
        let other = try ServiceManager()
        try other.start(table, environment: ["WATCHDOG_USEC": "400000", "WATCHDOG_PID": "1"])
        try other.receive("READY") { message in
            #expect(message["WATCHDOG"] == nil)
            return message["READY"] == "1"
        }
        try other.stop()
    }

    @Test("a start that fails says why, with the status that follows")
    func failure() throws {
        let manager = try ServiceManager()
        try manager.start("services: {echo: {listen: 7, internal: ecko}}")
        let message = try manager.receive("EXIT_STATUS") { $0["EXIT_STATUS"] != nil }
        #expect(message["EXIT_STATUS"] == "78")
        let status = try #require(message["STATUS"])
        #expect(status.contains("baton.yaml:1:") && status.contains(": error: services.echo.internal: "), "\(status)")
        #expect(message["READY"] == nil)
        #expect(try manager.process.wait() == .exited(78))
    }

    @Test("a manager that does not read holds nothing up: what it was told comes in order when it does")
    func slowManager() throws {
        let manager = try ServiceManager()
        let listeners = Array(repeating: "'127.0.0.1:0'", count: 100).joined(separator: ", ")
        try manager.start("services: {echo: {listen: [\(listeners)], internal: echo}}")
        #expect(eventually { (try? manager.status().services.first?.listeners.count) == 100 })
        _ = try TestSocket.tcp(port: manager.port("echo", listener: 99))
        try manager.receive("READY") { $0["READY"] == "1" }
        #expect(manager.kept.count == 100)
        #expect(Set(manager.keptNames).count == 100)
        try manager.stop()
    }

    @Test("a NOTIFY_SOCKET that nobody has is told once, and no more than that")
    func noManager() throws {
        try withSupervisor(
            "services: {echo: {listen: '127.0.0.1:0', internal: echo}}", environment: ["NOTIFY_SOCKET": "/nonexistent"]
        ) { supervisor in
            try supervisor.log.wait(for: "NOTIFY_SOCKET: No such file or directory")
            _ = try TestSocket.tcp(port: supervisor.port("echo"))
            #expect(supervisor.log.text.components(separatedBy: "NOTIFY_SOCKET").count == 2)
        }
    }
}
