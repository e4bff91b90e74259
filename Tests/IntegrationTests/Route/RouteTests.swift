import Foundation
import Glibc
import TestSupport
import Testing

/// route: a service is chosen by the first bytes, which stay in the connection.
@Suite(.serialized) struct RouteTests {
    private static let table = """
        services:
          front:
            listen: "127.0.0.1:0"
            instances: unlimited
            per_source: unlimited
            route:
              timeout: 300ms
              rules:
                - {match: ssh, to: sshd}
                - {match: {tls: {server_name: "*.example.org"}}, to: web}
                - {match: {http: {host: api.example.org, path: /v1}}, to: api}
                - {match: {prefix: "small"}, to: small}
                - {match: {prefix: "app"}, to: app}
                - {match: {prefix: "off"}, to: off}
              default: rest
          strict:
            listen: "127.0.0.1:0"
            route: {timeout: 300ms, max_bytes: 8, rules: [{match: {prefix: "a long beginning"}, to: rest}]}
          sshd: {exec: [/bin/sh, -c, "echo sshd; exec cat"]}
          web: {exec: [/bin/sh, -c, "echo web; exec cat"]}
          api: {exec: [/bin/sh, -c, "echo api; exec cat"]}
          rest: {exec: [/bin/sh, -c, "echo rest; exec cat"], instances: unlimited, per_source: unlimited}
          small: {exec: [/bin/cat], instances: 1}
          app: {handoff: {heartbeat: false}}
          off: {exec: [/bin/cat], enabled: false}
        """

    private func connect(
        _ supervisor: RunningSupervisor, _ service: String = "front", saying bytes: [UInt8]
    ) throws -> TestSocket {
        let client = try TestSocket.tcp(port: supervisor.port(service))
        if !bytes.isEmpty { try client.send(bytes) }
        return client
    }

    /// Closed without a byte: with what it said unread, that is a reset.
    private func expectRefused(_ client: TestSocket) throws {
        let bytes = try? client.receiveToEnd()
        #expect(bytes?.isEmpty ?? true)
    }

