import Foundation
import TestSupport
import Testing

/// Listeners in the service manager's keeping (`FileDescriptorStoreMax=`): what outlives the supervisor, and what does not.
@Suite struct KeptListenersTests {
    /// Of `echo`: nobody else takes it when it has been closed.
    private let port: UInt16

    init() throws { port = try QuietPort.next() }

    private func table(_ directory: TemporaryDirectory, more: String = "") -> String {
        let program = "import socket; s = socket.socket(fileno=0); c = s.accept()[0]; c.sendall(c.recv(9))"
        return """
            services:
              echo:
                listen: ["127.0.0.1:\(port)", "udp://127.0.0.1:0", "unix://\(directory.path)/echo.sock"]
                internal: echo
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              once: {listen: "127.0.0.1:0", wait: true, exec: [/usr/bin/python3, -c, "\(program)"]}
            \(more)
            """
    }

    /// The manager's copy is a child's too while another test spawns it.
    private static func expectClosed(_ port: UInt16) {
        #expect(eventually { (try? TestSocket.tcp(port: port)) == nil })
    }

    @Test("kill -9 loses no client: whoever came in between is served by the next one, by the same sockets")
    func crash() throws {
        let manager = try ServiceManager()
        let table = table(manager.directory)
        try manager.startAndWait(table)
        #expect(manager.kept.count == 5)
        let ports =
            try [0, 1].map { try manager.port("echo", listener: $0) } + [manager.port("cat"), manager.port("once")]
        var sockets = try manager.sockets()
        for _ in 0..<3 {
            try manager.crash()
            let clients = try [
                TestSocket.tcp(port: ports[0]), TestSocket.udp(port: ports[1]),
                TestSocket.unix(manager.directory.path("echo.sock")), TestSocket.tcp(port: ports[2]),
                TestSocket.tcp(port: ports[3]),
            ]
            for client in clients { try client.send("hello") }
            try manager.startAndWait(table)
            for client in clients { #expect(try client.receive(exactly: 5) == Array("hello".utf8)) }
            // The same five, and nothing given into keeping a second time.
            #expect(manager.kept.count == 5)
            let now = try manager.sockets()
            #expect(sockets.intersection(now).count == 5)
            sockets = now
            try manager.log.wait(for: "5 listeners taken over from the service manager")
        }
        try manager.stop()
    }

    @Test("a restart loses none either; what is stopped for good is closed")
    func restart() throws {
        let manager = try ServiceManager()
        let table = table(manager.directory)
        try manager.startAndWait(table)
        let (tcp, cat) = (try manager.port("echo"), try manager.port("cat"))
        try manager.stop()
        let waiting = try [TestSocket.tcp(port: tcp), TestSocket.unix(manager.directory.path("echo.sock"))]
        for client in waiting { try client.send("hello") }
        try manager.startAndWait(table)
        for client in waiting {
            #expect(try client.receive(exactly: 5) == Array("hello".utf8))
            client.close()
        }
        let stopped = try runProgram(
            Repository.product("baton"), ["stop", "echo", "--runtime-directory", manager.runtimeDirectory])
        #expect(stopped.status == .exited(0))
        for _ in 0..<3 { try manager.receive("FDSTOREREMOVE") { $0["FDSTOREREMOVE"] == "1" } }
        #expect(manager.kept.count == 2)
        Self.expectClosed(tcp)
        #expect(access(manager.directory.path("echo.sock"), F_OK) != 0)
        _ = try TestSocket.tcp(port: cat)
        try manager.stop()
    }

    @Test("what the table does not have any more is closed at the next start, by the manager too")
    func removed() throws {
        let manager = try ServiceManager()
        try manager.startAndWait(table(manager.directory))
        let (cat, echo) = (try manager.port("cat"), try manager.port("echo"))
        try manager.crash()
        try manager.startAndWait("services: {cat: {listen: '127.0.0.1:0', exec: [/bin/cat]}}")
        #expect(try manager.port("cat") == cat)
        #expect(manager.kept.count == 1)
        Self.expectClosed(echo)
        try manager.log.wait(for: "(127.0.0.1:\(echo)) that the service manager passed: no listener can use it")
        try manager.stop()
    }

    @Test("a listener that was shut down, or whose file is gone, is bound anew, and that one is kept")
    func unusable() throws {
        let manager = try ServiceManager()
        let table = table(manager.directory)
        try manager.startAndWait(table)
        let names = Set(manager.keptNames)
        try manager.crash()
        let cat = try #require(manager.kept.first { $0.name.hasSuffix(".cat") }?.socket.borrowed)
        try check("shutdown") { shutdown(cat.rawValue, Int32(SHUT_RDWR)) }
        try check("unlink") { unlink(manager.directory.path("echo.sock")) }
        try manager.startAndWait(table)
        #expect(manager.kept.count == 5)
        #expect(Set(manager.keptNames).intersection(names).count == 3)
        for client in try [
            TestSocket.tcp(port: manager.port("cat")), TestSocket.unix(manager.directory.path("echo.sock")),
        ] {
            try client.send("hello")
            #expect(try client.receive(exactly: 5) == Array("hello".utf8))
        }
        try manager.stop()
    }

    @Test("what the table says now of the file's mode and of the socket's options holds for one that is kept")
    func changedOptions() throws {
        let manager = try ServiceManager()
        let path = manager.directory.path("echo.sock")
        func table(_ mode: String, _ buffer: Int) -> String {
            "services: {echo: {listen: {address: 'unix://\(path)', mode: '\(mode)', receive_buffer: \(buffer)}, internal: echo}}"
        }
        try manager.startAndWait(table("0600", 8192))
        try manager.crash()
        try manager.startAndWait(table("0660", 16384))
        var status = stat()
        try check("stat") { stat(path, &status) }
        #expect(status.st_mode & 0o777 == 0o660)
        let socket = try #require(manager.kept.first?.socket.borrowed)
        var size: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        try check("getsockopt") { getsockopt(socket.rawValue, SOL_SOCKET, SO_RCVBUF, &size, &length) }
        // The kernel doubles it (socket(7)).
        #expect(size == 2 * 16384)
        #expect(manager.kept.count == 1)
        try manager.stop()
    }

    @Test("a manager that keeps nothing is asked for nothing; one that keeps too few is told of once")
    func limits() throws {
        let manager = try ServiceManager()
        try manager.startAndWait(table(manager.directory), environment: ["FDSTORE": "0"])
        #expect(manager.kept.isEmpty)
        try manager.stop()
        try manager.startAndWait(table(manager.directory), environment: ["FDSTORE": "3"])
        #expect(
            manager.log.text.components(separatedBy: "FileDescriptorStoreMax=3: there are more listeners").count == 2)
        try manager.stop()
    }
}
