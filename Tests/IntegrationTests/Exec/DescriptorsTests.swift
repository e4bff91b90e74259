import TestSupport
import Testing

/// What an exec'd handler has open, and that bytes pass unchanged.
@Suite struct DescriptorsTests {
    @Test("a handler gets the connection on 0 and 1, and every byte passes unchanged both ways")
    func bytesPassUnchanged() throws {
        let table = """
            services:
              cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
            """
        try withSupervisor(table) { supervisor in
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            let client = try TestSocket.tcp(port: supervisor.port("cat"))
            // Less than the socket buffers hold at a time: this client does not read while it writes.
            for chunk in stride(from: 0, to: bytes.count, by: 10_000) {
                try client.send(Array(bytes[chunk..<chunk + 10_000]))
                #expect(try client.receive(exactly: 10_000) == Array(bytes[chunk..<chunk + 10_000]))
            }
            try client.finishSending()
            #expect(try client.receiveToEnd().isEmpty)
            try supervisor.waitForService("cat", "ended") { $0.connections.ended == 1 && $0.connections.active == 0 }
        }
    }

    @Test("a handler has exactly descriptors 0, 1 and 2, whatever the supervisor has open")
    func onlyThreeDescriptors() throws {
        let table = """
            services:
              one: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              two: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: echo}
            """
        try withSupervisor(table) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("one"))
            try client.send("x")
            #expect(try client.receive(exactly: 1) == [UInt8(ascii: "x")])
            let open = try supervisor.onlyHandler().descriptors
            #expect(open.keys.sorted() == [0, 1, 2])
            #expect(open[0] == open[1], "the same socket twice")
            #expect(open[2] != open[0], "stderr goes to the log by default, not to the client")
        }
    }

    @Test("stderr: log brings each line to the log with the service's name")
    func standardErrorToTheLog() throws {
        let table = """
            services:
              chatty:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "echo to the log >&2; echo to the client"]
            """
        try withSupervisor(table) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("chatty"))
            #expect(try client.receiveText() == "to the client\n")
            try supervisor.log.wait(for: "chatty", "to the log")
        }
    }

    @Test("regression: a process that shuts its standard error down does it to itself, not to those after it")
    func standardErrorShutDown() throws {
        let program = """
            import socket, sys
            print("begun " + sys.argv[1], file=sys.stderr, flush=True)
            socket.socket(fileno=2).shutdown(socket.SHUT_WR)
            print("there", flush=True)
            sys.stdin.read()
            """
        let directory = try TemporaryDirectory()
        let script = try directory.write("program.py", program)
        let table = "services: {bad: {listen: '127.0.0.1:0', exec: [/usr/bin/python3, \(script), line]}}"
        try withSupervisor(table, in: directory) { supervisor in
            for round in 1...3 {
                let client = try TestSocket.tcp(port: supervisor.port("bad"))
                #expect(try client.receiveLine() == "there")
                #expect(eventually { supervisor.log.lines.count { $0.contains("begun line") } == round })
            }
        }
    }

    @Test("regression: an abstract name with NUL in it does not break the environment")
    func abstractNameWithNUL() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("show.sock")
        let program = """
            import socket, sys
            client = socket.socket(socket.AF_UNIX)
            client.bind(b"\\0a\\0b")
            client.connect(sys.argv[1])
            sys.stdout.write(client.makefile().read())
            """
        let script = try directory.write("client.py", program)
        try withSupervisor("services: {show: {listen: \(path), exec: [printenv, REMOTE_ADDR]}}", in: directory) { _ in
            let output = try runProgram("/usr/bin/python3", [script, path])
            #expect(output.standardOutput == "@a\\x00b\n")
        }
    }

    @Test("stderr: connection sends it to the client, as inetd does")
    func standardErrorToTheConnection() throws {
        let table = """
            services:
              chatty:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "echo both >&2; echo ways"]
                stderr: connection
            """
        try withSupervisor(table) { supervisor throws in
            #expect(try TestSocket.tcp(port: supervisor.port("chatty")).receiveText() == "both\nways\n")
        }
    }

    @Test("stderr: null drops it, a path is appended to")
    func standardErrorToNullAndPath() throws {
        let directory = try TemporaryDirectory()
        try directory.write("errors", "before\n")
        let table = """
            services:
              quiet:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "echo dropped >&2; readlink /proc/$$/fd/2"]
                stderr: null
              filed:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "echo kept >&2"]
                stderr: \(directory.path("errors"))
            """
        try withSupervisor(table, in: directory) { supervisor in
            #expect(try TestSocket.tcp(port: supervisor.port("quiet")).receiveText() == "/dev/null\n")
            #expect(try TestSocket.tcp(port: supervisor.port("filed")).receiveText() == "")
            let kept = try directory.read("errors")
            #expect(kept == "before\nkept\n")
            #expect(!supervisor.log.text.contains("dropped"))
        }
    }

    @Test("a connection is in blocking mode for its handler")
    func blockingMode() throws {
        let script = "import fcntl, os; print(fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK)"
        let table = """
            services:
              mode: {listen: "127.0.0.1:0", exec: [/usr/bin/python3, -c, "\(script)"]}
            """
        try withSupervisor(table) { supervisor throws in
            #expect(try TestSocket.tcp(port: supervisor.port("mode")).receiveText() == "0\n")
        }
    }

    @Test("regression: a burst of lines on stderr does not end the program that writes it")
    func burstOnStandardError() throws {
        let program = "import sys\nfor i in range(1000): print('line', i, file=sys.stderr)\nprint('done')\n"
        let directory = try TemporaryDirectory()
        let script = try directory.write("program.py", program)
        let table = "services: {chatty: {listen: '127.0.0.1:0', exec: [/usr/bin/python3, \(script)]}}"
        try withSupervisor(table, in: directory) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("chatty"))
            #expect(try client.receiveText() == "done\n")
        }
    }

    @Test("regression: what was cut, or begun and not ended, or passed over, is told before the supervisor ends")
    func restOfStandardError() throws {
        let script =
            "head -c 1500 /dev/zero | tr '\\\\0' x >&2; echo >&2; sh -c 'printf begun >&2'; echo there; read -r end; :"
        let supervisor = try RunningSupervisor(
            "services: {cut: {listen: '127.0.0.1:0', exec: [/bin/sh, -c, \"\(script)\"]}}")
        let client = try TestSocket.tcp(port: supervisor.port("cut"))
        #expect(try client.receiveLine() == "there")
        client.close()
        try supervisor.stop()
        let lines = supervisor.log.lines
        #expect(lines.contains { $0.contains("1 line of standard error not logged, or not whole") }, "\(lines)")
        #expect(lines.contains { $0.hasSuffix("] begun") })
    }

    @Test("a line without end on stderr neither blocks the handler nor grows the log without limit")
    func endlessStandardError() throws {
        let table = """
            services:
              flood:
                listen: "127.0.0.1:0"
                exec: [/bin/sh, -c, "head -c 3000000 /dev/zero | tr '\\\\0' x >&2; echo done"]
            """
        try withSupervisor(table) { supervisor in
            #expect(try TestSocket.tcp(port: supervisor.port("flood")).receiveText() == "done\n")
            try supervisor.waitForService("flood", "ended") { $0.connections.ended == 1 }
            #expect(supervisor.log.text.utf8.count < 500_000)
        }
    }
}
