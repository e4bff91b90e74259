import Foundation
import TestSupport
import Testing

/// Descriptors that nobody asked for, on every socket that takes messages from outside. Whoever has the last copy of a
/// socket with SO_LINGER waits in its close, and the kernel's own close of what is dropped is no other.
@Suite(.enabled(if: getuid() == 0)) struct DescriptorTests {
    /// Sends, when it is told to, sockets whose close takes 20 s, and keeps no copy.
    private static let program = """
        import array, os, signal, socket, struct, sys
        how, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
        def lingering():
            listener = socket.socket()
            listener.bind(('127.0.0.1', 0))
            listener.listen()
            client = socket.socket()
            client.connect(listener.getsockname())
            peer = listener.accept()[0]
            client.setblocking(False)
            try:
                while True:
                    client.send(b'x' * 65536)
            except BlockingIOError:
                pass
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 20))
            return client, peer
        pairs = [lingering() for _ in range(count)]
        peers = [peer for _, peer in pairs]
        def send(*_):
            kinds = {'stream': socket.SOCK_STREAM, 'packets': socket.SOCK_SEQPACKET, 'datagram': socket.SOCK_DGRAM}
            out = socket.socket(socket.AF_UNIX, kinds[how])
            out.connect(path)
            rights = array.array('i', [client.fileno() for client, _ in pairs])
            out.sendmsg([b'STATUS=1\\n'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            out.close()
            # Closing our copies is no close as long as others are under way.
            for client, _ in pairs:
                client.close()
            print('done', flush=True)
        signal.signal(signal.SIGUSR1, send)
        print('there', flush=True)
        while True:
            signal.pause()
        """

    private static func table(_ directory: TemporaryDirectory) -> String {
        """
        control: {group: games}
        services:
          echo: {listen: "127.0.0.1:0", internal: echo}
          gram: {listen: "unix+dgram://\(directory.path("echo.sock"))", internal: echo}
          deny: {listen: "unix+dgram://\(directory.path("deny.sock"))", internal: echo, access_times: "00:00-00:01"}
          wait: {listen: "unix+dgram://\(directory.path("wait.sock"))", wait: true, exec: [/bin/false], trigger_limit: {burst: 1, backoff: {first: 100ms}}}
          app: {listen: "127.0.0.1:0", handoff: {register: {users: [12345]}}}
        """
    }

    struct Way: CustomTestStringConvertible {
        let name: String
        let how: String
        let socket: String
        var uid = 54_321
        var count = 3

        var testDescription: String { name }

        func path(in directory: TemporaryDirectory, _ supervisor: RunningSupervisor) -> String {
            socket.hasPrefix("run/") ? supervisor.runtimeDirectory + socket.dropFirst(3) : directory.path(socket)
        }
    }

    static let ways = [
        Way(name: "NOTIFY_SOCKET", how: "datagram", socket: "run/notify.sock"),
        Way(name: "registration, by somebody on no list", how: "packets", socket: "run/register.sock"),
        Way(
            name: "registration over a stream, by somebody on no list", how: "stream",
            socket: "run/register.stream.sock"),
        Way(name: "registration, by a user on a list", how: "packets", socket: "run/register.sock", uid: 12_345),
        Way(
            name: "registration over a stream, by a user on a list", how: "stream", socket: "run/register.stream.sock",
            uid: 12_345),
        Way(name: "control", how: "stream", socket: "run/control.sock"),
        Way(name: "as many as go with a message", how: "datagram", socket: "run/notify.sock", count: 253),
        Way(name: "a datagram to a service of our own", how: "datagram", socket: "echo.sock"),
        Way(name: "a datagram that a service drops", how: "datagram", socket: "deny.sock"),
        Way(name: "a datagram that handlers fail on", how: "datagram", socket: "wait.sock"),
    ]

    @Test("regression: sockets that linger hold nobody up, wherever a stranger sends them", arguments: ways)
    func linger(_ way: Way) throws {
        let directory = try TemporaryDirectory()
        try withSupervisor(Self.table(directory), in: directory) { supervisor in
            for name in ["echo.sock", "deny.sock", "wait.sock"] {
                try check("chmod") { chmod(directory.path(name), 0o666) }
            }
            let path = way.path(in: directory, supervisor)
            let stranger = try Stranger(Self.program, way.how, path, "\(way.count)", uid: way.uid, group: "games")
            let port = try supervisor.port("echo")
            // So that the stranger's copies are gone when the message is read.
            try ProcessView(pid: supervisor.process.pid).stop()
            try stranger.go()
            try supervisor.process.signal(SIGCONT)
            if way.socket == "wait.sock" {
                try supervisor.waitForService("wait", "eaten") { $0.connections.dropped["trigger"] == 1 }
            }
            for _ in 0..<5 {
                let client = try TestSocket.tcp(port: port)
                try client.setTimeout(seconds: 8)
                try client.send("x")
                #expect(try client.receive(exactly: 1) == [0x78])
            }
            withExtendedLifetime(stranger) {}
        }
    }

    /// Sends a place in the file system, which is no open file: getsockopt and most other calls answer EBADF.
    private static let mereProgram = """
        import array, os, signal, socket, sys
        how, path = sys.argv[1], sys.argv[2]
        place = os.open('/', os.O_PATH)
        def send(*_):
            kinds = {'stream': socket.SOCK_STREAM, 'packets': socket.SOCK_SEQPACKET, 'datagram': socket.SOCK_DGRAM}
            with socket.socket(socket.AF_UNIX, kinds[how]) as out:
                out.connect(path)
                try:
                    out.sendmsg([b'STATUS=1\\n'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [place, place]))])
                except BrokenPipeError:
                    pass
            print('done', flush=True)
        signal.signal(signal.SIGUSR1, send)
        print('there', flush=True)
        while True:
            signal.pause()
        """

    @Test(
        "regression: a descriptor that is no open file (O_PATH) ends nobody, wherever a stranger sends it",
        arguments: ways)
    func places(_ way: Way) throws {
        let directory = try TemporaryDirectory()
        try withSupervisor(Self.table(directory), in: directory) { supervisor in
            for name in ["echo.sock", "deny.sock", "wait.sock"] {
                try check("chmod") { chmod(directory.path(name), 0o666) }
            }
            let path = way.path(in: directory, supervisor)
            let stranger = try Stranger(Self.mereProgram, way.how, path, uid: way.uid, group: "games")
            let before = ProcessView(pid: supervisor.process.pid).descriptorKinds.count
            try stranger.go()
            if way.socket == "wait.sock" {
                try supervisor.waitForService("wait", "eaten") { $0.connections.dropped["trigger"] == 1 }
            }
            let client = try TestSocket.tcp(port: supervisor.port("echo"))
            try client.send("x")
            #expect(try client.receive(exactly: 1) == [0x78])
            client.close()
            // That one's processes have a standard error of their own by now.
            guard way.socket != "wait.sock" else { return }
            #expect(eventually { ProcessView(pid: supervisor.process.pid).descriptorKinds.count <= before })
            withExtendedLifetime(stranger) {}
        }
    }

    @Test("regression: nor where a handler writes them to its standard error")
    func standardError() throws {
        let directory = try TemporaryDirectory()
        let program = Self.program
            .replacing("out.connect(path)", with: "os.kill(os.getppid(), signal.SIGSTOP)")
            .replacing("out = socket.socket(socket.AF_UNIX, kinds[how])", with: "out = socket.socket(fileno=2)")
            .replacing("print('done', flush=True)", with: "os.kill(os.getppid(), signal.SIGCONT)")
            .replacing("print('there', flush=True)", with: "send(); print('there', flush=True)")
        let script = try directory.write("handler.py", program)
        let table = """
            services:
              echo: {listen: "127.0.0.1:0", internal: echo}
              bad: {listen: "127.0.0.1:0", exec: [/usr/bin/python3, \(script), stream, none, "3"]}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let bad = try TestSocket.tcp(port: supervisor.port("bad"))
            #expect(try bad.receiveLine() == "there")
            let client = try TestSocket.tcp(port: supervisor.port("echo"))
            try client.setTimeout(seconds: 8)
            try client.send("x")
            #expect(try client.receive(exactly: 1) == [0x78])
            let handler = try supervisor.onlyHandler()
            try check("kill") { kill(handler.pid, SIGKILL) }
            #expect(try bad.receiveToEnd().isEmpty)
        }
    }

    @Test(
        "a stranger's flood of descriptors, sockets and files, is taken and closed: none stays, and others are served")
    func flood() throws {
        let program = """
            import array, os, signal, socket, sys
            path = sys.argv[1]
            held = [os.pipe()[0] for _ in range(100)] + [socket.socket().fileno() for _ in range(0)]
            sockets = [socket.socket() for _ in range(100)]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', held + [s.fileno() for s in sockets]))]
            def send(*_):
                out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                out.connect(path + '/notify.sock')
                for number in range(300):
                    out.sendmsg([b'STATUS=1'], rights)
                    if number % 4 == 0:
                        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as register:
                            try:
                                register.connect(path + '/register.sock')
                                register.sendmsg([b'x'], rights)
                            except OSError:
                                pass
                print('done', flush=True)
            signal.signal(signal.SIGUSR1, send)
            print('there', flush=True)
            while True:
                signal.pause()
            """
        let directory = try TemporaryDirectory()
        try withSupervisor(Self.table(directory), in: directory) { supervisor in
            let stranger = try Stranger(program, supervisor.runtimeDirectory)
            let client = try TestSocket.tcp(port: supervisor.port("echo"))
            try stranger.go()
            try client.send("x")
            #expect(try client.receive(exactly: 1) == [0x78])
            let refusals = supervisor.log.lines.count { $0.contains("is on no service's list") }
            #expect(refusals < 30, "told once a second, not for each of 75")
        }
    }
}
