import Glibc
import TestSupport
import Testing

/// A child that hangs before its exec hangs nobody else.
@Suite struct HungSpawnTests {
    /// Programs that a launcher starts, for it is to open a file for them.
    private static func launched(_ directory: TemporaryDirectory) -> String {
        "services: {cat: {listen: '127.0.0.1:0', exec: [/bin/cat], stderr: \(directory.path("errors"))}}"
    }

    @Test("children stopped before their exec stop nobody else; after 5 s they are killed and their stage reported")
    func fifoAsStandardError() throws {
        let directory = try TemporaryDirectory()
        let fifo = directory.path("fifo")
        // Opening a FIFO for writing blocks until somebody reads it: nobody does.
        try check("mkfifo") { mkfifo(fifo, 0o600) }
        let table = """
            services:
              hung: {listen: "127.0.0.1:0", exec: [/bin/cat], stderr: \(fifo)}
              well: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              echo: {listen: "127.0.0.1:0", internal: echo}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let (well, echo) = (try supervisor.port("well"), try supervisor.port("echo"))
            let launchers = Set(supervisor.view.children.filter { $0.status("Name") == "baton-launcher" }.map(\.pid))
            #expect(launchers.count == 2)
            // More than one launcher has places for.
            let victims = try (0..<10).map { _ in try TestSocket.tcp(port: supervisor.port("hung")) }
            let begin = Deadline.now()
            var served = 0
            // Until the last victim is let go, all others are served and status is answered, each within a second.
            while !victims.allSatisfy({ $0.isReadable(within: 0.01) }) {
                for port in [well, echo] {
                    let client = try TestSocket.tcp(port: port)
                    try client.setTimeout(seconds: 1)
                    try client.send("x")
                    #expect(try client.receive(exactly: 1) == [UInt8(ascii: "x")])
                    served += 1
                }
                _ = try supervisor.status()
                guard Deadline.now() - begin < 15_000_000_000 else { throw TestFailure("the victim is never let go") }
            }
            #expect(served > 20)
            #expect(Deadline.now() - begin > 3_000_000_000, "a child has 5 s")
            for victim in victims { #expect(try victim.receiveToEnd().isEmpty) }
            try supervisor.log.wait(for: "hung", "stderr", "timed out")
            let counts = try supervisor.waitForService("hung", "refused") { $0.connections.active == 0 }.connections
            #expect(counts.refused == ["spawn": 10])
            // The launchers go on, with others' programs.
            #expect(
                Set(supervisor.view.children.filter { $0.status("Name") == "baton-launcher" }.map(\.pid)) == launchers)
            let client = try TestSocket.tcp(port: well)
            try client.send("on")
            #expect(try client.receive(exactly: 2) == Array("on".utf8))
        }
    }

    @Test("a launcher that does nothing is killed after 5 s and replaced; what it had not begun goes to another")
    func stoppedLauncher() throws {
        let directory = try TemporaryDirectory()
        try withSupervisor(Self.launched(directory), in: directory) { supervisor in
            let launchers = supervisor.view.children.filter { $0.status("Name") == "baton-launcher" }
            // The first one gets what there is while that is little.
            let stopped = try #require(launchers.min { $0.pid < $1.pid })
            try stopped.stop()
            let clients = try (0..<3).map { _ in try TestSocket.tcp(port: supervisor.port("cat")) }
            for client in clients { try client.send("on") }
            // It is the first of its jobs that it hung with.
            let served = clients.filter { (try? $0.receive(atMost: 2)) == Array("on".utf8) }
            #expect(served.count == 2)
            let service = try supervisor.waitForService("cat", "refused") { $0.connections.refused["spawn"] == 1 }
            #expect(service.connections.active == 2)
            try supervisor.log.wait(for: "cat", "prepare", "timed out")
            #expect(eventually { !stopped.isAlive })
        }
    }

    @Test("a launcher that is killed is replaced, and spawning goes on")
    func killedLauncher() throws {
        let directory = try TemporaryDirectory()
        try withSupervisor(Self.launched(directory), in: directory) { supervisor in
            let launchers = supervisor.view.children.filter { $0.name == "batond" }
            #expect(!launchers.isEmpty)
            for launcher in launchers { kill(launcher.pid, SIGKILL) }
            #expect(eventually { !launchers.contains(where: \.isAlive) })
            for _ in 0..<5 {
                let client = try TestSocket.tcp(port: supervisor.port("cat"))
                try client.send("on")
                #expect(try client.receive(exactly: 2) == Array("on".utf8))
            }
        }
    }
}
