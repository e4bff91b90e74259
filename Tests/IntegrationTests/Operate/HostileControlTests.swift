import Foundation
import LinuxSystem
import TestSupport
import Testing

/// Clients of the control socket that mean no good: the supervisor goes on, and so do its own clients.
@Suite struct HostileControlTests {
    private static let table = """
        control: {group: games}
        services:
          cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
          echo: {listen: "127.0.0.1:0", internal: echo, per_source: unlimited}
        """

    private func connect(_ supervisor: RunningSupervisor) throws -> TestSocket {
        try TestSocket.unix(supervisor.runtimeDirectory + "/control.sock")
    }

    /// Serves a connection while whatever was begun goes on.
    private func expectService(_ supervisor: RunningSupervisor, _ port: UInt16) throws {
        let client = try TestSocket.tcp(port: port)
        try client.send("x")
        #expect(try client.receive(exactly: 1) == [0x78])
    }

    /// Runs a Python program as a member of the group that may look, without waiting for it. `control` is the socket's
    /// path there.
    private func stranger(_ supervisor: RunningSupervisor, uid: Int = 12_345, _ program: String) throws -> TestProcess {
        let script = try supervisor.directory.write("stranger-\(uid).py", program)
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        let output = try check("open") {
            open(supervisor.directory.path("stranger-\(uid).out"), O_CREAT | O_WRONLY | O_CLOEXEC, 0o644)
        }
        defer { close(output) }
        return try TestProcess(
            "/usr/bin/setpriv",
            [
                "--reuid=\(uid)", "--regid=games", "--clear-groups", "/usr/bin/env", "python3", script,
                supervisor.runtimeDirectory + "/control.sock",
            ], descriptors: [null, output, output])
    }

