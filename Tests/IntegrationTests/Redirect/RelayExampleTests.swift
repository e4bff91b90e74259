import Foundation
import TestSupport
import Testing

/// examples/relay, with its targets in the test.
@Suite struct RelayExampleTests {
    @Test("examples/relay: relays to a port and to a Unix socket, and services by name")
    func relay() throws {
        let file = Repository.path("examples/relay/baton.yaml")
        let checked = try runProgram(Repository.product("baton"), ["check", file])
        #expect(checked.status == .exited(0), "\(checked.standardError)")

        let directory = try TemporaryDirectory()
        let web = try TestSocket.bound()
        try web.listen()
        let db = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try db.bind(to: SocketName(unix: directory.path("db.sock")))
        try db.listen()
        let table = try String(contentsOfFile: file, encoding: .utf8)
            .replacing(/127\.0\.0\.1:\d+/, with: "127.0.0.1:0")
            .replacing("localhost:7081", with: "localhost:\(try web.localPort)")
            .replacing("/tmp/baton-example/", with: directory.path(""))
        try withSupervisor(table, in: directory) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("web"))
            let server = try web.accept()
            #expect(try server.receiveLine().hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.1 "))
            try server.send("page")
            server.close()
            #expect(try client.receiveText() == "page")

            let query = try TestSocket.tcp(port: supervisor.port("db"))
            try query.send("select")
            let rows = try db.accept()
            #expect(try rows.receive(exactly: 6) == Array("select".utf8))
            rows.close()
            #expect(try query.receiveText().isEmpty)

            func named(_ name: String, _ rest: String = "") throws -> TestSocket {
                let client = try TestSocket.tcp(port: supervisor.port("mux"))
                try client.send("\(name)\r\n\(rest)")
                return client
            }
            #expect(try named("HELP").receiveText() == "daytime\r\nshout\r\nstore\r\n")
            #expect(try named("daytime").receiveText().hasPrefix("+Go\r\n"))
            let shout = try named("shout", "hello\n")
            try shout.finishSending()
            #expect(try shout.receiveText() == "+Go\r\nHELLO\n")
            let store = try named("store", "put")
            let stored = try db.accept()
            #expect(try stored.receive(exactly: 3) == Array("put".utf8))
            stored.close()
            #expect(try store.receiveText() == "+Go\r\n")
            store.close()
            try supervisor.waitForService("store", "ended") { $0.connections.active == 0 }
        }
    }
}
