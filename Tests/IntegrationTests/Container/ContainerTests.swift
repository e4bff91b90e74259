import Foundation
import TestSupport
import Testing

/// The supervisor as pid 1 of a container.
@Suite(.enabled(if: MountNamespace.isAvailable))
struct ContainerTests {
    @Test("a root that cannot be written to: every kind of service is served, and it ends with status 0")
    func readOnlyRoot() throws {
        let once = "import socket; s = socket.socket(fileno=0); c = s.accept()[0]; c.sendall(c.recv(9))"
        let container = try Container(
            """
            services:
              echo: {listen: "127.0.0.1:0", internal: echo}
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              once: {listen: "127.0.0.1:0", wait: true, exec: [/usr/bin/python3, -c, "\(once)"]}
              app: {listen: "127.0.0.1:0", handoff: {exec: ["\(Repository.product("baton-task-handler"))", app]}}
              relay: {listen: "127.0.0.1:0", redirect: "unix:///run/target.sock"}
              target: {listen: "unix:///run/target.sock", internal: echo}
            """, after: "if touch /tmp/written 2>/dev/null; then exit 9; fi")
        #expect(container.supervisor.status("NSpid")?.hasSuffix("\t1") == true)
        for service in ["echo", "cat", "once", "relay"] {
            let client = try container.client(service)
            try client.send("hello")
            #expect(try client.receive(exactly: 5) == Array("hello".utf8), "\(service)")
        }
        let client = try container.client("app")
        try client.send("hello\n")
        #expect(try !client.receive().isEmpty)
        client.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: container.path("/run/baton")).contains("baton.pid"))
        try container.stop()
    }

    @Test("signals reach pid 1, which has no default for any: INT stops it, the others do what they do elsewhere")
    func signals() throws {
        let stubborn = "trap '' TERM; echo ready; while :; do read line || sleep 1; done"
        let container = try Container(
            """
            limits: {stop_timeout: 100ms}
            services:
              echo: {listen: "127.0.0.1:0", internal: echo}
              stubborn: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, "\(stubborn)"], stop_grace: unlimited}
            """)
        for number in [SIGUSR1, SIGHUP, SIGPIPE, SIGCHLD] { try container.signal(number) }
        let client = try container.client("stubborn")
        #expect(try client.receiveLine() == "ready")
        try container.signal(SIGINT)
        // Its group got TERM, which it ignores; the second signal means now.
        try container.log.wait(for: "stubborn", "sent TERM: stopping")
        #expect(container.supervisor.isAlive)
        try container.signal(SIGTERM)
        #expect(try container.wait() == .exited(0))
        #expect(try client.receive().isEmpty)
    }

    @Test("a table with faults: status 78 is the container's")
    func faults() throws {
        let container = try Container("services: {echo: {listen: 7, internal: ecko}}", waits: false)
        #expect(try container.wait() == .exited(78))
        #expect(container.log.text.contains("services.echo.internal"))
    }

    @Test("without /proc nothing works, and the first line says so", arguments: ["baton", "batond"])
    func noProc(program: String) throws {
        let directory = try TemporaryDirectory()
        let script = try MountNamespace.wrapped(program, after: "mount -t tmpfs tmpfs /proc", in: directory)
        let output = try runProgram(script, ["run", directory.path("t.yaml")])
        #expect(output.status == .exited(1))
        #expect(output.standardError == "\(program): /proc is not mounted\n")
    }

    @Test("orphans are collected, however many there are, and whoever made them; nobody waits for them")
    func orphans() throws {
        let container = try Container(
            """
            services:
              fork:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "i=0; while [ $i -lt 500 ]; do (/bin/true &) ; i=$((i+1)); done; echo done"]
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
            """)
        let flood = try (0..<4).map { _ in try container.client("fork") }
        for _ in 0..<20 {
            let client = try container.client("cat")
            try client.setTimeout(seconds: 5)
            try client.send("hello")
            #expect(try client.receive(exactly: 5) == Array("hello".utf8))
        }
        for client in flood { #expect(try client.receiveText() == "done\n") }
        // What is left are the supervisor's own launchers.
        #expect(eventually { container.supervisor.children.allSatisfy { $0.state != "Z" } })
        #expect(eventually { container.supervisor.children.map(\.name) == ["batond", "batond"] })
        let services = try container.status().services
        #expect(services.map(\.connections.ended) == [4, 20])
        try container.stop()
    }

    @Test("regression: the exit of an orphan is not taken for that of a handler that got the same number later")
    func reusedNumbers() throws {
        let directory = try TemporaryDirectory()
        // Opening it for writing blocks: while that spawn is under way, every exit might be of a child not yet known.
        try check("mkfifo") { mkfifo(directory.path("fifo"), 0o600) }
        let container = try Container(
            """
            services:
              hung: {listen: "127.0.0.1:0", exec: [/bin/cat], stderr: \(directory.path("fifo"))}
              fork:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "i=0; while [ $i -lt 1500 ]; do (: &) ; i=$((i+1)); done; echo done"]
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
            """, in: directory, after: "echo 400 >/proc/sys/kernel/pid_max || exit 9")
        _ = try container.client("hung")
        #expect(try container.client("fork").receiveText() == "done\n")
        var clients: [TestSocket] = []
        for _ in 0..<20 {
            let client = try container.client("cat")
            try client.send("hello")
            #expect(try client.receive(exactly: 5) == Array("hello".utf8))
            clients.append(client)
        }
        let connections = try container.status().service("cat").connections
        #expect(connections.active == 20)
        #expect(connections.ended == 0)
        clients.forEach { $0.close() }
        #expect(try eventually { try container.status().service("cat").connections.ended == 20 })
        try container.stop()
    }

    @Test("with a terminal (docker run -it): it is the log's, Ctrl-C stops, and no handler has it")
    func terminal() throws {
        let terminal = try PseudoTerminal()
        let container = try Container(
            "services: {cat: {listen: '127.0.0.1:0', exec: [/bin/cat]}}",
            after: "exec setsid --ctty \"$0\" \"$@\"", terminal: terminal.inner)
        #expect(container.supervisor.status("NSpid")?.hasSuffix("\t1") == true)
        let client = try container.client("cat")
        try client.send("hello")
        #expect(try client.receive(exactly: 5) == Array("hello".utf8))
        let handler = try #require(container.supervisor.children.first { $0.name == "cat" })
        #expect(handler.session == handler.pid)
        client.close()
        try terminal.type("\u{3}")
        #expect(try container.wait() == .exited(0))
        let said = try terminal.readAll()
        #expect(said.contains("baton: ready") && said.contains("stopping (SIGINT)"), "\(said)")
    }
}

/// A terminal (pty(7)) that is nobody's yet.
private final class PseudoTerminal {
    private let outer: Int32
    /// What a program has for its input and output.
    let inner: Int32

    init() throws {
        let outer = try check("open") { open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) }
        self.outer = outer
        var lock: Int32 = 0
        var number: Int32 = 0
        try check("TIOCSPTLCK") { ioctl(outer, 0x4004_5431, &lock) }
        try check("TIOCGPTN") { ioctl(outer, 0x8004_5430, &number) }
        inner = try check("open") { open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC) }
    }

    deinit { [outer, inner].forEach { close($0) } }

    func type(_ text: String) throws {
        let bytes = Array(text.utf8)
        try check("write") { write(outer, bytes, bytes.count) }
    }

    /// What was written to it.
    func readAll() throws -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while waitFor(POLLIN, on: outer, until: Deadline(seconds: 0)) {
            let count = try check("read") { read(outer, &buffer, buffer.count) }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
