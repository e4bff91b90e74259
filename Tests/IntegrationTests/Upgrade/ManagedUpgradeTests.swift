import Foundation
import TestSupport
import Testing

/// Upgrades where somebody else has an eye on the process.
@Suite struct ManagedUpgradeTests {
    @Test("pid 1 of a container is another program, and still pid 1", .enabled(if: MountNamespace.isAvailable))
    func container() throws {
        let container = try Container(
            """
            services:
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              orphans: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, "(sleep 0.1 &) ; echo done"]}
            """)
        let held = try container.client("cat")
        #expect(try held.ask() == "hello")
        for _ in 1...3 {
            let before = container.log.text.components(separatedBy: "has taken over").count
            try container.signal(SIGUSR2)
            #expect(eventually { container.log.text.components(separatedBy: "has taken over").count > before })
            #expect(try held.ask() == "hello")
        }
        #expect(container.supervisor.status("NSpid")?.hasSuffix("\t1") == true)
        #expect(try container.client("orphans").receiveLine() == "done")
        // The orphan that is left is collected: nothing stays but what serves.
        held.close()
        #expect(eventually { !container.supervisor.children.contains { $0.name != "batond" } })
        try container.stop()
    }

    @Test("under systemd: it stays ready and alive, and what the manager keeps stays kept")
    func manager() throws {
        let manager = try ServiceManager()
        let port = try QuietPort.next()
        let table = """
            services:
              echo: {listen: ["127.0.0.1:\(port)", "udp://127.0.0.1:0"], internal: echo}
              cat: {listen: "127.0.0.1:0", exec: /bin/cat}
            """
        try manager.startAndWait(table, environment: ["WATCHDOG_USEC": "200000"])
        #expect(manager.kept.count == 3)
        let sockets = try manager.sockets()
        for _ in 1...2 {
            try manager.process.signal(SIGUSR2)
            try manager.receive("READY") { $0["READY"] == "1" }
        }
        try manager.receive("WATCHDOG") { $0["WATCHDOG"] == "1" }
        #expect(manager.kept.count == 3)
        #expect(try sockets.intersection(manager.sockets()).count >= 3)
        let (tcp, cat) = (try manager.port("echo"), try manager.port("cat"))
        let stopped = try runProgram(
            Repository.product("baton"), ["stop", "echo", "--runtime-directory", manager.runtimeDirectory])
        #expect(stopped.status == .exited(0))
        for _ in 0..<2 { try manager.receive("FDSTOREREMOVE") { $0["FDSTOREREMOVE"] == "1" } }
        #expect(throws: TestFailure.self) { try TestSocket.tcp(port: tcp) }
        try manager.crash()
        let client = try TestSocket.tcp(port: cat)
        try client.send("x\n")
        try manager.startAndWait(table)
        #expect(try client.receiveLine() == "x")
        client.close()
        try manager.stop()
    }
}
