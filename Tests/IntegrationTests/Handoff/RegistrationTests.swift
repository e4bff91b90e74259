import Glibc
import TestSupport
import Testing

/// Who may register, and what happens to those who break the protocol.
@Suite struct RegistrationTests {
    private static let table = """
        services:
          app: {listen: "127.0.0.1:0", handoff: {heartbeat: false}}
          closed: {listen: "127.0.0.1:0", handoff: {register: false}}
          nobodys: {listen: "127.0.0.1:0", handoff: {heartbeat: false, register: {users: [daemon]}}}
          echo: {listen: "127.0.0.1:0", internal: echo}
        """

    private func expectRejected(
        _ service: String, at supervisor: RunningSupervisor, version: UInt16 = 1, traits: UInt16 = 0
    ) throws {
        let handler = try RegisteredHandler(connectedTo: supervisor.runtimeDirectory + "/register.sock")
        try handler.register(service, version: version, traits: traits)
        let answer = try handler.receive().message
        #expect(answer.kind == .reject)
        #expect(!answer.text.isEmpty)
        #expect(try handler.isHungUp())
    }

    @Test("an unknown service, one without handoff, one that is closed and a wrong version are rejected with a reason")
    func rejections() throws {
        try withSupervisor(Self.table) { supervisor in
            try expectRejected("nothing", at: supervisor)
            try expectRejected("echo", at: supervisor)
            try expectRejected("closed", at: supervisor)
            try expectRejected("app", at: supervisor, version: 9)
        }
    }

    @Test("a uid on no list is closed at accept; one on a service's list may register for that one only")
    func otherUsers() throws {
        guard geteuid() == 0 else { return }
        let script = """
            import os, socket, struct, sys
            os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            channel.settimeout(10)
            channel.connect(sys.argv[2])
            name = sys.argv[3].encode()
            try:
                channel.send(struct.pack('=IHHQHHI', 24 + len(name), 1, 0, 0, 1, 0, 0) + name)
                answer = channel.recv(65536)
                print(struct.unpack_from('=H', answer, 4)[0] if answer else 'closed')
            except OSError:
                print('closed')
            """
        try withSupervisor(Self.table) { supervisor throws in
            func answer(user: Int, service: String) throws -> String {
                let path = supervisor.runtimeDirectory + "/register.sock"
                return try runProgram("/usr/bin/python3", ["-c", script, "\(user)", path, service]).standardOutput
            }
            #expect(try answer(user: 1, service: "nobodys") == "16\n")
            #expect(try answer(user: 1, service: "app") == "20\n")
            #expect(try answer(user: 2, service: "nobodys") == "closed\n")
            #expect(try answer(user: 65534, service: "app") == "closed\n")
        }
    }

    @Test("a protocol error closes that channel, its connections go on to others, and nothing else is affected")
    func protocolErrors() throws {
        let errors: [(String, (RegisteredHandler) throws -> Void)] = [
            ("a packet shorter than a header", { try $0.channel.send([1, 2, 3]) }),
            ("a wrong length", { try $0.channel.send([UInt8](HandlerMessage(.ack, id: 1).packet.dropFirst(0)) + [0]) }),
            (
                "a message of the supervisor's",
                { try $0.send(HandlerMessage(.welcome, body: [0, 0, 0, 0, 0, 0, 0, 0])) }
            ),
            ("an ACK of what was never sent", { try $0.acknowledge(99) }),
            ("a DONE of what was never sent", { try $0.done(99) }),
            ("a DONE without ids", { try $0.send(HandlerMessage(.done)) }),
            (
                "a DONE twice",
                {
                    try $0.done(1); try $0.done(1)
                }
            ),
            (
                "a NACK of an acknowledged id",
                {
                    try $0.acknowledge(1); try $0.refuse(1, reason: "late")
                }
            ),
            ("a second REGISTER", { try $0.register("app") }),
            ("a CAPACITY of three bytes", { try $0.send(HandlerMessage(.capacity, body: [0, 0, 0])) }),
        ]
        try withSupervisor(Self.table) { supervisor in
            let port = try supervisor.port("app")
            for (what, breakProtocol) in errors {
                let bad = try RegisteredHandler("app", at: supervisor)
                let client = try TestSocket.tcp(port: port)
                let baton = try bad.receiveBaton()
                baton.socket.close()
                try breakProtocol(bad)
                #expect(try bad.isHungUp(), "\(what)")
                bad.die()
                let good = try RegisteredHandler("app", at: supervisor)
                // The first one's baton, unless the error came after its ACK; then it is cut.
                if good.channel.isReadable(within: 0.3) {
                    let again = try good.receiveBaton()
                    try good.acknowledge(again.id)
                    again.socket.close()
                    try good.done(again.id)
                }
                #expect(try client.receiveToEnd().isEmpty)
                good.die()
                try supervisor.waitForService("app", "empty") { $0.handlers.isEmpty }
            }
        }
    }

    @Test("who connects and says nothing is let go after a while; at most 16 a user wait")
    func silentConnections() throws {
        try withSupervisor(Self.table) { supervisor in
            let path = supervisor.runtimeDirectory + "/register.sock"
            let silent = try (0..<40).map { _ in try RegisteredHandler(connectedTo: path) }
            func hungUp() -> Int {
                silent.count { waitFor(POLLIN, on: $0.channel.descriptor, until: Deadline(seconds: 0)) }
            }
            #expect(eventually { hungUp() == 24 })
            #expect(eventually(within: Deadline(seconds: 8)) { hungUp() == 40 }, "5 s each")
            let handler = try RegisteredHandler("app", at: supervisor)
            handler.die()
        }
    }

    @Test("a surplus descriptor is a protocol error and is not leaked")
    func surplusDescriptor() throws {
        let script = """
            import array, os, socket, struct, sys
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            channel.settimeout(10)
            channel.connect(sys.argv[1])
            channel.send(struct.pack('=IHHQHHI', 27, 1, 0, 0, 1, 0, 0) + b'app')
            channel.recv(65536)
            fds = array.array('i', [0, 1, 2])
            try:
                channel.sendmsg([struct.pack('=IHHQ', 16, 2, 0, 0)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            except OSError:
                pass
            """
        try withSupervisor(Self.table) { supervisor in
            for _ in 0..<5 {
                let path = supervisor.runtimeDirectory + "/register.sock"
                #expect(try runProgram("/usr/bin/python3", ["-c", script, path]).status == .exited(0))
            }
            try supervisor.waitForService("app", "empty") { $0.handlers.isEmpty }
        }
    }
}
