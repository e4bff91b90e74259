import TestSupport
import Testing

/// The environment of an exec'd handler: every convention's names, and nothing of the supervisor's own.
@Suite struct EnvironmentTests {
    private func environment(of client: TestSocket, at supervisor: RunningSupervisor) throws -> [String: String] {
        try client.send("x")
        _ = try client.receive(exactly: 1)
        return try supervisor.onlyHandler().environment
    }

    @Test("over TCP the names of systemd, UCSPI, xinetd and Baton say who talks to whom")
    func internetConventions() throws {
        let table = """
            services:
              cat: {listen: {address: "127.0.0.1:0", name: front}, exec: [/bin/cat]}
            """
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("cat")
            let client = try TestSocket.tcp(port: port)
            let environment = try environment(of: client, at: supervisor)
            let own = String(try client.localPort)
            #expect(environment["REMOTE_ADDR"] == "127.0.0.1")
            #expect(environment["REMOTE_PORT"] == own)
            #expect(environment["PROTO"] == "TCP")
            #expect(environment["TCPLOCALIP"] == "127.0.0.1")
            #expect(environment["TCPLOCALPORT"] == String(port))
            #expect(environment["TCPREMOTEIP"] == "127.0.0.1")
            #expect(environment["TCPREMOTEPORT"] == own)
            #expect(environment["REMOTE_HOST"] == "127.0.0.1")
            #expect(environment["SERVICE_NAME"] == "cat")
            #expect(environment["BATON_SERVICE"] == "cat")
            #expect(environment["BATON_LISTENER"] == "front")
            #expect(environment["BATON_CONNECTION"].flatMap { UInt64($0) } != nil)
            #expect(environment["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            #expect(environment["LISTEN_FDS"] == nil, "only style systemd hands descriptors over by number")
        }
    }

    @Test("IPv4 over a dual-stack socket is named as IPv4")
    func mappedAddresses() throws {
        let table = """
            services:
              cat: {listen: 0, exec: [/bin/cat]}
            """
        try withSupervisor(table) { supervisor in
            let environment = try environment(of: TestSocket.tcp(port: supervisor.port("cat")), at: supervisor)
            #expect(environment["REMOTE_ADDR"] == "127.0.0.1")
            #expect(environment["TCPREMOTEIP"] == "127.0.0.1")
            #expect(environment["TCPLOCALIP"] == "127.0.0.1")
        }
    }

    @Test("over a Unix socket the peer's credentials are named")
    func unixConventions() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("cat.sock")
        try withSupervisor("services: {cat: {listen: \(path), exec: [/bin/cat]}}", in: directory) { supervisor in
            let environment = try environment(of: TestSocket.unix(path), at: supervisor)
            #expect(environment["PROTO"] == "IPC")
            #expect(environment["IPCREMOTEEUID"] == ProcessView.own.effectiveUser)
            #expect(environment["IPCREMOTEEGID"] == ProcessView.own.effectiveGroup)
            #expect(environment["BATON_SERVICE"] == "cat")
            #expect(environment["TCPREMOTEIP"] == nil)
        }
    }

    @Test("nothing of the supervisor's own environment passes but what pass_env names; env is set")
    func onlyWhatWasAsked() throws {
        let table = """
            services:
              cat:
                listen: "127.0.0.1:0"
                exec: [/bin/cat]
                env: {COLOUR: green, EMPTY: ""}
                pass_env: [WANTED, NOT_THERE]
            """
        let own = ["WANTED": "yes", "SECRET": "no", "NOTIFY_SOCKET": "", "HOME": "/secret"]
        try withSupervisor(table, environment: own) { supervisor in
            let environment = try environment(of: TestSocket.tcp(port: supervisor.port("cat")), at: supervisor)
            #expect(environment["WANTED"] == "yes")
            #expect(environment["COLOUR"] == "green")
            #expect(environment["EMPTY"] == "")
            #expect(environment["SECRET"] == nil)
            #expect(environment["HOME"] == nil)
            #expect(environment["NOT_THERE"] == nil)
            let known = ["PATH", "PROTO", "REMOTE_", "TCP", "SERVICE_NAME", "BATON_", "WANTED", "COLOUR", "EMPTY"]
            let others = environment.keys.filter { name in !known.contains { name.hasPrefix($0) } }
            #expect(others.isEmpty)
        }
    }

    @Test("what was said of one listener is not said of the next, and `env` has the last word each time")
    func listenersInTurn() throws {
        let table = """
            services:
              cat:
                listen: [{address: "127.0.0.1:0", name: one}, {address: "127.0.0.2:0", name: two}]
                exec: [/bin/sh, -c, 'echo $BATON_LISTENER $TCPLOCALIP $TCPLOCALPORT $TCPREMOTEPORT $REMOTE_HOST $REMOTE_ADDR']
                env: {REMOTE_HOST: ours}
                pass_env: [REMOTE_ADDR]
            """
        try withSupervisor(table, environment: ["REMOTE_ADDR": "inherited"]) { supervisor in
            let ports = try supervisor.service("cat").listeners.map { listener in
                try #require(listener.address.split(separator: ":").last.flatMap { UInt16($0) })
            }
            for turn in [0, 1, 0, 0, 1] {
                let (name, host) = turn == 0 ? ("one", "127.0.0.1") : ("two", "127.0.0.2")
                let client = try TestSocket.tcp(port: ports[turn], host: host)
                let own = try client.localPort
                #expect(try client.receiveText() == "\(name) \(host) \(ports[turn]) \(own) ours 127.0.0.1\n")
            }
        }
    }

    @Test("style systemd: descriptor 3, LISTEN_FDS and LISTEN_PID, and /dev/null on 0")
    func systemdStyle() throws {
        let script = """
            import os, socket
            connection = socket.socket(fileno=3)
            e = os.environ
            own = e['LISTEN_PID'] == str(os.getpid())
            connection.sendall(f"{e['LISTEN_FDS']} {own} {e['LISTEN_FDNAMES']} {os.readlink('/proc/self/fd/0')}".encode())
            """
        let directory = try TemporaryDirectory()
        let program = try directory.write("handler.py", script)
        let table = """
            services:
              three: {listen: "127.0.0.1:0", style: systemd, exec: [/usr/bin/python3, \(program)]}
            """
        try withSupervisor(table, in: directory) { supervisor throws in
            #expect(try TestSocket.tcp(port: supervisor.port("three")).receiveText() == "1 True connection /dev/null")
        }
    }

    @Test("style ucspi: the connection on 0 and 1, the log on 2")
    func ucspiStyle() throws {
        let table = """
            services:
              ucspi:
                listen: "127.0.0.1:0"
                style: ucspi
                exec: [/bin/sh, -c, "echo to the log >&2; echo $PROTO $TCPREMOTEPORT"]
            """
        try withSupervisor(table) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("ucspi"))
            #expect(try client.receiveText() == "TCP \(client.localPort)\n")
            try supervisor.log.wait(for: "ucspi", "to the log")
        }
    }
}
