import Glibc
import TestSupport
import Testing

/// Out of descriptors is a state with a way out, never a busy loop and never the end of a listener.
@Suite struct ExhaustionTests {
    @Test("with all descriptors in use the supervisor pauses instead of spinning, and serves again when some are free")
    func descriptorsRunOut() throws {
        let table = """
            limits: {open_files: 64}
            services:
              echo: {listen: "127.0.0.1:0", internal: echo, instances: 1000, per_source: unlimited}
              other: {listen: "127.0.0.1:0", internal: echo}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("echo")
            let other = try supervisor.port("other")
            #expect(try supervisor.status().limits.open_files == 64)
            var clients = try (0..<100).map { _ in try TestSocket.tcp(port: port) }
            for client in clients { try client.send("x") }
            try supervisor.waitForService("echo", "paused") { $0.listeners[0].state == "paused" }
            #expect(supervisor.view.descriptors.count <= 64)
            #expect(try supervisor.service("echo").connections.active > 20)

            let before = supervisor.view.processorSeconds ?? 0
            idleInterval(seconds: 1)
            let spent = (supervisor.view.processorSeconds ?? 1) - before
            #expect(spent < 0.2, "a pause, not a spin: \(spent) s of processor time in 1 s")

            // Whoever has an answer goes and makes room for one who waits.
            while !clients.isEmpty {
                let client = clients.removeFirst()
                #expect(try client.receive(exactly: 1) == [UInt8(ascii: "x")])
                client.close()
            }
            try supervisor.waitForService("echo", "all gone") {
                $0.connections.active == 0 && $0.connections.queued == 0
            }
            for port in [port, other] {
                let client = try TestSocket.tcp(port: port)
                try client.send("again")
                #expect(try client.receive(exactly: 5) == Array("again".utf8))
            }
        }
    }

    @Test("a client that resets while it is in the backlog disturbs nobody")
    func resetInTheBacklog() throws {
        let table = "services: {one: {listen: '127.0.0.1:0', exec: [/bin/cat], instances: 1}}"
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("one")
            let first = try TestSocket.tcp(port: port)
            try first.send("x")
            _ = try first.receive(exactly: 1)
            for _ in 0..<10 { try TestSocket.tcp(port: port).reset() }
            let last = try TestSocket.tcp(port: port)
            try last.send("served")
            first.close()
            #expect(try last.receive(exactly: 6) == Array("served".utf8))
        }
    }
}
