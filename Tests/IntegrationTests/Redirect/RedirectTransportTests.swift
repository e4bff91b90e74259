import Glibc
import TestSupport
import Testing

/// redirect between kinds of sockets, and with PROXY headers on either side.
@Suite(.serialized) struct RedirectTransportTests {
    @Test("Unix sockets on both sides, by file and by abstract name", arguments: ["unix", "abstract"])
    func unix(kind: String) throws {
        let directory = try TemporaryDirectory()
        let name = kind == "unix" ? directory.path("t.sock") : "@baton-redirect-\(getpid())"
        let target = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try target.bind(to: SocketName(unix: name))
        try target.listen()
        let table = "services: {r: {listen: '\(directory.path("l.sock"))', redirect: '\(name)'}}"
        try withSupervisor(table, in: directory) { supervisor in
            let client = try TestSocket.unix(directory.path("l.sock"))
            let server = try target.accept()
            let there = noise(3 << 20, seed: 5)
            let back = noise(2 << 20, seed: 6)
            var exchange = Exchange(client, sending: there, server, sending: back)
            let got = try exchange.run()
            let isSame = got.one == back && got.other == there
            #expect(isSame)
        }
    }

    @Test("from TCP to a Unix socket and back")
    func mixed() throws {
        let directory = try TemporaryDirectory()
        let target = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try target.bind(to: SocketName(unix: directory.path("t.sock")))
        try target.listen()
        let table = "services: {r: {listen: '127.0.0.1:0', redirect: '\(directory.path("t.sock"))', send_proxy: v1}}"
        try withSupervisor(table, in: directory) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("r"))
            let server = try target.accept()
            let line = try server.receiveLine()
            let local = try client.localPort
            #expect(line == "PROXY TCP4 127.0.0.1 127.0.0.1 \(local) \(try supervisor.port("r"))\r")
            let there = noise(5 << 20, seed: 7)
            var exchange = Exchange(client, sending: there, server, sending: there)
            let got = try exchange.run()
            let isSame = got.one == there && got.other == there
            #expect(isSame)
        }
    }

    @Test("descriptors that a Unix client passes are no bytes: the connection is broken off, and none is kept")
    func descriptors() throws {
        let directory = try TemporaryDirectory()
        let target = try listening()
        let table =
            "services: {r: {listen: '\(directory.path("l.sock"))', redirect: '127.0.0.1:\(try target.localPort)'}}"
        try withSupervisor(table, in: directory) { supervisor in
            let client = try TestSocket.unix(directory.path("l.sock"))
            let server = try target.accept()
            try client.send("plain")
            #expect(try server.receive(exactly: 5) == Array("plain".utf8))
            try client.pass(descriptor: client.descriptor, with: "x")
            #expect(server.readFails(with: ECONNRESET))
            try supervisor.waitForService("r", "ended") { $0.connections.ended == 1 }
        }
    }

    @Test("send_proxy: v2 names the client and what it connected to")
    func proxyVersion2() throws {
        let target = try listening()
        try withSupervisor(redirectTable(target, ", send_proxy: v2")) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("r"))
            let server = try target.accept()
            try client.send("then this")
            let header = try server.receive(exactly: 28)
            let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
            let port = try client.localPort
            let listener = try supervisor.port("r")
            #expect(
                header == signature + [0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1]
                    + [UInt8(port >> 8), UInt8(port & 255), UInt8(listener >> 8), UInt8(listener & 255)])
            #expect(try server.receive(exactly: 9) == Array("then this".utf8))
        }
    }

    @Test("behind a proxy the target is told of the true client, not of the proxy")
    func proxyChain() throws {
        let target = try listening()
        try withSupervisor(redirectTable(target, ", send_proxy: v1, proxy_protocol: {from: [127.0.0.1]}")) {
            supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("r"))
            try client.send("PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\nGET /")
            let server = try target.accept()
            #expect(try server.receiveLine() == "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r")
            #expect(try server.receive(exactly: 5) == Array("GET /".utf8))
        }
    }
}
