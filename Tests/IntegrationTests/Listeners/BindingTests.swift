import Glibc
import TestSupport
import Testing

/// What a table's endpoints become.
@Suite struct BindingTests {
    private func echo(_ socket: TestSocket) throws -> Bool {
        try socket.send("ping")
        return try socket.receive(atMost: 4) == Array("ping".utf8)
    }

    @Test("a bare port is one dual-stack socket; tcp6:// is IPv6 only; tcp4:// IPv4 only")
    func addressFamilies() throws {
        let table = """
            services:
              both: {listen: 0, internal: echo}
              six: {listen: "tcp6://*:0", internal: echo}
              four: {listen: "tcp4://*:0", internal: echo}
            """
        try withSupervisor(table) { supervisor in
            let both = try supervisor.port("both")
            #expect(try supervisor.service("both").listeners.count == 1)
            #expect(try echo(.tcp(port: both)))
            #expect(try echo(.tcp(port: both, host: "::1")))
            let six = try supervisor.port("six")
            #expect(try echo(.tcp(port: six, host: "::1")))
            #expect(throws: (any Error).self) { try TestSocket.tcp(port: six) }
            let four = try supervisor.port("four")
            #expect(try echo(.tcp(port: four)))
            #expect(throws: (any Error).self) { try TestSocket.tcp(port: four, host: "::1") }
        }
    }

    @Test("Unix stream, datagram and seqpacket sockets and abstract names serve, with mode, owner and group set")
    func unixSockets() throws {
        let directory = try TemporaryDirectory()
        let abstract = "@baton-test-\(ProcessView.own.pid)-\(directory.path.suffix(6))"
        let table = """
            services:
              stream: {listen: {address: \(directory.path("s.sock")), mode: 0640, group: daemon}, internal: echo}
              datagram: {listen: "unix+dgram://\(directory.path("d.sock"))", internal: echo}
              packets: {listen: "unix+seqpacket://\(directory.path("p.sock"))", exec: [/bin/cat]}
              abstract: {listen: "\(abstract)", internal: echo}
            """
        try withSupervisor(table, in: directory) { supervisor in
            #expect(try echo(.unix(directory.path("s.sock"))))
            #expect(try echo(.unix(abstract)))
            #expect(try echo(.unix(directory.path("p.sock"), type: TestSocket.packets)))
            let datagram = try TestSocket(family: AF_UNIX, type: TestSocket.datagram)
            try datagram.bind(to: SocketName(unix: directory.path("answer.sock")))
            try datagram.connect(to: SocketName(unix: directory.path("d.sock")))
            #expect(try echo(datagram))
            var information = stat()
            try check("stat") { stat(directory.path("s.sock"), &information) }
            #expect(information.st_mode & 0o777 == 0o640)
            if geteuid() == 0 { #expect(information.st_gid == 1) }
        }
    }

    @Test("a socket file that nobody listens at is taken over")
    func staleSocket() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("stale.sock")
        let stale = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try stale.bind(to: SocketName(unix: path))
        stale.close()
        try withSupervisor("services: {echo: {listen: \(path), internal: echo}}", in: directory) { _ throws in
            #expect(try echo(.unix(path)))
        }
    }

    @Test("a socket that somebody listens at, and a file that is no socket, are left alone")
    func liveSocket() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("live.sock")
        let live = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try live.bind(to: SocketName(unix: path))
        try live.listen()
        try directory.write("file", "precious")
        let table = """
            services:
              live: {listen: \(path), internal: echo}
              file: {listen: \(directory.path("file")), internal: echo}
            """
        try withSupervisor(table, in: directory, leakCheck: false) { supervisor in
            #expect(try supervisor.service("live").listeners[0].state == "retrying")
            #expect(try supervisor.service("file").listeners[0].state == "retrying")
            #expect(try directory.read("file") == "precious")
            let client = try TestSocket.unix(path)
            try client.send("still mine")
            // The supervisor's own attempts to connect, which tell it that somebody listens, are in the backlog too.
            var received: [UInt8] = []
            while received.isEmpty { received = try live.accept().receive() }
            #expect(received == Array("still mine".utf8))
        }
    }

    @Test("vsock serves where the kernel has it, and is shown as retrying where not")
    func vsock() throws {
        let table = "services: {guest: {listen: 'vsock://*:0', internal: echo}, other: {listen: 0, internal: echo}}"
        try withSupervisor(table) { supervisor in
            let listener = try supervisor.service("guest").listeners[0]
            #expect(["listening", "retrying"].contains(listener.state))
            #expect(listener.protocol == "vsock")
            #expect(try echo(.tcp(port: supervisor.port("other"))))
        }
    }

    @Test("a taken port does not stop the others: it is shown as retrying and bound when it is free")
    func takenPort() throws {
        let holder = try TestSocket.bound(port: QuietPort.next())
        try holder.listen()
        let port = try holder.localPort
        let table = """
            services:
              taken: {listen: "127.0.0.1:\(port)", internal: echo}
              free: {listen: "127.0.0.1:0", internal: echo}
            """
        try withSupervisor(table, leakCheck: false) { supervisor in
            let listener = try supervisor.service("taken").listeners[0]
            #expect(listener.state == "retrying")
            #expect(listener.error?.isEmpty == false)
            #expect((listener.retry_seconds ?? -1) >= 0)
            #expect(try echo(.tcp(port: supervisor.port("free"))))
            #expect(try supervisor.baton("status").status == .exited(1), "something is not healthy")
            holder.close()
            try supervisor.waitForService("taken", "bound") { $0.listeners[0].state == "listening" }
            #expect(try echo(.tcp(port: port)))
            #expect(try supervisor.baton("status").status == .exited(0))
        }
    }

    @Test("--strict makes a taken port fatal at start, with the address named")
    func strict() throws {
        let holder = try TestSocket.bound()
        try holder.listen()
        let table = "services: {taken: {listen: '127.0.0.1:\(try holder.localPort)', internal: echo}}"
        let error = #expect(throws: RunningSupervisor.NotReady.self) {
            _ = try RunningSupervisor(table, options: ["--strict"])
        }
        #expect(error?.status == .exited(1))
        #expect(try error?.log.contains("127.0.0.1:\(holder.localPort)") == true)
    }

    @Test("a second supervisor in the same runtime directory exits 1 and leaves the first alone")
    func secondSupervisor() throws {
        let directory = try TemporaryDirectory()
        try withSupervisor("services: {echo: {listen: '127.0.0.1:0', internal: echo}}", in: directory) { supervisor in
            let second = try runProgram(
                Repository.product("baton"),
                ["run", "--runtime-directory", supervisor.runtimeDirectory, directory.path("baton.yaml")])
            #expect(second.status == .exited(1))
            #expect(second.standardError.contains(supervisor.runtimeDirectory))
            #expect(try echo(.tcp(port: supervisor.port("echo"))))
        }
    }

    @Test("disabled services are checked and not bound")
    func disabled() throws {
        let table = """
            services:
              off: {listen: "127.0.0.1:0", internal: echo, enabled: false}
              on: {listen: "127.0.0.1:0", internal: echo}
            """
        try withSupervisor(table) { supervisor throws in
            #expect(try supervisor.service("off").state == "disabled")
            #expect(try echo(.tcp(port: supervisor.port("on"))))
        }
    }
}
