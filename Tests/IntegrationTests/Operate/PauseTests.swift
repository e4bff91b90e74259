import Foundation
import TestSupport
import Testing

/// `pause` and `resume`: clients wait in the backlog, nothing that runs is touched.
@Suite struct PauseTests {
    private static let table = """
        services:
          cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
          echo: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: echo}
          front: {listen: "127.0.0.1:0", route: {rules: [{match: {prefix: "in"}, to: behind}]}}
          behind: {internal: echo}
          off: {listen: "127.0.0.1:0", internal: echo, enabled: false}
        """

    private func result(_ supervisor: RunningSupervisor, _ method: String, _ services: String...) throws -> [String:
        Any]
    {
        try supervisor.control().result(method, params: ["services": services]) as? [String: Any] ?? [:]
    }

    private func notes(_ result: [String: Any]) -> [String] {
        (result["notes"] as? [[String: Any]] ?? []).compactMap { $0["note"] as? String }
    }

    @Test("new clients wait and come in when it is resumed, what runs goes on; twice is as good as once")
    func waiting() throws {
        try withSupervisor(Self.table) { supervisor in
            let port = try supervisor.port("cat")
            let running = try TestSocket.tcp(port: port)
            try running.send("a")
            #expect(try running.receive(exactly: 1) == [0x61])

            #expect(try result(supervisor, "pause", "cat")["paused"] as? [String] == ["cat"])
            let again = try result(supervisor, "pause", "cat")
            #expect(again["paused"] as? [String] == [])
            #expect(notes(again) == ["it was paused already"])
            let service = try supervisor.service("cat")
            #expect(service.state == "paused" && service.listeners[0].state == "paused")

            let client = try TestSocket.tcp(port: port)
            try client.send("b")
            #expect(!client.isReadable(within: 0.2), "it waits in the backlog")
            try running.send("c")
            #expect(try running.receive(exactly: 1) == [0x63])
            #expect(try supervisor.baton("status").status == .exited(0), "somebody asked for it")
            #expect(try supervisor.service("cat").connections.accepted == 1)

            #expect(try result(supervisor, "resume", "cat")["resumed"] as? [String] == ["cat"])
            #expect(try client.receive(exactly: 1) == [0x62])
            #expect(notes(try result(supervisor, "resume", "cat")) == ["it was not paused"])
            #expect(try supervisor.service("cat").state == "ready")
            let events = try EventStream(supervisor, ["services": ["cat"], "level": "notice"]).past()
            #expect(events.compactMap { $0["event"] as? String } == ["service_paused", "service_resumed"])
        }
    }

    @Test("datagrams wait as well")
    func datagrams() throws {
        try withSupervisor(Self.table) { supervisor in
            let port = try supervisor.port("echo", listener: 1)
            _ = try result(supervisor, "pause", "echo")
            let client = try TestSocket.udp(port: port)
            try client.send("d")
            #expect(!client.isReadable(within: 0.1))
            _ = try result(supervisor, "resume", "echo")
            #expect(try client.receive() == [0x64])
        }
    }

    @Test("all of the services or none; one without a listener of its own says where its connections come from")
    func refused() throws {
        try withSupervisor(Self.table) { supervisor in
            let control = try supervisor.control()
            func message(_ services: [String]) throws -> String {
                let reply = try control.request("pause", params: ["services": services])
                return (reply["error"] as? [String: Any])?["message"] as? String ?? "\(reply)"
            }
            #expect(try message(["cat", "behind"]).contains("come from front"))
            #expect(try message(["cat", "off"]) == "off: it is disabled")
            #expect(try message(["cat", "nobody"]).contains("no service nobody"))
            #expect(try supervisor.service("cat").state == "ready", "nothing was done")
            let command = try supervisor.baton("pause", "behind")
            #expect(command.status == .exited(1) && command.standardError.contains("no listener"))
        }
    }

    @Test("a wait service starts no handler while it is paused; the one that runs goes on with its socket")
    func wait() throws {
        let program = "import socket; c, _ = socket.socket(fileno=0).accept(); c.sendall(b'hi'); c.recv(1)"
        let table = """
            services:
              once: {listen: "127.0.0.1:0", wait: true, exec: [/usr/bin/env, python3, -c, "\(program)"]}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("once")
            _ = try result(supervisor, "pause", "once")
            let client = try TestSocket.tcp(port: port)
            #expect(!client.isReadable(within: 0.1))
            #expect(try supervisor.service("once").connections.spawned == 0)
            _ = try result(supervisor, "resume", "once")
            #expect(try client.receive(exactly: 2) == Array("hi".utf8))
            #expect(notes(try result(supervisor, "pause", "once")) == ["its handler has the socket, and goes on"])
            let next = try TestSocket.tcp(port: port)
            client.close()
            try supervisor.waitForService("once", "without a handler") { $0.listeners[0].state == "paused" }
            #expect(!next.isReadable(within: 0.1))
            #expect(try supervisor.service("once").connections.spawned == 1)
            _ = try result(supervisor, "resume", "once")
            #expect(try next.receive(exactly: 2) == Array("hi".utf8))
            next.close()
            try supervisor.waitForService("once", "listening") { $0.listeners[0].state == "listening" }
        }
    }
}