    @Test("members of the group may look, and nothing else; refusals do not fill the log", .enabled(if: getuid() == 0))
    func group() throws {
        try withSupervisor(Self.table) { supervisor in
            let program = """
                import json, socket, sys
                control = socket.socket(socket.AF_UNIX)
                control.connect(sys.argv[1])
                lines = control.makefile()
                def ask(method, **params):
                    control.sendall(json.dumps({'method': method, 'params': params}).encode() + b'\\n')
                    reply = json.loads(lines.readline())
                    return reply.get('error', {}).get('code', 'fine')
                for method in ('status', 'connections'):
                    print(method, ask(method))
                for method in ('pause', 'resume', 'restart', 'stop'):
                    print(method, ask(method, services=['cat']))
                for _ in range(100):
                    ask('stop')
                print('events', ask('events', level='notice'))
                while json.loads(lines.readline())['event'] != 'end':
                    pass
                """
            let process = try stranger(supervisor, program)
            #expect(try process.wait() == .exited(0))
            let said = try supervisor.directory.read("stranger-12345.out")
            #expect(
                said == """
                    status fine
                    connections fine
                    pause not_allowed
                    resume not_allowed
                    restart not_allowed
                    stop not_allowed
                    events fine

                    """)
            #expect((1...10).contains(supervisor.log.lines.count { $0.contains("uid 12345") }))
        }
    }

    @Test("strangers that take every place do not push out the supervisor's own clients", .enabled(if: getuid() == 0))
    func crowd() throws {
        // The service that is stopped takes its listener with it.
        try withSupervisor(Self.table, leakCheck: false) { supervisor in
            let port = try supervisor.port("cat")
            let before = supervisor.view.descriptors.count
            let working = try TestSocket.tcp(port: port)
            try working.send("a")
            _ = try working.receive(exactly: 1)
            // One that waits for an answer, one that follows, one that is quiet.
            let waiting = try connect(supervisor)
            try waiting.send(#"{"method":"stop","params":{"services":["cat"],"drain":"10m"},"id":7}"# + "\n")
            try supervisor.waitForService("cat", "draining") { $0.state == "draining" }
            let following = try EventStream(supervisor, ["follow": true])
            let quiet = try connect(supervisor)

            let program = """
                import socket, sys
                kept = []
                for round in range(300):
                    control = socket.socket(socket.AF_UNIX)
                    control.connect(sys.argv[1])
                    kept.append(control)
                    try:
                        control.sendall((b'{"method":"events","params":{"follow":true}}\\n', b'{"method":"status"}\\n' * 20,
                                         b'{"method":', b'')[round % 4])
                    except OSError:
                        pass
                print('there', flush=True)
                while True:
                    try:
                        kept[-1].sendall(b'{"method":"status"}\\n')
                        kept[-1].recv(65536)
                    except OSError:
                        kept[-1] = socket.socket(socket.AF_UNIX)
                        kept[-1].connect(sys.argv[1])
                """
            let strangers = try (0..<6).map { try stranger(supervisor, uid: 20_000 + $0, program) }
            for index in 0..<6 {
                let output = supervisor.directory.path("stranger-\(20_000 + index).out")
                let said = { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
                #expect(eventually { said() == "there\n" }, "\(said())")
            }
            let echo = try supervisor.port("echo")
            for _ in 0..<20 { try expectService(supervisor, echo) }
            try following.next("ended") { $0["service"] as? String == "echo" }
            try quiet.send(#"{"method":"status","id":3}"# + "\n")
            #expect(quiet.isReadable(within: 10))
            working.close()
            #expect(try waiting.receiveLine() == #"{"result":{"stopped":["cat"]},"id":7}"#)
            #expect(supervisor.view.descriptors.count < 120)
            for process in strangers {
                try process.signal(SIGKILL)
                try process.wait()
            }
            for client in [waiting, quiet] { client.close() }
            try following.finish()
            // cat's listener has gone; the two sockets through which its programs write to the log have come.
            #expect(eventually { supervisor.view.descriptors.count == before + 1 })
        }
    }

    @Test("regression: with no descriptor left the supervisor still tells its own people how it is")
    func noDescriptors() throws {
        try withSupervisor("services: {cat: {listen: '127.0.0.1:0', exec: /bin/cat}}") { supervisor in
            let pid = supervisor.process.pid
            let limit = try ResourceLimits.openFiles(of: pid)
            let most = supervisor.view.descriptors.keys.max() ?? 0
            // Clients that say nothing take the numbers that are free below.
            var others: [TestSocket] = []
            while let free = (0...most).first(where: { supervisor.view.descriptors[$0] == nil }) {
                others.append(try TestSocket.unix("\(supervisor.runtimeDirectory)/control.sock"))
                #expect(eventually { supervisor.view.descriptors[free] != nil })
            }
            try ResourceLimits.setOpenFiles(.init(soft: UInt64(most) + 1, hard: limit.hard), of: pid)
            for _ in 0..<3 { #expect(try supervisor.baton("status").status == .exited(0)) }
            try ResourceLimits.setOpenFiles(limit, of: pid)
            let client = try TestSocket.tcp(port: supervisor.port("cat"))
            try client.send("x")
            #expect(try client.receive(exactly: 1) == Array("x".utf8))
        }
    }

    @Test("a thousand requests at once, by one that has stopped sending, are all answered, and connections in between")
    func pipelining() throws {
        try withSupervisor(Self.table) { supervisor in
            let port = try supervisor.port("echo")
            let client = try connect(supervisor)
            let requests = (0..<1000).map { #"{"method":"status","params":{"services":["cat"]},"id":\#($0)}"# + "\n" }
            let reader = try connect(supervisor)
            var answered = 0
            // Nobody reads while this is sent: what does not fit waits in the socket.
            for part in stride(from: 0, to: 1000, by: 100) {
                try client.send(requests[part..<(part + 100)].joined())
                try expectService(supervisor, port)
                for id in part..<(part + 100) {
                    #expect(try client.receiveLine().hasSuffix(#""id":\#(id)}"#))
                    answered += 1
                }
            }
            #expect(answered == 1000)
            try client.finishSending()
            #expect(try client.receiveToEnd().isEmpty)
            reader.close()
        }
    }

    @Test("clients that ask and never read hold a bounded share of memory, and no time of others")
    func neverReading() throws {
        let many = (0..<200).map { "  s\($0): {listen: \"127.0.0.1:0\", internal: discard}" }.joined(separator: "\n")
        try withSupervisor(Self.table + "\n" + many) { supervisor in
            let port = try supervisor.port("echo")
            let before = try #require(supervisor.view.residentKilobytes)
            let clients = try (0..<64).map { _ in try connect(supervisor) }
            for client in clients {
                try client.send(String(repeating: #"{"method":"status"}"# + "\n", count: 400))
                try client.send(#"{"method":"sta"#)
            }
            for _ in 0..<20 { try expectService(supervisor, port) }
            let grown = try #require(supervisor.view.residentKilobytes) - before
            #expect(grown < 64 * 1024, "\(grown) KiB")
            clients.forEach { $0.close() }
            try expectService(supervisor, port)
        }
    }

    @Test("a client that closes in the middle of a reply, or of its own line, costs nobody anything")
    func closing() throws {
        let many = (0..<200).map { "  s\($0): {listen: \"127.0.0.1:0\", internal: discard}" }.joined(separator: "\n")
        try withSupervisor(Self.table + "\n" + many) { supervisor in
            for round in 0..<100 {
                let client = try connect(supervisor)
                switch round % 4 {
                case 0: try client.send(#"{"method":"status"}"# + "\n")
                case 1:
                    try client.send(#"{"method":"status"}"# + "\n")
                    _ = try client.receive(exactly: 100)
                case 2: try client.send(#"{"method":"events","params":{"follow":true}}"# + "\n")
                default: try client.send(#"{"method":"#)
                }
                client.close()
            }
            #expect(try supervisor.status().services.count == 202)
        }
    }
}

extension ProcessView {
    fileprivate var residentKilobytes: Int? {
        status("VmRSS").flatMap { $0.split(separator: " ").first }.flatMap { Int($0) }
    }
}
