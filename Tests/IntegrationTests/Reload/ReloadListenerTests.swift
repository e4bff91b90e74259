import Foundation
import Glibc
import TestSupport
import Testing

/// What a reload does with sockets that are bound.
@Suite struct ReloadListenerTests {
    /// Answers with `word`, and what it read of the socket options.
    private static func options(in directory: TemporaryDirectory) throws -> String {
        let program = try directory.write(
            "options.py",
            """
            import socket
            connection = socket.socket(fileno=0)
            tcp, level = socket.IPPROTO_TCP, socket.SOL_SOCKET
            values = [connection.getsockopt(level, socket.SO_KEEPALIVE), connection.getsockopt(tcp, socket.TCP_KEEPIDLE),
                      connection.getsockopt(tcp, socket.TCP_NODELAY), connection.getsockopt(level, socket.SO_PRIORITY),
                      connection.getsockopt(socket.IPPROTO_IP, socket.IP_TOS),
                      connection.getsockopt(tcp, socket.TCP_CONGESTION, 16).rstrip(b'\\0').decode()]
            connection.sendall((' '.join(str(value) for value in values) + '\\n').encode())
            """)
        return "exec: [/usr/bin/python3, \(program)]"
    }

    /// The longest queue that the kernel keeps for a listener, by `ss`.
    private func backlog(of port: UInt16) throws -> Int? {
        let output = try runProgram("ss", ["-Hltn", "sport = :\(port)"]).standardOutput
        return output.split(separator: " ").dropFirst(2).first.flatMap { Int($0) }
    }

    @Test("regression: a listener that a paused service gives away is not held by the pause")
    func pausedGivesAway() throws {
        let directory = try TemporaryDirectory()
        let (first, second) = (directory.path("first"), directory.path("second"))
        try withSupervisor(
            "services: {one: {listen: \"\(first)\", internal: echo}}", in: directory, leakCheck: false
        ) { supervisor in
            #expect(try supervisor.baton("pause", "one").status == .exited(0))
            let client = try TestSocket.unix(first)
            try supervisor.reload(
                """
                services:
                  one: {listen: "\(second)", internal: echo}
                  two: {listen: "\(first)", internal: echo}
                """)
            #expect(try client.ask() == "hello")
            client.close()
            #expect(try supervisor.status().services.map(\.state) == ["paused", "ready"])
            #expect(try supervisor.service("one").listeners.map(\.state) == ["paused"])
            #expect(try supervisor.baton("resume", "one").status == .exited(0))
            let other = try TestSocket.unix(second)
            #expect(try other.ask() == "hello")
            other.close()
            for name in ["one", "two"] { try supervisor.waitForService(name, "done") { $0.connections.active == 0 } }
        }
    }

