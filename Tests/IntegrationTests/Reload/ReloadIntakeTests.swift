import Foundation
import Glibc
import TestSupport
import Testing

/// Connections that have not reached whoever serves them when the table changes.
@Suite struct ReloadIntakeTests {
    @Test("what sources hold stays counted, under the limit of the new table")
    func perSource() throws {
        func table(_ most: Int) -> String {
            "services: {app: {listen: \"127.0.0.1:0\", exec: /bin/cat, per_source: \(most)}}"
        }
        try withSupervisor(table(2)) { supervisor in
            let port = try supervisor.port("app")
            let clients = try (0..<2).map { _ in try TestSocket.tcp(port: port) }
            for client in clients { #expect(try client.ask() == "hello") }
            #expect(try TestSocket.tcp(port: port).receiveToEnd().isEmpty)
            try supervisor.reload(table(3))
            let third = try TestSocket.tcp(port: port)
            #expect(try third.ask() == "hello")
            try supervisor.reload(table(1))
            third.close()
            clients[0].close()
            try supervisor.waitForService("app", "one") { $0.connections.active == 1 }
            #expect(try TestSocket.tcp(port: port).receiveToEnd().isEmpty)
            clients[1].close()
            try supervisor.waitForService("app", "none") { $0.connections.active == 0 }
            #expect(try TestSocket.tcp(port: port).ask() == "hello")
            #expect(try supervisor.service("app").connections.refused == ["per_source": 2])
        }
    }

    @Test("a client that is being looked at gets the service that the new rules say")
    func route() throws {
        func table(_ name: String) -> String {
            """
            services:
              front:
                listen: "127.0.0.1:0"
                route: {timeout: unlimited, rules: [{match: {prefix: "to \(name)"}, to: \(name)}]}
              \(name): {exec: /bin/cat}
            """
        }
        try withSupervisor(table("one")) { supervisor in
            let port = try supervisor.port("front")
            let (silent, begun) = (try TestSocket.tcp(port: port), try TestSocket.tcp(port: port))
            try begun.send("to ")
            try supervisor.waitForService("front", "looked at") { $0.connections.active == 2 }
            try supervisor.reload(table("two"))
            #expect(try silent.ask("to two") == "to two")
            #expect(try begun.ask("two") == "to two")
            let status = try supervisor.status()
            #expect(try status.service("two").connections.accepted == 2)
            #expect(try status.service("front").connections.ended == 2)
        }
    }

    @Test("one that is undecided by the old rules and decided by the new ones is decided at once")
    func routeDecided() throws {
        func table(_ rules: String) -> String {
            """
            services:
              front: {listen: "127.0.0.1:0", route: {timeout: unlimited, rules: [\(rules)]}}
              cat: {exec: /bin/cat}
            """
        }
        try withSupervisor(table("{match: {prefix: 'hello there'}, to: cat}")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            try client.send("hello")
            try supervisor.waitForService("front", "looked at") { $0.connections.active == 1 }
            try supervisor.reload(table("{match: {prefix: 'hello'}, to: cat}"))
            #expect(try client.receive() == Array("hello".utf8))
        }
    }

    @Test("a PROXY header that has come in part is read to its end, and the client goes the new way")
    func proxyHeader() throws {
        func table(_ way: String) -> String {
            "services: {app: {listen: \"127.0.0.1:0\", proxy_protocol: {from: [127.0.0.1]}, \(way)}}"
        }
        try withSupervisor(table("handoff: {heartbeat: false}")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try client.send("PROXY TCP4 192.0.2.5 ")
            try supervisor.waitForService("app", "read") { $0.connections.queued == 1 }
            try supervisor.reload(table("exec: [/bin/sh, -c, 'read line; echo $line $REMOTE_ADDR']"))
            try client.send("198.51.100.9 4711 443\r\n")
            #expect(try client.ask() == "hello 192.0.2.5")
        }
    }

    @Test("a PROXY header on its way into a service that is removed is waited for, and its handler is there for it")
    func proxyHeaderOfRemoved() throws {
        let handler = Repository.path("Tests/Fixtures/supervised.py")
        let echo = "echo: {listen: \"127.0.0.1:0\", internal: echo}"
        let app = """
            app: {listen: "127.0.0.1:0", proxy_protocol: {from: [127.0.0.1]},
                handoff: {exec: [/usr/bin/python3, \(handler), echo], start: eager}}
            """
        try withSupervisor("services: {\(echo), \(app)}", leakCheck: false) { supervisor in
            try supervisor.waitForService("app", "ready") { $0.handlers.first?.state == "ready" }
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            try client.send("PROXY TCP4 192.0.2.5 ")
            try supervisor.waitForService("app", "read") { $0.connections.queued == 1 }
            try supervisor.reload("services: {\(echo)}")
            #expect(try supervisor.service("app").state == "draining")
            try client.send("198.51.100.9 4711 443\r\n")
            #expect(try client.ask().hasSuffix("hello"))
            #expect(try eventually { try supervisor.status().services.map(\.name) == ["echo"] })
        }
    }

    @Test("names of tcpmux, and services that a handler may pass to, are those of the new table")
    func names() throws {
        func table(_ name: String, _ passTo: String) -> String {
            """
            services:
              mux: {listen: "127.0.0.1:0", internal: tcpmux}
              cat: {exec: /bin/cat, tcpmux: "+\(name)"}
              echo: {internal: echo}
              app: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [\(passTo)]}}
            """
        }
        try withSupervisor(table("one", "cat")) { supervisor in
            let handler = try RegisteredHandler("app", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("app"))
            let baton = try handler.receiveBaton()
            try handler.acknowledge(baton.id)
            try supervisor.reload(table("two", "echo"))
            let mux = try supervisor.port("mux")
            #expect(try TestSocket.tcp(port: mux).ask("one\r").hasPrefix("-"))
            let named = try TestSocket.tcp(port: mux)
            #expect(try named.ask("two\r") == "+Go\r")
            #expect(try named.ask() == "hello")
            try handler.pass(baton.id, to: "cat", baton.socket)
            #expect(try handler.receivePassed(baton.id) == "passed")
            try handler.pass(baton.id, to: "echo", baton.socket)
            #expect(try handler.receivePassed(baton.id) == nil)
            #expect(try client.ask() == "hello")
            client.close()
            handler.die()
        }
    }

    @Test("redirect: who is connected stays where it is, and the next goes to the new target")
    func redirect() throws {
        let targets = try (0..<2).map { _ in
            let socket = try TestSocket.bound()
            try socket.listen()
            return socket
        }
        func table(_ target: Int) throws -> String {
            "services: {app: {listen: \"127.0.0.1:0\", redirect: \"127.0.0.1:\(try targets[target].localPort)\"}}"
        }
        try withSupervisor(try table(0)) { supervisor in
            let port = try supervisor.port("app")
            let first = (try TestSocket.tcp(port: port), try targets[0].accept())
            try supervisor.reload(try table(1))
            let second = (try TestSocket.tcp(port: port), try targets[1].accept())
            for (client, server) in [first, second] {
                try client.send("ping\n")
                #expect(try server.receiveLine() == "ping")
            }
        }
    }

    @Test("banner, busy_reply and log_on are those of the new table")
    func words() throws {
        func table(_ word: String) -> String {
            """
            services:
              app: {listen: "127.0.0.1:0", exec: /bin/cat, banner: "\(word)\\n", log_on: []}
              busy: {listen: "127.0.0.1:0", exec: /bin/cat, no_access: [127.0.0.1], busy_reply: "\(word)\\n"}
            """
        }
        try withSupervisor(table("one")) { supervisor in
            let ports = try ["app", "busy"].map { try supervisor.port($0) }
            for port in ports { #expect(try TestSocket.tcp(port: port).receiveLine() == "one") }
            try supervisor.reload(table("two"))
            for port in ports { #expect(try TestSocket.tcp(port: port).receiveLine() == "two") }
            try supervisor.reload(table("two").replacingOccurrences(of: "banner: \"two\\n\", ", with: ""))
            #expect(try TestSocket.tcp(port: ports[0]).ask() == "hello")
        }
    }
}
