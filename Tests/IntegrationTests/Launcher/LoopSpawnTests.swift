import Glibc
import LinuxSystem
import TestSupport
import Testing

/// What the supervisor starts itself, beside its loop. What needs a file opened for its errors is a launcher's to start.
@Suite struct LoopSpawnTests {
    private func launchers(of supervisor: RunningSupervisor) -> [ProcessView] {
        supervisor.view.children.filter { $0.status("Name") == "baton-launcher" }
    }

    @Test("what runs as we do needs no launcher: it starts while both of them are stopped, and the rest waits for them")
    func withoutLaunchers() throws {
        guard Spawn.canLeaveSharedTable() == true else { return }
        let directory = try TemporaryDirectory()
        let table = """
            services:
              own: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              launched: {listen: "127.0.0.1:0", exec: [/bin/cat], stderr: \(directory.path("errors"))}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let launchers = launchers(of: supervisor)
            #expect(launchers.count == 2)
            for launcher in launchers { try launcher.stop() }
            let waiting = try TestSocket.tcp(port: supervisor.port("launched"))
            try waiting.send("x")
            for _ in 0..<40 {
                let client = try TestSocket.tcp(port: supervisor.port("own"))
                try client.send("x")
                #expect(try client.receive(exactly: 1) == [UInt8(ascii: "x")])
            }
            #expect(!waiting.isReadable(within: 0))
            for launcher in launchers { kill(launcher.pid, SIGCONT) }
            #expect(try waiting.receive(exactly: 1) == [UInt8(ascii: "x")])
        }
    }

    @Test("what stays open has no number that children would have to copy")
    func lowNumbers() throws {
        guard Spawn.canLeaveSharedTable() == true else { return }
        var table = "services:\n  own: {listen: '127.0.0.1:0', exec: [/bin/cat]}\n"
        for number in 0..<50 { table += "  s\(number): {listen: '127.0.0.1:0', internal: echo}\n" }
        try withSupervisor(table) { supervisor in
            let low = supervisor.view.descriptors.keys.filter { $0 < 64 }
            #expect(low.count < 48, "\(low.sorted())")
            // Those who are served for long take the low numbers: the way around that still needs no launcher.
            let guests = try (0..<60).map { _ in try TestSocket.tcp(port: supervisor.port("s0")) }
            try supervisor.waitForService("s0", "served") { $0.connections.active == 60 }
            for launcher in launchers(of: supervisor) { try launcher.stop() }
            for _ in 0..<20 {
                let client = try TestSocket.tcp(port: supervisor.port("own"))
                try client.send("x")
                #expect(try client.receive(exactly: 1) == [UInt8(ascii: "x")])
            }
            for guest in guests { guest.close() }
            for launcher in launchers(of: supervisor) { kill(launcher.pid, SIGCONT) }
        }
    }

    @Test("a program finds the same, whether the supervisor has started it or a launcher")
    func same() throws {
        let directory = try TemporaryDirectory()
        let program = """
            env | grep -Ev '^(BATON_(SERVICE|LISTENER|CONNECTION)|SERVICE_NAME|[A-Z]*PORT|REMOTE_PORT)=' | sort
            ulimit -a; umask; pwd; cat /proc/self/oom_score_adj; ls /proc/self/fd
            grep -E '^(Sig(Blk|Ign|Cgt)|Cap|NoNewPrivs|Seccomp|Groups|Cpus_allowed)' /proc/self/status
            """
        try directory.write("program", program)
        let shared = "exec: [/bin/sh, \(directory.path("program"))], env: {ONE: 'a b', TWO: ''}"
        let table = """
            services:
              own: {listen: "127.0.0.1:0", \(shared)}
              launched: {listen: "127.0.0.1:0", \(shared), stderr: \(directory.path("errors"))}
            """
        try withSupervisor(table, in: directory) { supervisor in
            let (own, launched) = (
                try TestSocket.tcp(port: supervisor.port("own")).receiveText(),
                try TestSocket.tcp(port: supervisor.port("launched")).receiveText()
            )
            #expect(own == launched)
            for part in ["ONE=a b\n", "TWO=\n", "TCPREMOTEIP=127.0.0.1\n", "SigIgn:\t0000000000000000\n", "0022\n"] {
                #expect(own.contains(part), "\(part)")
            }
        }
    }

    @Test("regression: with few descriptors none is kept for the programs to be: it starts, and launchers start them")
    func fewDescriptors() throws {
        let directory = try TemporaryDirectory()
        let program = try batonProgram(after: "ulimit -n 40", in: directory)
        let table = "services: {own: {listen: \"127.0.0.1:0\", exec: [/bin/cat]}}"
        let supervisor = try RunningSupervisor(table, in: directory, program: program)
        let launchers = launchers(of: supervisor)
        for launcher in launchers { try launcher.stop() }
        let client = try TestSocket.tcp(port: supervisor.port("own"))
        try client.send("x")
        #expect(!client.isReadable(within: 0.05))
        for launcher in launchers { kill(launcher.pid, SIGCONT) }
        #expect(try client.receive(exactly: 1) == [UInt8(ascii: "x")])
        client.close()
        try supervisor.stop()
    }

    @Test("regression: who starts it may ignore SIGCHLD", arguments: ["nobody", ""])
    func childrenIgnored(user: String) throws {
        guard user.isEmpty || geteuid() == 0 else { return }
        let directory = try TemporaryDirectory()
        let program = try batonProgram(after: "trap '' CHLD", in: directory)
        let table = """
            \(user.isEmpty ? "" : "supervisor_user: \(user)")
            services:
              own: {listen: "127.0.0.1:0", exec: [/bin/cat]}
              launched: {listen: "127.0.0.1:0", exec: [/bin/cat], stderr: \(directory.path("errors"))}
            """
        let supervisor = try RunningSupervisor(table, in: directory, program: program)
        for service in ["own", "launched"] {
            let client = try TestSocket.tcp(port: supervisor.port(service))
            try client.send("x")
            #expect(try client.receive(exactly: 1) == [UInt8(ascii: "x")])
            client.close()
            try supervisor.waitForService(service, "ended") { $0.connections.ended == 1 }
        }
        try supervisor.stop()
    }

    @Test("LISTEN_PID is the child's own, and LISTEN_FDS names what it has")
    func systemdStyle() throws {
        let program = "echo $LISTEN_PID $$ $LISTEN_FDS $LISTEN_FDNAMES >&3"
        let table = """
            services: {own: {listen: "127.0.0.1:0", style: systemd, exec: [/bin/sh, -c, '\(program)']}}
            """
        try withSupervisor(table) { supervisor in
            for _ in 0..<3 {
                let words = try TestSocket.tcp(port: supervisor.port("own")).receiveText().split(separator: " ")
                #expect(words.count == 4)
                #expect(words.first == words.dropFirst().first)
                #expect(words.dropFirst(2) == ["1", "connection\n"])
            }
        }
    }

    @Test("a client sees the end of a connection that its program has closed, though the program goes on")
    func closedByProgram() throws {
        let table = """
            services: {own: {listen: "127.0.0.1:0", exec: [/bin/sh, -c, 'exec <&- >&-; exec sleep 1000']}}
            """
        try withSupervisor(table) { supervisor in
            #expect(try TestSocket.tcp(port: supervisor.port("own")).receiveToEnd().isEmpty)
            let handler = try supervisor.onlyHandler()
            #expect(handler.isAlive)
            kill(handler.pid, SIGKILL)
        }
    }

    @Test("programs that do not come to run hold nobody up; after 5 s they are killed, and their stage is reported")
    func hungExec() throws {
        guard geteuid() == 0 else { return }
        let directory = try TemporaryDirectory()
        let program = directory.path("cat")
        _ = try runProgram("/bin/cp", ["/bin/cat", program])
        guard let gate = try ExecGate(program, in: directory) else { return }
        defer { withExtendedLifetime(gate) {} }
        let table = """
            services:
              hung: {listen: "127.0.0.1:0", exec: [\(program)]}
              well: {listen: "127.0.0.1:0", exec: [/bin/cat]}
            """
        try withSupervisor(table, in: directory) { supervisor in
            // More than are started beside the loop at a time.
            let victims = try (0..<20).map { _ in try TestSocket.tcp(port: supervisor.port("hung")) }
            var served = 0
            while !victims.allSatisfy({ $0.isReadable(within: 0.01) }) {
                let client = try TestSocket.tcp(port: supervisor.port("well"))
                try client.setTimeout(seconds: 2)
                try client.send("x")
                #expect(try client.receive(exactly: 1) == [UInt8(ascii: "x")])
                _ = try supervisor.status()
                served += 1
            }
            #expect(served > 20)
            for victim in victims { #expect(try victim.receiveToEnd().isEmpty) }
            try supervisor.log.wait(for: "hung", "exec", "timed out")
            let counts = try supervisor.waitForService("hung", "refused") { $0.connections.active == 0 }.connections
            #expect(counts.refused == ["spawn": 20])
        }
    }
}
