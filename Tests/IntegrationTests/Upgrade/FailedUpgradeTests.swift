import Foundation
import TestSupport
import Testing

/// A new program that cannot take over leaves the old one serving.
@Suite struct FailedUpgradeTests {
    private static let table = """
        services:
          echo: {listen: "127.0.0.1:0", internal: echo}
          cat: {listen: "127.0.0.1:0", exec: /bin/cat}
        """

    /// A supervisor that runs from files of its own, so that the one on disk can be replaced.
    private static func supervisor(
        in directory: TemporaryDirectory, environment: [String: String] = [:]
    ) throws -> RunningSupervisor {
        for name in ["baton", "batond"] { try directory.copyProduct(name) }
        return try RunningSupervisor(
            table, in: directory, environment: environment, program: directory.path("baton"))
    }

    /// As a package manager does it: another file takes the name.
    private static func replace(_ directory: TemporaryDirectory, with script: String, mode: mode_t = 0o755) throws {
        _ = try directory.write("new", script, mode: mode)
        guard rename(directory.path("new"), directory.path("batond")) == 0 else { throw TestFailure("rename") }
    }

    /// A connection that was there before, and one that comes after, are served.
    private static func expectServing(_ supervisor: RunningSupervisor, _ held: TestSocket) throws {
        try held.send("x")
        #expect(try held.receive(exactly: 1) == [120])
        let client = try TestSocket.tcp(port: supervisor.port("cat"))
        try client.send("new")
        #expect(try client.receive(exactly: 3) == Array("new".utf8))
        client.close()
        try supervisor.waitForService("cat", "done") { $0.connections.active == 0 }
    }

    enum Broken: String, CaseIterable {
        case exits = "#!/bin/sh\nexit 1\n"
        case succeedsSilently = "#!/bin/sh\nexit 0\n"
        case chatters = "#!/bin/sh\nyes\n"
        case cannotRun = "#!/no/such/interpreter\n"
        case dies = "#!/bin/sh\nkill -SEGV $$\n"
        case hangs = "#!/bin/sh\nexec sleep 600\n"
    }

    @Test("a program that does not pass its trial", arguments: Broken.allCases)
    func trial(_ broken: Broken) throws {
        let directory = try TemporaryDirectory()
        let supervisor = try Self.supervisor(in: directory)
        let held = try TestSocket.tcp(port: supervisor.port("echo"))
        try Self.replace(directory, with: broken.rawValue)
        let output = try supervisor.baton("upgrade")
        #expect(output.status == .exited(1) && output.standardError.contains(directory.path("batond")))
        _ = try supervisor.log.wait(for: "upgrade failed, and nothing has changed")
        try Self.expectServing(supervisor, held)
        held.close()
        try supervisor.expectNoLeak()
        try supervisor.stop()
    }

    @Test("a program that may not be executed, and one that is not there")
    func notExecutable() throws {
        let directory = try TemporaryDirectory()
        let supervisor = try Self.supervisor(in: directory)
        let held = try TestSocket.tcp(port: supervisor.port("echo"))
        try Self.replace(directory, with: "", mode: 0o644)
        #expect(try supervisor.baton("upgrade").standardError.contains("Permission denied"))
        unlink(directory.path("batond"))
        #expect(try supervisor.baton("upgrade").standardError.contains("No such file"))
        try Self.expectServing(supervisor, held)
        // The right one back in its place: the next upgrade works.
        try directory.copyProduct("batond")
        try supervisor.upgrade()
        try Self.expectServing(supervisor, held)
        held.close()
        try supervisor.stop()
    }

    /// What Tests/Fixtures/failing_start.c does to a program that takes over.
    enum Failing: String, CaseIterable {
        case crash, abort, early, late
    }

    @Test("a program that fails when it has taken over goes back to the old one", arguments: Failing.allCases)
    func takeover(_ failing: Failing) throws {
        let directory = try TemporaryDirectory()
        let library = directory.path("failing.so")
        let built = try runProgram(
            "/usr/bin/gcc",
            ["-shared", "-fPIC", "-o", library, Repository.path("Tests/Fixtures/failing_start.c"), "-ldl"])
        guard built.status == .exited(0) else { throw TestFailure(built.standardError) }
        let supervisor = try Self.supervisor(
            in: directory, environment: ["LD_PRELOAD": library, "FAILING_START": failing.rawValue])
        let held = try TestSocket.tcp(port: supervisor.port("echo"))
        let exec = try TestSocket.tcp(port: supervisor.port("cat"))
        try exec.send("1")
        #expect(try exec.receive(exactly: 1) == [49])
        for _ in 1...2 {
            let output = try supervisor.baton("upgrade")
            #expect(output.status == .exited(1), "\(output)")
            #expect(
                output.standardError.contains(failing == .crash || failing == .abort ? "crashed" : "cannot take over"))
            try exec.send("2")
            #expect(try exec.receive(exactly: 1) == [50])
        }
        exec.close()
        try Self.expectServing(supervisor, held)
        held.close()
        let status = try supervisor.status()
        #expect(status.pid == supervisor.process.pid)
        #expect(status.services.allSatisfy { $0.connections.isBalanced && $0.connections.lost == 0 })
        try supervisor.expectNoLeak()
        try supervisor.stop()
    }

    @Test("a supervisor that is told to stop while the program on disk is tried stops")
    func stopping() throws {
        let directory = try TemporaryDirectory()
        let supervisor = try Self.supervisor(in: directory)
        let held = try TestSocket.tcp(port: supervisor.port("echo"))
        #expect(try held.ask() == "hello")
        // The trial passes when `go` is there.
        try Self.replace(
            directory,
            with: """
                #!/bin/sh
                touch \(directory.path("tried"))
                while ! [ -e \(directory.path("go")) ]; do sleep 0.01; done
                exec \(Repository.product("batond")) "$@"

                """)
        try supervisor.process.signal(SIGUSR2)
        guard eventually({ access(directory.path("tried"), F_OK) == 0 }) else { throw TestFailure("no trial") }
        let family = supervisor.view.descendants
        try supervisor.process.signal(SIGTERM)
        _ = try supervisor.log.wait(for: "stopping (SIGTERM)")
        _ = try directory.write("go", "")
        _ = try supervisor.log.wait(for: "upgrade failed", "the supervisor stops")
        #expect(try held.ask("still") == "still")
        held.close()
        try supervisor.expectEnd(of: family)
    }

    @Test("a second upgrade while one is under way is refused")
    func second() throws {
        let directory = try TemporaryDirectory()
        let supervisor = try Self.supervisor(in: directory)
        try Self.replace(directory, with: "#!/bin/sh\necho $$ > \(directory.path("pid"))\nexec sleep 600\n")
        try supervisor.process.signal(SIGUSR2)
        guard eventually({ (try? directory.read("pid").hasSuffix("\n")) ?? false }) else {
            throw TestFailure("no trial")
        }
        #expect(try supervisor.baton("upgrade").standardError.contains("under way"))
        kill(pid_t(try directory.read("pid").trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0, SIGKILL)
        _ = try supervisor.log.wait(for: "it does not take the state")
        try supervisor.expectNoLeak()
        try supervisor.stop()
    }
}
