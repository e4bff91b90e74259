import Foundation
import TestSupport
import Testing

/// `supervisor_user`: who decides has no rights, and who has the rights does what the table says.
@Suite(.enabled(if: getuid() == 0)) struct SeparationTests {
    static let table = """
        supervisor_user: nobody
        services:
          echo: {listen: "127.0.0.1:0", internal: echo}
          cat: {listen: "127.0.0.1:0", exec: /bin/cat}
          who: {listen: "127.0.0.1:0", exec: [/usr/bin/id, -u]}
          app: {listen: "127.0.0.1:0", handoff: {register: {users: [root]}}}
        """

    /// The soft limit of a process that runs; what it has beyond stays open.
    static func limitDescriptors(of pid: Int32, to number: Int) throws {
        let set = try runProgram("/usr/bin/prlimit", ["--pid", "\(pid)", "--nofile=\(number):"])
        guard set.status == .exited(0) else { throw TestFailure("prlimit: \(set)") }
    }

    @Test("the worker is another user, without any right and confined; launchers and what they start are not")
    func rights() throws {
        try withSupervisor(Self.table) { supervisor in
            let worker = supervisor.view
            #expect(worker.pid != supervisor.process.pid)
            #expect(worker.users == Array(repeating: "65534", count: 4))
            #expect(worker.groups == Array(repeating: "65534", count: 4))
            for name in ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"] {
                #expect(worker.status(name) == "0000000000000000", "\(name)")
            }
            #expect(worker.status("NoNewPrivs") == "1")
            let monitor = ProcessView(pid: supervisor.process.pid)
            #expect(monitor.effectiveUser == "0")
            #expect(try supervisor.status().pid == monitor.pid)
            let client = try TestSocket.tcp(port: supervisor.port("who"))
            #expect(try client.receiveText() == "0\n")
            let cat = try TestSocket.tcp(port: supervisor.port("cat"))
            try cat.send("x")
            #expect(try cat.receive(exactly: 1) == [120])
            let process = try supervisor.onlyHandler()
            #expect(process.status("NoNewPrivs") == "0" && process.status("Seccomp") == "0")
            cat.close()
        }
    }

    @Test("the worker's files and sockets are what it needs: it can open none of what is root's")
    func files() throws {
        let directory = try TemporaryDirectory()
        let table = "log: {to: \(directory.path("baton.log"))}\n" + Self.table
        try withSupervisor(table, in: directory) { supervisor in
            let log = directory.path("baton.log")
            #expect(try FileManager.default.attributesOfItem(atPath: log)[.ownerAccountID] as? Int == 0)
            try supervisor.process.signal(SIGUSR1)
            try FileManager.default.moveItem(atPath: log, toPath: log + ".1")
            try supervisor.process.signal(SIGUSR1)
            #expect(eventually { FileManager.default.fileExists(atPath: log) })
        }
    }

    @Test("a reload binds what is new, privileged ports too, and closes what is gone; who decides cannot change")
    func reload() throws {
        let directory = try TemporaryDirectory()
        let socket = directory.path("s.sock")
        try withSupervisor(Self.table, in: directory) { supervisor in
            let file = directory.path("baton.yaml")
            let more = Self.table + "\n  more: {listen: \"unix://\(socket)\", internal: echo}\n"
            try Data(more.utf8).write(to: URL(fileURLWithPath: file))
            #expect(try supervisor.baton("reload").status == .exited(0))
            let client = try TestSocket.unix(socket)
            try client.send("x")
            #expect(try client.receive(exactly: 1) == [120])
            client.close()
            try Data(more.replacing("supervisor_user: nobody", with: "supervisor_user: daemon").utf8)
                .write(to: URL(fileURLWithPath: file))
            let refused = try supervisor.baton("reload")
            #expect(refused.status == .exited(78) && refused.standardError.contains("supervisor_user"))
            try Data(Self.table.utf8).write(to: URL(fileURLWithPath: file))
            #expect(try supervisor.baton("reload").status == .exited(0))
            #expect(!FileManager.default.fileExists(atPath: socket))
        }
    }

    @Test("regression: a reload that the monitor has no descriptor for fails, and the next one is served")
    func reloadWithoutDescriptors() throws {
        let directory = try TemporaryDirectory()
        try withSupervisor(Self.table, in: directory) { supervisor in
            let comments = String(repeating: "# What takes a while to read.\n", count: 30_000)
            try directory.write("baton.yaml", Self.table + comments)
            let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
            defer { close(null) }
            let monitor = ProcessView(pid: supervisor.process.pid)
            var caught: (reload: TestProcess, loader: ProcessView)?
            // It may be over before anybody looks.
            for _ in 0..<100 where caught == nil {
                let reload = try TestProcess(
                    Repository.product("baton"), ["reload", "--runtime-directory", supervisor.runtimeDirectory],
                    descriptors: [null, null, null])
                _ = eventually {
                    caught = monitor.children.first { $0.arguments.dropFirst().first == "load" }.map { (reload, $0) }
                    return caught != nil || !ProcessView(pid: reload.pid).isAlive
                }
            }
            guard let (reload, loader) = caught else { throw TestFailure("nobody reads the table") }
            try loader.stop()
            try Self.limitDescriptors(of: monitor.pid, to: 3)
            kill(loader.pid, SIGCONT)
            #expect(try reload.wait() == .exited(78))
            try Self.limitDescriptors(of: monitor.pid, to: 1024)
            try directory.write("baton.yaml", Self.table)
            #expect(try supervisor.baton("reload").status == .exited(0))
        }
    }

    @Test("stop ends handlers of other users, and what does not heed it")
    func stop() throws {
        let table = """
            supervisor_user: nobody
            limits: {stop_timeout: 0s}
            services:
              deaf: {listen: "127.0.0.1:0", stop_grace: 100ms, exec: [/bin/sh, -c, "trap '' TERM; echo up; cat"]}
            """
        try withSupervisor(table, leakCheck: false) { supervisor in
            let client = try TestSocket.tcp(port: supervisor.port("deaf"))
            #expect(try client.receive(exactly: 3) == Array("up\n".utf8))
        }
    }

    @Test("a launcher that is killed is replaced by the other one; without any, another worker comes")
    func launchers() throws {
        try withSupervisor(Self.table, leakCheck: false) { supervisor in
            func launchers() -> [ProcessView] {
                supervisor.view.children.filter { $0.arguments.dropFirst().first == "launcher" && $0.isAlive }
            }
            let worker = supervisor.view
            let first = launchers()
            #expect(first.count == 2)
            kill(first[0].pid, SIGKILL)
            #expect(eventually { launchers().count == 2 && !launchers().contains(first[0]) })
            #expect(supervisor.view == worker)
            for launcher in launchers() { try launcher.stop() }
            for launcher in launchers() { kill(launcher.pid, SIGKILL) }
            #expect(eventually { supervisor.view != worker && launchers().count == 2 })
            let client = try TestSocket.tcp(port: supervisor.port("who"))
            #expect(try client.receiveText() == "0\n")
        }
    }

    @Test("root is nobody to give rights up to")
    func root() throws {
        let directory = try TemporaryDirectory()
        let table = try directory.write("t.yaml", "supervisor_user: root\nservices: {}\n")
        let checked = try runProgram(Repository.product("baton"), ["check", table])
        #expect(checked.status == .exited(78) && checked.standardError.contains("root would keep every right"))
    }
}
