import Glibc
import TestSupport
import Testing

/// An idle supervisor does nothing.
@Suite struct IdleTests {
    /// Returns when nothing has been done for a while: whatever follows readiness is over. How often each has slept by then.
    private func rest(of processes: [ProcessView]) -> [Int?] {
        var before = processes.map(\.sleeps)
        let isOver = eventually {
            idleInterval(seconds: 0.2)
            let now = processes.map(\.sleeps)
            defer { before = now }
            return now == before
        }
        #expect(isOver)
        return before
    }

    @Test("an idle supervisor wakes up for nothing")
    func noWakeups() throws {
        let table = """
            services:
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              echo: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: echo}
              app: {listen: "127.0.0.1:0", handoff: {exec: [/bin/cat]}}
            """
        try withSupervisor(table) { supervisor in
            let processes = [supervisor.view] + supervisor.view.descendants
            let before = rest(of: processes)
            let time = processes.map(\.processorSeconds)
            idleInterval(seconds: 3)
            #expect(processes.map(\.sleeps) == before, "each system call that waits would have counted")
            #expect(processes.map(\.processorSeconds) == time)
        }
    }

    @Test("a service that nobody has come to costs one descriptor, its listener")
    func descriptors() throws {
        func count(_ services: Int) throws -> Int {
            let kinds = ["exec: [/bin/cat]", "handoff: {exec: [/bin/cat]}", "internal: echo"]
            let lines = (0..<services).map { "  s\($0): {listen: \"127.0.0.1:0\", \(kinds[$0 % 3])}\n" }
            var count = 0
            try withSupervisor("services:\n" + lines.joined()) { supervisor in
                _ = rest(of: [supervisor.view])
                count = supervisor.view.descriptors.count
            }
            return count
        }
        #expect(try count(33) - count(3) == 30)
    }

    @Test("with a registered handler it wakes up for heartbeats alone")
    func heartbeatsOnly() throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: {interval: 500ms, timeout: 10s}}}
            """
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            #expect(handler.heartbeat == 500)
            let before = try #require(supervisor.view.sleeps)
            let end = Deadline(seconds: 3)
            var pings = 0
            while !end.isOver {
                guard waitFor(POLLIN, on: handler.channel.descriptor, until: end) else { break }
                let message = try handler.receive().message
                #expect(message.kind == .ping)
                try handler.send(HandlerMessage(.pong, id: message.id))
                pings += 1
            }
            #expect((4...7).contains(pings))
            // A timer and an answer for each, and little more.
            #expect(try #require(supervisor.view.sleeps) - before <= 3 * pings + 4)
            handler.die()
        }
    }
}