    @Test("options change on the bound socket, and go back to what they were when the table no longer says them")
    func options() throws {
        let directory = try TemporaryDirectory()
        let program = try Self.options(in: directory)
        func table(_ options: String) -> String {
            "services: {app: {listen: {address: \"127.0.0.1:0\"\(options)}, \(program)}}"
        }
        try withSupervisor(table(""), in: directory) { supervisor in
            let port = try supervisor.port("app")
            let listeners = supervisor.listeners(at: port)
            let plain = try TestSocket.tcp(port: port).receiveLine()
            let answer = try supervisor.reload(
                table(", backlog: 17, keep_alive: {idle: 77s}, no_delay: true, tos: 16, priority: 5, congestion: reno"))
            let change = try answer.change(of: "app")
            #expect(
                change.keys == [
                    "socket.backlog", "socket.priority", "socket.tos", "socket.keep_alive", "socket.no_delay",
                    "socket.congestion",
                ])
            #expect(change.notes.isEmpty, "\(change.notes)")
            #expect(try TestSocket.tcp(port: port).receiveLine() == "1 77 1 5 16 reno")
            #expect(try backlog(of: port) == 17)
            // tos alone would take priority away.
            try supervisor.reload(table(", tos: 8, priority: 5"))
            #expect(try TestSocket.tcp(port: port).receiveLine().split(separator: " ")[3...4] == ["5", "8"])
            #expect(try supervisor.reload(table("")).change(of: "app").notes.isEmpty)
            #expect(try TestSocket.tcp(port: port).receiveLine() == plain)
            #expect(try backlog(of: port) == 4096)
            #expect(supervisor.listeners(at: port) == listeners)
        }
    }

    @Test("what the kernel does not take back on a bound socket is said, and the socket stays")
    func refused() throws {
        func table(_ options: String) -> String {
            "services: {app: {listen: {address: \"127.0.0.1:0\"\(options)}, internal: echo}}"
        }
        try withSupervisor(table(", receive_buffer: 64KiB")) { supervisor in
            let port = try supervisor.port("app")
            let change = try supervisor.reload(table("")).change(of: "app")
            #expect(change.notes.count == 1)
            #expect(
                change.notes[0].hasPrefix("127.0.0.1:\(port): receive_buffer (SO_RCVBUF): ")
                    && change.notes[0].hasSuffix("it goes on as it was bound"), "\(change.notes)")
            #expect(try TestSocket.tcp(port: port).ask() == "hello")
        }
    }

    @Test("mode and owner of a socket's file change; a name that is not said any more goes back to what bind makes")
    func file() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("s.sock")
        func table(_ options: String) -> String {
            "services: {app: {listen: {address: \"\(path)\"\(options)}, internal: echo}}"
        }
        func status() throws -> stat {
            var information = stat()
            try check("stat") { stat(path, &information) }
            return information
        }
        try withSupervisor(table(""), in: directory) { supervisor in
            let before = (try status(), supervisor.listeners(at: path))
            try supervisor.reload(table(", mode: 0600, owner: 1, group: 1"))
            let now = try status()
            #expect(now.st_mode & 0o777 == 0o600 && now.st_uid == 1 && now.st_gid == 1)
            try supervisor.reload(table(""))
            let after = try status()
            #expect(after.st_mode == before.0.st_mode && after.st_uid == geteuid() && after.st_gid == getegid())
            #expect(after.st_ino == before.0.st_ino && supervisor.listeners(at: path) == before.1)
        }
    }

    @Test("an endpoint that another service has now takes its socket along, and who waits there")
    func moved() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("s.sock")
        let old = """
            services:
              one: {listen: "\(path)", exec: /bin/cat, instances: 1}
              two: {listen: "127.0.0.1:0", internal: echo}
            """
        let new = """
            services:
              one: {listen: "127.0.0.1:0", exec: /bin/cat, instances: 1}
              two: {listen: ["127.0.0.1:0", "\(path)"], internal: echo}
            """
        try withSupervisor(old, in: directory, leakCheck: false) { supervisor in
            let listener = supervisor.listeners(at: path)
            let first = try TestSocket.unix(path)
            #expect(try first.ask() == "hello")
            let second = try TestSocket.unix(path)
            try second.send("waited\n")
            try supervisor.waitForService("one", "full") { $0.listeners[0].state == "paused" }
            let answer = try supervisor.reload(new)
            let taken = try answer.change(of: "two").listeners
            #expect(taken?.map(\.change) == ["taken_over"] && taken?.first?.from == "one")
            #expect(try answer.change(of: "one").listeners?.map(\.change) == ["added"])
            #expect(try second.receiveLine() == "waited")
            #expect(supervisor.listeners(at: path) == listener)
            #expect(try first.ask("still") == "still")
            let counts = try supervisor.status()
            #expect(try counts.service("one").connections.accepted == 1)
            #expect(try counts.service("two").connections.accepted == 1)
        }
    }

    @Test("who waits at a listener that goes is served before it is closed")
    func lastOnes() throws {
        let directory = try TemporaryDirectory()
        func table(_ name: String) -> String {
            "services: {app: {listen: \"\(directory.path(name))\", exec: /bin/cat}}"
        }
        try withSupervisor(table("a.sock"), in: directory, leakCheck: false) { supervisor in
            // The reload itself is what it does next: what has come meanwhile is in the backlog.
            try supervisor.rewrite(table("b.sock"))
            try ProcessView(pid: supervisor.process.pid).stop()
            try supervisor.process.signal(SIGHUP)
            let clients = try (0..<3).map { _ in try TestSocket.unix(directory.path("a.sock")) }
            try supervisor.process.signal(SIGCONT)
            for client in clients { #expect(try client.ask() == "hello") }
            try supervisor.log.wait(for: "reloaded")
            #expect(throws: (any Error).self) { try TestSocket.unix(directory.path("a.sock")) }
            #expect(try TestSocket.unix(directory.path("b.sock")).ask() == "hello")
        }
    }

    @Test("for whom there is no room at a listener that goes, that is said")
    func lost() throws {
        let directory = try TemporaryDirectory()
        func table(_ name: String) -> String {
            "services: {app: {listen: \"\(directory.path(name))\", exec: /bin/cat, instances: 1}}"
        }
        try withSupervisor(table("a.sock"), in: directory, leakCheck: false) { supervisor in
            let first = try TestSocket.unix(directory.path("a.sock"))
            #expect(try first.ask() == "hello")
            let second = try TestSocket.unix(directory.path("a.sock"))
            try supervisor.waitForService("app", "full") { $0.listeners[0].state == "paused" }
            let notes = try supervisor.reload(table("b.sock")).change(of: "app").notes
            #expect(
                notes == [
                    "\(directory.path("a.sock")) was closed with clients in its backlog, for whom there was no room"
                ])
            // A Unix-domain socket that was never accepted is reset.
            #expect(throws: (any Error).self) { try second.ask() }
            #expect(try first.ask("still") == "still")
        }
    }

    @Test("an address that includes the old one, or the other way round, is bound in the same moment")
    func overlapping() throws {
        let port = try QuietPort.next()
        func table(_ address: String) -> String {
            "services: {app: {listen: \"\(address):\(port)\", internal: echo}}"
        }
        try withSupervisor(table("127.0.0.1"), leakCheck: false) { supervisor in
            for address in ["*", "127.0.0.1", "tcp6://*", "tcp4://*"] {
                let change = try supervisor.reload(table(address)).change(of: "app")
                #expect(change.listeners?.map(\.change) == ["added", "removed"], "\(address)")
                #expect(try supervisor.service("app").listeners.map(\.state) == ["listening"])
                let host = address.contains("6") ? "::1" : "127.0.0.1"
                #expect(try TestSocket.tcp(port: port, host: host).ask() == "hello")
            }
        }
    }

    @Test("a socket of another kind at the same path takes its place")
    func otherKind() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("s.sock")
        func table(_ scheme: String) -> String {
            "services: {app: {listen: \"\(scheme)://\(path)\", exec: /bin/cat}}"
        }
        try withSupervisor(table("unix"), in: directory) { supervisor in
            try supervisor.reload(table("unix+seqpacket"))
            #expect(try supervisor.service("app").listeners[0].state == "listening")
            let client = try TestSocket.unix(path, type: TestSocket.packets)
            try client.send("x")
            #expect(try client.receive() == Array("x".utf8))
        }
    }

    @Test("an endpoint that cannot be bound stops nothing: it is retried, and at once by the next reload")
    func retrying() throws {
        let taken = try TestSocket.bound(port: QuietPort.next())
        try taken.listen()
        let port = try taken.localPort
        let old = "services: {echo: {listen: \"127.0.0.1:0\", internal: echo}}"
        let new = "\(old.dropLast()), app: {listen: \"127.0.0.1:\(port)\", internal: echo}}"
        try withSupervisor(old, leakCheck: false) { supervisor in
            let answer = try supervisor.reload(new)
            #expect(answer.added == ["app"])
            #expect(try supervisor.service("app").listeners[0].state == "retrying")
            taken.close()
            #expect(try supervisor.reload(new).isEmpty)
            #expect(try supervisor.service("app").listeners[0].state == "listening")
            #expect(try TestSocket.tcp(port: port).ask() == "hello")
        }
    }

    @Test("an internal service's datagram port is known for what it is after it has moved")
    func internalPorts() throws {
        let port = try QuietPort.next()
        func table(_ echo: String, _ chargen: String) -> String {
            """
            services:
              echo: {listen: [\(echo)], internal: echo}
              chargen: {listen: [\(chargen)], internal: chargen}
            """
        }
        let (fixed, free) = ("\"udp://127.0.0.1:\(port)\"", "\"udp://127.0.0.1:0\"")
        try withSupervisor(table("\(fixed), \(free)", free), leakCheck: false) { supervisor in
            let client = try TestSocket.udp(port: port)
            try client.send("ping")
            #expect(try client.receive() == Array("ping".utf8))
            try supervisor.reload(table(free, "\(fixed), \(free)"))
            try client.send("ping")
            #expect(try client.receive().count == 4)
            #expect(try supervisor.service("chargen").listeners.map(\.state) == ["listening", "listening"])
        }
    }
}
