import Glibc
import TestSupport
import Testing

/// examples/persistent-handlers/nio: an HTTP/1 server on SwiftNIO whose connections come from Baton.
@Suite struct NIOHandlerTests {
    private static let program = Repository.product("baton-nio-handler")

    /// Other sockets than TCP's cannot be held until DONE.
    private func table(_ directory: TemporaryDirectory, hold: String) -> String {
        """
        services:
          web:
            listen: ["127.0.0.1:0"\(hold == "ack" ? ", \"unix://\(directory.path("web.sock"))\"" : "")]
            handoff: {exec: [\(Self.program)], start: eager, hold: \(hold)}
          front: {listen: "127.0.0.1:0", handoff: {heartbeat: false, pass_to: [web]}}
        """
    }

    private func withExample(
        hold: String = "ack", _ body: (RunningSupervisor, TemporaryDirectory) throws -> Void
    ) throws {
        let directory = try TemporaryDirectory()
        try withSupervisor(table(directory, hold: hold), in: directory) { supervisor in
            try supervisor.waitForService("web", "ready") { $0.handlers.first?.status == "serving HTTP" }
            supervisor.markBaseline()
            try body(supervisor, directory)
        }
    }

    @Test("curl gets its answers, over TCP and Unix sockets, several on one connection", arguments: ["ack", "done"])
    func curl(_ hold: String) throws {
        try withExample(hold: hold) { supervisor, directory in
            let port = try supervisor.port("web")
            let site = "http://127.0.0.1:\(port)"
            let tcp = try runProgram("/usr/bin/curl", ["-s", "\(site)/one?x", "\(site)/two"])
            let lines = tcp.standardOutput.split(separator: "\n")
            #expect(lines.count == 2 && lines[0].hasPrefix("GET /one?x connection="))
            #expect(lines[0].contains(" client=127.0.0.1:"))
            #expect(lines[1].contains(lines[0].split(separator: " ")[2]), "the same connection")
            if hold == "ack" {
                let unix = try runProgram(
                    "/usr/bin/curl", ["-s", "--unix-socket", directory.path("web.sock"), "http://localhost/three"])
                #expect(unix.standardOutput.contains("GET /three ") && unix.standardOutput.contains("client=unix"))
            }
            try supervisor.waitForService("web", "ended") {
                $0.connections.ended == $0.connections.accepted && $0.connections.active == 0
            }
        }
    }

    @Test("drained bytes are the beginning of the stream")
    func drained() throws {
        try withExample { supervisor, _ in
            let front = try RegisteredHandler("front", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            try client.send("GET /drained HTTP/1.1\r\nHost: a\r\n")
            let baton = try front.receiveBaton()
            try front.acknowledge(baton.id)
            let head = try baton.socket.receive(exactly: 20)
            try front.pass(baton.id, to: "web", drained: head, baton.socket)
            #expect(try front.receivePassed(baton.id) == nil)
            baton.socket.close()
            try client.send("Connection: close\r\n\r\n")
            #expect(try client.receiveText().contains("GET /drained connection=\(baton.connection) "))
            front.die()
            try supervisor.waitForService("web", "ended") { $0.connections.ended == 1 }
        }
    }

    @Test("a drain closes connections between two requests, lets others finish, and the handler exits with 0")
    func drain() throws {
        try withExample { supervisor, _ in
            let port = try supervisor.port("web")
            let idle = try TestSocket.tcp(port: port)
            try idle.send("GET /one HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try idle.receiveLine().contains("200 OK"))
            let busy = try TestSocket.tcp(port: port)
            try busy.send("GET /two HTTP/1.1\r\n")
            let late = try TestSocket.tcp(port: port)
            try supervisor.waitForService("web", "taken") { $0.connections.handed_off == 3 }
            let restarted = try supervisor.baton("restart", "web")
            #expect(restarted.status == .exited(0), "\(restarted.standardError)")
            #expect(try idle.receiveText().contains("GET /one "))
            try late.send("GET /three HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try late.receiveText().contains("GET /three "), "and then it is closed")
            try busy.send("Host: a\r\n\r\n")
            #expect(try busy.receiveText().contains("GET /two "))
            let service = try supervisor.waitForService("web", "one handler") { $0.handlers.count == 1 }
            #expect(service.connections.cut == 0 && service.connections.ended == 3)
            supervisor.markBaseline()
        }
    }

    @Test("it keeps to the protocol in all that baton handler-test looks at")
    func conformance() throws {
        let run = try HandlerTestRun(
            [Self.program],
            exchange: ["--send", "GET /x HTTP/1.0\\r\\n\\r\\n", "--expect", "HTTP/1.0 200 OK\\r\\n"])
        #expect(run.seen == [:])
        #expect(run.status == .exited(0))
    }
}