    /// A ClientHello with a server name.
    private static func hello(_ name: String) -> [UInt8] {
        func sized(_ bytes: [UInt8], _ size: Int) -> [UInt8] {
            (0..<size).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
        }
        let names = sized(sized([0] + sized(Array(name.utf8), 2), 2), 2)
        let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0] + sized([0, 0] + names, 2)
        return [22, 3, 1] + sized([1] + sized(body, 3), 2)
    }

    @Test(
        "the service that the first bytes ask for gets the connection, and all of the bytes",
        arguments: [
            (Array("SSH-2.0-test\r\n".utf8), "sshd"),
            (RouteTests.hello("www.example.org"), "web"),
            (RouteTests.hello("www.example.com"), "rest"),
            (Array("GET /v1/x HTTP/1.1\r\nHost: api.example.org\r\n\r\n".utf8), "api"),
            (Array("GET /v2/x HTTP/1.1\r\nHost: api.example.org\r\n\r\n".utf8), "rest"),
            (Array("anything\n".utf8), "rest"),
        ])
    func routed(bytes: [UInt8], service: String) throws {
        try withSupervisor(Self.table) { supervisor in
            let client = try connect(supervisor, saying: bytes)
            #expect(try client.receiveLine() == service)
            #expect(try client.receive(exactly: bytes.count) == bytes)
            try client.finishSending()
            #expect(try client.receiveToEnd().isEmpty)
            let target = try supervisor.waitForService(service, "ended") { $0.connections.ended == 1 }
            #expect(target.connections.accepted == 1)
            let front = try supervisor.service("front").connections
            #expect(front.accepted == 1 && front.ended == 1 && front.active == 0)
        }
    }

    @Test("who says nothing in time goes to the default, and so does half a beginning")
    func late() throws {
        try withSupervisor(Self.table) { supervisor in
            let silent = try connect(supervisor, saying: [])
            #expect(try silent.receiveLine() == "rest")
            let half = try connect(supervisor, saying: Array("SSH".utf8))
            #expect(try half.receiveLine() == "rest")
            #expect(try half.receive(exactly: 3) == Array("SSH".utf8))
            let closed = try connect(supervisor, saying: Array("SS".utf8))
            try closed.finishSending()
            #expect(try closed.receiveToEnd() == Array("rest\nSS".utf8))
            silent.close()
            half.close()
            try supervisor.waitForService("rest", "ended") { $0.connections.ended == 3 }
        }
    }

    @Test("without a default what matches nothing is refused; no more than max_bytes are looked at")
    func nowhere() throws {
        try withSupervisor(Self.table) { supervisor in
            for text in ["b", "a long beginning"] {
                try expectRefused(connect(supervisor, "strict", saying: Array(text.utf8)))
            }
            let gone = try connect(supervisor, "strict", saying: [])
            gone.close()
            let front = try supervisor.waitForService("strict", "settled") {
                $0.connections.accepted == 3 && $0.connections.active == 0
            }
            #expect(front.connections.refused["route"] == 2 && front.connections.ended == 1)
        }
    }

    @Test("the limits of the target apply, and never pause the front")
    func limits() throws {
        try withSupervisor(Self.table) { supervisor in
            let first = try connect(supervisor, saying: Array("small 1".utf8))
            #expect(try first.receive(exactly: 7) == Array("small 1".utf8))
            try expectRefused(connect(supervisor, saying: Array("small 2".utf8)))
            try expectRefused(connect(supervisor, saying: Array("off".utf8)))
            let other = try connect(supervisor, saying: Array("x".utf8))
            #expect(try other.receiveLine() == "rest")
            let front = try supervisor.service("front").connections
            #expect(front.refused["route"] == 2 && front.accepted == 4)
            #expect(try supervisor.service("small").connections.refused["instances"] == 1)
            first.close()
            other.close()
            try supervisor.waitForService("small", "ended") { $0.connections.ended == 1 }
        }
    }

    @Test("regression: a client that the target refuses is told so as the target's own are")
    func targetsManner() throws {
        let table = """
            services:
              front:
                listen: "127.0.0.1:0"
                busy_reply: "front\\n"
                route: {rules: [{match: {prefix: r}, to: resets}, {match: {prefix: s}, to: says}], default: plain}
              resets: {internal: echo, instances: 1, on_limit: reset, busy_reply: "never\\n"}
              says: {internal: echo, only_from: [], busy_reply: "target\\n"}
              plain: {internal: echo, only_from: []}
            """
        try withSupervisor(table) { supervisor in
            func client(_ text: String) throws -> TestSocket {
                let client = try TestSocket.tcp(port: supervisor.port("front"))
                try client.send(text)
                return client
            }
            let first = try client("r")
            #expect(try first.receive(exactly: 1) == [UInt8(ascii: "r")])
            #expect(try client("r").end() == .reset)
            #expect(try client("s").receiveToEnd() == Array("target\n".utf8))
            #expect(try client("p").receiveToEnd() == Array("front\n".utf8))
            #expect(try supervisor.service("front").connections.refused == ["route": 3])
        }
    }

    @Test("a thousand silent clients cost no time and keep nobody out; byte by byte works as well")
    func silent() throws {
        let table = Self.table.replacingOccurrences(of: "timeout: 300ms\n", with: "timeout: 1h\n")
        try withSupervisor(table) { supervisor in
            let crowd = try (0..<1000).map { _ in try connect(supervisor, saying: Array("S".utf8)) }
            try supervisor.waitForService("front", "all looked at") { $0.connections.active == 1000 }
            let before = try #require(supervisor.view.processorSeconds)
            let client = try connect(supervisor, saying: [])
            for byte in Array("GET /v1 HTTP/1.1\r\nHost: api.example.org\r\n".utf8) { try client.send([byte]) }
            #expect(try client.receiveLine() == "api")
            client.close()
            #expect(try #require(supervisor.view.processorSeconds) - before < 0.5)
            for client in crowd { client.close() }
            try supervisor.waitForService("front", "empty") { $0.connections.active == 0 }
        }
    }
}
