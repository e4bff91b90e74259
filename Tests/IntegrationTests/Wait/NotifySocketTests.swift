import Foundation
import Glibc
import TestSupport
import Testing

/// NOTIFY_SOCKET of `wait` handlers: who is heard, what it does, and what hostile messages do not (handoff.md, Liveness).
@Suite struct NotifySocketTests {
    private func table(_ how: String = "plain", _ more: String = "") -> String {
        """
        services:
          one:
            listen: "udp://127.0.0.1:0"
            wait: true
            exec: [/usr/bin/python3, \(Repository.path("Tests/Fixtures/notifying.py")), \(how)]
            \(more)
        """
    }

    /// The handler's own words, by way of its socket.
    private func say(_ text: String, _ supervisor: RunningSupervisor) throws {
        let client = try TestSocket.udp(port: supervisor.port("one"))
        try client.send(text)
        #expect(try client.receive() == Array("said".utf8))
    }

    /// The same of words that may be its last.
    private func sayFinally(_ text: String, _ supervisor: RunningSupervisor) throws {
        try TestSocket.udp(port: supervisor.port("one")).send(text)
    }

    /// What the status shows of the handler's process, waited for.
    @discardableResult
    private func waitForProcess(
        _ supervisor: RunningSupervisor, _ what: String, where holds: ([String: Any]) -> Bool
    ) throws -> [String: Any] {
        var last: [String: Any] = [:]
        let held = try eventually {
            let result = try supervisor.control().result("status") as? [String: Any]
            let services = result?["services"] as? [[String: Any]]
            last = (services?.first?["processes"] as? [[String: Any]])?.first ?? [:]
            return holds(last)
        }
        guard held else { throw TestFailure("not \(what): \(last)\n\(supervisor.log.tail)") }
        return last
    }

    private func dropped(_ supervisor: RunningSupervisor) throws -> Int {
        let result = try supervisor.control().result("status") as? [String: Any]
        return result?["notifications_dropped"] as? Int ?? 0
    }

    @Test(
        "READY, STATUS and STOPPING are shown, from the handler and from a child of it", arguments: ["plain", "child"])
    func words(how: String) throws {
        try withSupervisor(table(how)) { supervisor in
            try say("READY=1\nSTATUS=warm\n", supervisor)
            try waitForProcess(supervisor, "ready") {
                $0["state"] as? String == "ready" && $0["status"] as? String == "warm"
            }
            #expect(try supervisor.baton("status").standardOutput.contains("(ready: warm)"))
            try say("STOPPING=1", supervisor)
            try waitForProcess(supervisor, "stopping") { $0["state"] as? String == "stopping" }
            #expect(try dropped(supervisor) == 0)
            supervisor.markBaseline()
        }
    }

    @Test("heartbeat: WATCHDOG_USEC is set, a silent handler is killed and started anew by the next datagram")
    func heartbeat() throws {
        try withSupervisor(table("plain", "heartbeat: 1s")) { supervisor in
            try say("WATCHDOG=1", supervisor)
            let first = try supervisor.onlyHandler()
            #expect(first.environment["WATCHDOG_USEC"] == "1000000")
            // As long as it speaks it lives, however long that is.
            let end = Deadline(seconds: 2.5)
            while !end.isOver {
                try say("WATCHDOG=1", supervisor)
                idleInterval(seconds: 0.1)
            }
            #expect(first.isAlive)
            #expect(eventually { !first.isAlive })
            try supervisor.waitForService("one", "watched again") { $0.listeners[0].state == "listening" }
            try say("WATCHDOG=1", supervisor)
            #expect(try supervisor.onlyHandler().pid != first.pid)
            #expect(supervisor.log.text.contains("is unresponsive: no WATCHDOG=1 for 1.0s"))
            try supervisor.waitForService("one", "none") { $0.listeners[0].state == "listening" }
        }
    }

    @Test("unresponsive: wait leaves it alone; when it speaks again, it is what it was")
    func unresponsiveWait() throws {
        try withSupervisor(table("plain", "heartbeat: 200ms\n    unresponsive: wait")) { supervisor in
            try say("READY=1", supervisor)
            let pid = try supervisor.onlyHandler().pid
            try waitForProcess(supervisor, "unresponsive") { $0["state"] as? String == "unresponsive" }
            #expect(try supervisor.baton("status").status == .exited(1))
            try say("WATCHDOG=1", supervisor)
            #expect(eventually { supervisor.log.text.contains("pid \(pid) is ready: it answers again") })
            supervisor.markBaseline()
        }
    }

    @Test("WATCHDOG=trigger and WATCHDOG_USEC from the handler itself")
    func trigger() throws {
        try withSupervisor(table()) { supervisor in
            try say("READY=1", supervisor)
            let first = try supervisor.onlyHandler()
            #expect(first.environment["WATCHDOG_USEC"] == nil)
            try sayFinally("WATCHDOG=trigger", supervisor)
            #expect(eventually { !first.isAlive })
            try supervisor.waitForService("one", "watched again") { $0.listeners[0].state == "listening" }
            try say("READY=1", supervisor)
            let second = try supervisor.onlyHandler()
            try sayFinally("WATCHDOG_USEC=200000", supervisor)
            #expect(eventually { !second.isAlive })
        }
    }

    @Test("messages of others, malformed and long ones, and those with descriptors: dropped and counted, nothing leaks")
    func hostile() throws {
        try withSupervisor(table()) { supervisor in
            try say("READY=1", supervisor)
            try waitForProcess(supervisor, "ready") { $0["state"] as? String == "ready" }
            supervisor.markBaseline()
            let stranger = try TestSocket(family: AF_UNIX, type: TestSocket.datagram)
            try stranger.connect(to: SocketName(unix: supervisor.runtimeDirectory + "/notify.sock"))
            try stranger.send("WATCHDOG=trigger")
            try stranger.send("STOPPING=1")
            #expect(try eventually { try dropped(supervisor) == 2 })
            for text in ["nonsense", "READY=1\nnonsense", String(repeating: "x", count: 5000)] {
                try say(text, supervisor)
            }
            #expect(try eventually { try dropped(supervisor) == 5 })
            try say("fd STATUS=with descriptors", supervisor)
            try waitForProcess(supervisor, "with descriptors") {
                $0["status"] as? String == "with descriptors" && $0["state"] as? String == "ready"
            }
            for number in 0..<1000 { try stranger.send("STATUS=\(number)") }
            #expect(try eventually { try dropped(supervisor) == 1005 })
            #expect(eventually { supervisor.log.text.contains("to NOTIFY_SOCKET dropped") })
            #expect(supervisor.log.text.components(separatedBy: "to NOTIFY_SOCKET dropped").count < 10)
        }
    }
}
