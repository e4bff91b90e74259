import Foundation
import TestSupport
import Testing

/// `connections`: who is connected, wherever the connection is.
@Suite struct ConnectionsTests {
    private typealias Row = [String: Any]

    private func list(_ supervisor: RunningSupervisor, _ services: [String] = []) throws -> (rows: [Row], omitted: Int)
    {
        let result = try #require(
            try supervisor.control().result("connections", params: ["services": services]) as? [String: Any])
        return (try #require(result["connections"] as? [Row]), try #require(result["omitted"] as? Int))
    }

    @Test("a connection is found in every place where it can be, with who serves it")
    func places() throws {
        let target = try TestSocket.bound()
        try target.listen()
        let table = """
            services:
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              echo: {listen: "127.0.0.1:0", internal: echo}
              relay: {listen: "127.0.0.1:0", redirect: "127.0.0.1:\(try target.localPort)"}
              front: {listen: "127.0.0.1:0", route: {rules: [{match: {prefix: "in"}, to: echo}]}}
              header: {listen: "127.0.0.1:0", internal: echo, proxy_protocol: {from: [127.0.0.1]}}
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
              waiting: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
            """
        try withSupervisor(table) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            var clients: [String: TestSocket] = [:]
            for service in ["cat", "echo", "relay", "front", "header", "waiting"] {
                clients[service] = try TestSocket.tcp(port: try supervisor.port(service))
            }
            let held = try TestSocket.tcp(port: try supervisor.port("app"))
            let first = try handler.receiveBaton()
            try handler.acknowledge(first.id)
            let sent = try TestSocket.tcp(port: try supervisor.port("app"))
            let second = try handler.receiveBaton()
            let pid = try supervisor.onlyHandler().pid
            let peer = try target.accept()

            let expected = [
                "cat": "running", "echo": "internal", "relay": "relayed", "front": "routing", "header": "arriving",
                "waiting": "queued",
            ]
            var rows: [Row] = []
            #expect(
                try eventually {
                    rows = try list(supervisor).rows
                    return rows.contains { $0["state"] as? String == "held" }
                        && rows.contains { $0["state"] as? String == "relayed" }
                })
            for (service, state) in expected {
                let row = try #require(rows.first { $0["service"] as? String == service }, "\(service)")
                #expect(row["state"] as? String == state, "\(service)")
                #expect(row["peer"] as? String == "127.0.0.1:\(try #require(clients[service]).localPort)")
                #expect(row["listener"] as? String == service)
                #expect(try #require(row["age_seconds"] as? Double) >= 0)
                #expect(try #require(row["accepted"] as? String).hasSuffix("Z"))
                #expect(row["pid"] as? Int == (service == "cat" ? Int(pid) : nil))
                #expect(row["handler"] == nil)
            }
            let app = rows.filter { $0["service"] as? String == "app" }
            #expect(app.map { $0["state"] as? String } == ["held", "sent"])
            #expect(app.map { $0["id"] as? String } == ["\(first.connection)", "\(second.connection)"])
            #expect(app.allSatisfy { $0["handler"] as? String == "1" && $0["pid"] as? Int == Int(getpid()) })
            #expect(rows.count == 8)
            let ids = rows.compactMap { ($0["id"] as? String).flatMap { Int($0) } }
            #expect(ids == ids.sorted())
            #expect(try list(supervisor, ["cat"]).rows.count == 1)

            let table = try supervisor.baton("connections", "app", "cat").standardOutput
            #expect(table.contains("handler 1, pid \(getpid())") && table.contains("running"))
            #expect(table.split(separator: "\n").count == 4)
            #expect(try supervisor.baton("connections", "nobody").status == .exited(1))
            let json = try supervisor.baton("connections", "--json", "cat").standardOutput
            #expect(json.contains(#""omitted":0"#))

            for client in clients.values { client.close() }
            try handler.acknowledge(second.id)
            try handler.done(first.id, second.id)
            for socket in [held, sent, peer] { socket.close() }
            let late = try RegisteredHandler("waiting", at: supervisor)
            let third = try late.receiveBaton()
            try late.acknowledge(third.id)
            try late.done(third.id)
            #expect(try eventually { try list(supervisor).rows.isEmpty })
            #expect(try supervisor.baton("connections").standardOutput == "no connections\n")
            handler.die()
            late.die()
        }
    }

    @Test("the reply is bounded, and says how many it leaves out")
    func omitted() throws {
        let table = """
            services:
              echo: {listen: "127.0.0.1:0", internal: echo, instances: unlimited, per_source: unlimited}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("echo")
            let clients = try (0..<520).map { _ in try TestSocket.tcp(port: port) }
            try supervisor.waitForService("echo", "all") { $0.connections.active == 520 }
            let (rows, omitted) = try list(supervisor)
            #expect(rows.count == 500 && omitted == 20)
            #expect(try supervisor.baton("connections").standardOutput.contains("and 20 more that are not shown"))
            clients.forEach { $0.close() }
            try supervisor.waitForService("echo", "none") { $0.connections.active == 0 }
        }
    }
}
