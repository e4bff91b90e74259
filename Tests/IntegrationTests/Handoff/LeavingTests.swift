import Glibc
import TestSupport
import Testing

/// What becomes of connections when a handler leaves.
@Suite struct LeavingTests {
    private func table(_ more: String = "") -> String {
        """
        services:
          app:
            listen: "127.0.0.1:0"
            handoff:
              exec: [/usr/bin/python3, \(Repository.path("Tests/Fixtures/supervised.py")), hold]
              heartbeat: false
              stop_grace: 200ms
              \(more)
        """
    }

    @Test("regression: what a draining handler held when it was killed is cut, and not counted as ended")
    func killedWhileDraining() throws {
        try withSupervisor(table()) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "held") { $0.connections.handed_off == 1 }
            let old = try supervisor.onlyHandler()
            #expect(try supervisor.baton("restart", "app").status == .exited(0))
            kill(old.pid, SIGKILL)
            let counts = try supervisor.waitForService("app", "gone") { $0.connections.active == 0 }.connections
            #expect(counts.cut == 1 && counts.ended == 0)
            #expect(try client.receiveToEnd().isEmpty)
            supervisor.markBaseline()
        }
    }

    @Test("regression: what a draining handler holds when its time is over is cut with it")
    func terminatedWhileDraining() throws {
        try withSupervisor(table("drain: 200ms")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "held") { $0.connections.handed_off == 1 }
            #expect(try supervisor.baton("restart", "app").status == .exited(0))
            let counts = try supervisor.waitForService("app", "gone") { $0.connections.active == 0 }.connections
            #expect(counts.cut == 1 && counts.ended == 0)
            client.close()
            supervisor.markBaseline()
        }
    }
}
