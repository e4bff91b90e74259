import Foundation
import TestSupport
import Testing

/// Strangers who want to be taken for the supervisor, or to keep it from running.
@Suite(.enabled(if: getuid() == 0)) struct SquattingTests {
    private static let table = "services: {echo: {listen: '127.0.0.1:0', internal: echo}}"

    @Test("regression: a stranger who has opened the pid file does not keep the next supervisor from starting")
    func lock() throws {
        let directory = try TemporaryDirectory()
        try check("chmod") { chmod(directory.path, 0o755) }
        let program = """
            import fcntl, os, sys
            print('there', flush=True)
            try:
                fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH)
                print('locked', flush=True)
                os.read(os.pipe()[0], 1)
            except OSError as error:
                print(error.strerror, flush=True)
            """
        let first = try RunningSupervisor(Self.table, in: directory)
        let stranger = try Stranger(program, first.runtimeDirectory + "/baton.pid")
        try stranger.wait(for: "Permission denied\n")
        try first.process.signal(SIGKILL)
        try first.process.wait()
        let second = try RunningSupervisor(Self.table, in: directory)
        try second.stop()
        #expect(stranger.said == "there\nPermission denied\n")
    }

    /// Listens for whoever takes it for the supervisor, and tells what it was sent.
    private static let squatter = """
        import os, select, socket, sys
        listeners = {}
        for name, kind in (('control.sock', socket.SOCK_STREAM), ('register.sock', socket.SOCK_SEQPACKET),
                           ('register.stream.sock', socket.SOCK_STREAM)):
            listeners[name] = socket.socket(socket.AF_UNIX, kind)
            listeners[name].bind(os.path.join(sys.argv[1], name))
            listeners[name].listen()
            os.chmod(os.path.join(sys.argv[1], name), 0o666)
        print('there', flush=True)
        while True:
            for listener in select.select(list(listeners.values()), [], [])[0]:
                client = listener.accept()[0]
                sent, ancillary, _, _ = client.recvmsg(65536, 4096)
                print('sent', len(sent), 'bytes and', len(ancillary), 'descriptors', flush=True)
        """

    @Test("regression: whoever else listens in the runtime directory is not taken for the supervisor: baton")
    func client() throws {
        let directory = try TemporaryDirectory()
        // A group may write there: whose directory it is does not tell whose the sockets are.
        let runtime = directory.path("run")
        try check("mkdir") { mkdir(runtime, 0o775) }
        try check("chmod") { chmod(runtime, 0o775) }
        try check("chown") { chown(runtime, 0, 12_345) }
        let squatter = try Stranger(Self.squatter, runtime)
        let (peer, connection) = try TestSocket.pair()
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        let passed = try TestProcess(
            Repository.product("baton"), ["pass", "--runtime-directory", runtime, "echo"],
            descriptors: [connection.descriptor, null, null])
        #expect(try passed.wait() == .exited(77))
        peer.close()
        for command in ["status", "stop", "reload", "events"] {
            let output = try runProgram(Repository.product("baton"), [command, "--runtime-directory", runtime])
            #expect(output.status == .exited(77), "\(command)")
            #expect(output.standardError.contains("neither root nor this user listens there"), "\(command)")
        }
        #expect(eventually { squatter.said.components(separatedBy: "sent").count == 6 })
        #expect(!squatter.said.replacing("sent 0 bytes and 0 descriptors", with: "").contains("sent"))
    }

    @Test(
        "regression: whoever else listens in the runtime directory is not taken for the supervisor: handlers",
        arguments: ExampleHandler.allCases)
    func handler(_ handler: ExampleHandler) throws {
        let directory = try TemporaryDirectory()
        let runtime = directory.path("run")
        try check("mkdir") { mkdir(runtime, 0o775) }
        try check("chmod") { chmod(runtime, 0o775) }
        try check("chown") { chown(runtime, 0, 12_345) }
        let squatter = try Stranger(Self.squatter, runtime)
        let command = try handler.command
        let output = try runProgram(
            command[0], command.dropFirst() + ["app"],
            environment: ["BATON_RUNTIME_DIRECTORY": runtime, "PATH": "/usr/bin:/bin"])
        #expect(output.status != .exited(0))
        #expect(eventually { squatter.said == "there\nsent 0 bytes and 0 descriptors\n" })
    }
}
