import Glibc
import TestSupport
import Testing

/// A socket option that the kernel refuses, and one that connections do not inherit.
@Suite struct RefusedOptionTests {
    private static let table = """
        services:
          marked: {listen: {address: "127.0.0.1:0", mark: 7}, internal: echo}
          other: {listen: "127.0.0.1:0", internal: echo}
        """

    /// `baton` without CAP_NET_ADMIN and CAP_NET_RAW, one of which the mark needs.
    private func program(in directory: TemporaryDirectory) throws -> String {
        let drop = geteuid() == 0 ? "setpriv --bounding-set=-net_admin,-net_raw --inh-caps=-net_admin,-net_raw " : ""
        return try directory.write(
            "baton", "#!/bin/sh\nexec \(drop)\(Repository.product("baton")) \"$@\"\n", mode: 0o755)
    }

    @Test("the listener is tried again and its error names the option; the others serve")
    func retried() throws {
        let directory = try TemporaryDirectory()
        let supervisor = try RunningSupervisor(Self.table, in: directory, program: try program(in: directory))
        let listener = try supervisor.service("marked").listeners[0]
        #expect(listener.state == "retrying")
        #expect(listener.error == "mark (SO_MARK): Operation not permitted")
        #expect(supervisor.log.text.contains("mark (SO_MARK): Operation not permitted"))
        let client = try TestSocket.tcp(port: supervisor.port("other"))
        try client.send("x")
        #expect(try client.receive(exactly: 1) == [0x78])
        try supervisor.stop()
    }

    @Test("with --strict it ends the start, and is named")
    func strict() throws {
        let directory = try TemporaryDirectory()
        do {
            let supervisor = try RunningSupervisor(
                Self.table, in: directory, options: ["--strict"], program: try program(in: directory))
            try supervisor.stop()
            Issue.record("it started")
        } catch let failure as RunningSupervisor.NotReady {
            #expect(failure.log.contains("mark (SO_MARK): Operation not permitted"))
        }
    }

    @Test("a handler's connection has the priority, which the kernel does not hand down")
    func priority() throws {
        let look = "import socket; s = socket.socket(fileno=0); s.send(b'%d' % s.getsockopt(socket.SOL_SOCKET, 12))"
        let table = """
            services:
              look: {listen: {address: "127.0.0.1:0", priority: 5, tos: 16}, exec: [/usr/bin/python3, -c, "\(look)"]}
            """
        try withSupervisor(table) { supervisor throws in
            #expect(try TestSocket.tcp(port: supervisor.port("look")).receiveText() == "5")
        }
    }
}
