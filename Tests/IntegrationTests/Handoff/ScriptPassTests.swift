import Glibc
import TestSupport
import Testing

/// PASS from a process that is no handler: `baton pass`, and its message by hand.
@Suite struct ScriptPassTests {
    private static let table = """
        services:
          app: {handoff: {heartbeat: false, queue: {size: 1}}, listen: "127.0.0.1:0"}
          closed: {handoff: {heartbeat: false, register: false}, listen: "127.0.0.1:0"}
          cat: {exec: [cat]}
        """

    @Test("a script reads a line and hands the rest on with baton pass: the line comes first")
    func script() throws {
        let directory = try TemporaryDirectory()
        let line = directory.path("line")
        let pass = "\(Repository.product("baton")) pass --runtime-directory \(directory.path("run"))"
        let script = try directory.write(
            "script", "read -r line; printf '%s\\n' \"$line\" >\(line); exec \(pass) --drained \(line) app\n")
        let table = """
            services:
              front: {listen: "127.0.0.1:0", exec: [sh, \(script)]}
              app: {handoff: {heartbeat: false}}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let app = try RegisteredHandler("app", at: supervisor)
            let client = try TestSocket.tcp(port: supervisor.port("front"))
            try client.send("head\nbody")
            let baton = try app.receiveBaton()
            #expect(baton.drained == Array("head\n".utf8) && baton.listener == "app")
            try app.acknowledge(baton.id)
            #expect(try baton.socket.receive(exactly: 4) == Array("body".utf8))
            try baton.socket.send("served")
            try supervisor.waitForService("front", "ended") { $0.connections.ended == 1 }
            baton.socket.close()
            #expect(try client.receiveText() == "served")
            try app.done(baton.id)
            app.die()
        }
    }

    /// Runs `baton pass` with `socket` as its standard input.
    private func pass(
        _ socket: TestSocket, to service: String, at supervisor: RunningSupervisor, options: [String] = [],
        as user: Int? = nil
    ) throws -> TestProcess.ExitStatus {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        var words = ["pass", "--runtime-directory", supervisor.runtimeDirectory, service] + options
        var program = Repository.product("baton")
        if let user {
            words = ["--reuid=\(user)", "--regid=\(user)", "--clear-groups", program] + words
            program = "/usr/bin/setpriv"
        }
        let process = try TestProcess(program, words, descriptors: [socket.descriptor, null, null])
        return try process.wait()
    }

    @Test("baton pass to an exec service: exit 0, and the service has it")
    func toExec() throws {
        try withSupervisor(Self.table) { supervisor in
            let (client, socket) = try TestSocket.pair()
            #expect(try pass(socket, to: "cat", at: supervisor) == .exited(0))
            socket.close()
            try client.send("hello")
            try client.finishSending()
            #expect(try client.receiveText() == "hello")
        }
    }

    @Test("baton pass says why it failed: exit 1, and the connection is the script's still")
    func refused() throws {
        try withSupervisor(Self.table) { supervisor in
            let (client, socket) = try TestSocket.pair()
            #expect(try pass(socket, to: "nowhere", at: supervisor) == .exited(1))
            let waiting = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "queued") { $0.connections.queued == 1 }
            #expect(try pass(socket, to: "app", at: supervisor) == .exited(1))
            #expect(try supervisor.service("app").connections.refused["queue_full"] == 1)
            try socket.send("mine")
            socket.close()
            #expect(try client.receiveText() == "mine")
            let app = try RegisteredHandler("app", at: supervisor)
            try app.done(app.receiveBaton().id)
            waiting.close()
            app.die()
        }
    }

    @Test("whose uid is on no list may not pass: exit 77; without a supervisor: exit 69")
    func notAllowed() throws {
        let supervisor = try RunningSupervisor(Self.table)
        let (_, socket) = try TestSocket.pair()
        // The directory of a test is root's alone; the way to the socket is opened here.
        chmod(supervisor.directory.path(""), 0o755)
        #expect(try pass(socket, to: "cat", at: supervisor, as: 1) == .exited(77))
        try supervisor.stop()
        #expect(try pass(socket, to: "cat", at: supervisor) == .exited(69))
    }

    @Test("regression: who is on another service's list only may not pass to this one: exit 77, and an event says who")
    func notAllowedHere() throws {
        try withSupervisor(Self.table) { supervisor in
            let (client, socket) = try TestSocket.pair()
            #expect(try pass(socket, to: "closed", at: supervisor) == .exited(77))
            let refusals = try EventStream(supervisor, ["events": ["registration_refused"]]).past()
            let message = refusals.first?["message"] as? String
            #expect(message?.contains("uid 0 may not pass connections to closed") == true, "\(message ?? "none")")
            try socket.send("mine")
            socket.close()
            #expect(try client.receiveText() == "mine")
        }
    }

    @Test("regression: what is no connection is not passed, and the script is told")
    func noConnection() throws {
        try withSupervisor(Self.table) { supervisor in
            let unconnected = try TestSocket.bound()
            #expect(try pass(unconnected, to: "cat", at: supervisor) == .exited(1))
        }
    }

    @Test("PASS by hand: its number has the top bit set, PASSED answers it, and the connection to Baton ends")
    func byHand() throws {
        try withSupervisor(Self.table) { supervisor in
            let path = supervisor.runtimeDirectory + "/register.sock"
            let (client, socket) = try TestSocket.pair()
            let script = try RegisteredHandler(connectedTo: path)
            try script.pass(1 << 63, to: "cat", socket)
            #expect(try script.receivePassed(1 << 63) == nil)
            #expect(try script.isHungUp())
            socket.close()
            client.close()

            let wrong = try RegisteredHandler(connectedTo: path)
            let (_, other) = try TestSocket.pair()
            try wrong.pass(1, to: "cat", other)
            #expect(try wrong.receive().message.kind == .reject)
        }
    }

    @Test("what a script passes is subject to the target's admission")
    func admission() throws {
        let table = "services: {app: {handoff: {heartbeat: false}, per_source: 1}}"
        try withSupervisor(table) { supervisor in
            let app = try RegisteredHandler("app", at: supervisor)
            let (one, first) = try TestSocket.pair()
            #expect(try pass(first, to: "app", at: supervisor) == .exited(0))
            let baton = try app.receiveBaton()
            let (two, second) = try TestSocket.pair()
            #expect(try pass(second, to: "app", at: supervisor) == .exited(1))
            #expect(try supervisor.service("app").connections.refused["per_source"] == 1)
            try app.done(baton.id)
            one.close()
            two.close()
            app.die()
        }
    }
}
