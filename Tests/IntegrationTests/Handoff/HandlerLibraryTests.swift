import Foundation
import TestSupport
import Testing

/// The C and Python libraries, by way of their examples: passing on, the other kinds of channel, a supervisor that
/// comes and goes.
@Suite(.serialized) struct HandlerLibraryTests {
    private func ask(_ port: UInt16, _ lines: String...) throws -> String {
        let client = try TestSocket.tcp(port: port)
        try client.send(lines.joined(separator: "\n") + "\n")
        return try client.receiveText()
    }

    /// A handler that is started by hand and registers by itself.
    private func start(
        _ handler: ExampleHandler, _ arguments: [String], at runtimeDirectory: String
    ) throws -> TestProcess {
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        let command = try handler.command
        return try TestProcess(
            command[0], command.dropFirst() + arguments,
            environment: ["BATON_RUNTIME_DIRECTORY": runtimeDirectory, "PATH": "/usr/bin:/bin"],
            descriptors: [null, null, null])
    }

    @Test("a connection goes from library to library, what was read of it in front, and keeps its number")
    func passing() throws {
        let service = { (name: String, handler: ExampleHandler, targets: String) in
            let exec = try handler.command.joined(separator: ", ")
            return "  \(name): {listen: '127.0.0.1:0', handoff: {exec: [\(exec)], pass_to: [\(targets)]}}\n"
        }
        let table =
            try "services:\n" + service("threads", .c, "loop, python") + service("loop", .poll, "threads, asyncio")
            + service("python", .python, "asyncio, threads") + service("asyncio", .asyncio, "python, loop, other")
            + service("other", .c, "other")
        try withSupervisor(table) { supervisor in
            let start = try supervisor.port("threads")
            let answer = try ask(
                start, "pass loop", "pass threads", "pass python", "pass asyncio", "pass loop", "the end")
            #expect(answer.hasPrefix("poll pid=") && answer.hasSuffix(" connection=1 the end\n"))
            try supervisor.waitForService("loop", "ended twice") { $0.connections.ended == 2 }
            for service in try supervisor.status().services { #expect(service.connections.active == 0) }
            supervisor.markBaseline()
        }
    }

    @Test(
        "a connection that is not passed on is still the handler's, with the reason",
        arguments: [ExampleHandler.c, .poll, .python, .asyncio])
    func refusedPass(_ handler: ExampleHandler) throws {
        let exec = try handler.command.joined(separator: ", ")
        let table = "services: {app: {listen: '127.0.0.1:0', handoff: {exec: [\(exec)]}}}"
        try withSupervisor(table) { supervisor in
            let port = try supervisor.port("app")
            #expect(try ask(port, "pass nowhere").hasSuffix(" connection=1 passed\n"))
            #expect(try ask(port, "pass nowhere", "and more").hasSuffix(" connection=2 passed\n"))
            #expect(try ask(port, "hello").hasSuffix(" connection=3 hello\n"))
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 3 }
            supervisor.markBaseline()
        }
    }

    @Test(
        "forty connections that are passed on at once all go out, though a library leaves few PASSes unanswered",
        arguments: [ExampleHandler.c, .poll, .python, .asyncio])
    func manyPasses(_ handler: ExampleHandler) throws {
        let program = Repository.path("Tests/Fixtures/many_passes.py")
        let output = try runProgram(
            "/usr/bin/python3", ["-B", program] + handler.command, deadline: Deadline(seconds: 60))
        #expect(output.status == .exited(0), "\(output.standardError)")
    }

    @Test(
        "a socket that Baton did not send is passed on by the thread that reads the channel; a refusal gives it back",
        arguments: [("back", "taken", "drained hello\n"), ("nowhere", "passed", "")])
    func adopted(_ target: String, _ outcome: String, _ answer: String) throws {
        let echo = try ExampleHandler.c.command[0]
        let directory = try TemporaryDirectory()
        let program = directory.path("adopting")
        let library = echo.replacing("/echo", with: "/library/libbaton-handler.a")
        let compiled = try runProgram(
            "gcc", ["-ILibraries/c", "-o", program, "Tests/Fixtures/adopting.c", library, "-pthread"],
            directory: Repository.root, deadline: Deadline(seconds: 60))
        #expect(compiled.status == .exited(0), "\(compiled.standardError)")
        let table = "services: {front: {handoff: {pass_to: [back]}}, back: {handoff: {exec: [\(echo)]}}}"
        try withSupervisor(table) { supervisor in
            var output: [Int32] = [-1, -1]
            try check("socketpair") {
                socketpair(AF_UNIX, TestSocket.stream | Int32(SOCK_CLOEXEC.rawValue), 0, &output)
            }
            let said = TestSocket(adopting: output[0])
            let process = try TestProcess(
                program, ["front", target], environment: ["BATON_RUNTIME_DIRECTORY": supervisor.runtimeDirectory],
                descriptors: [output[1], output[1], output[1]])
            close(output[1])
            let port = try #require(UInt16(said.receiveLine()))
            for _ in 0..<3 {
                let client = try TestSocket.tcp(port: port)
                try client.send("hello\n")
                #expect(try client.receiveText().hasSuffix(answer))
                #expect(try said.receiveLine() == outcome)
            }
            try process.signal(SIGKILL)
            try process.wait()
            try supervisor.waitForService("front", "gone") { $0.handlers.isEmpty }
            supervisor.markBaseline()
        }
    }

    @Test(
        "the client in Python of each kind of channel takes connections and passes them on",
        arguments: ["stream", "datagram"])
    func channelKinds(_ kind: String) throws {
        let table = """
            services:
              app: {listen: "127.0.0.1:0", handoff: {pass_to: [app, plain]}}
              plain: {handoff: {exec: [\(try ExampleHandler.c.command[0])]}}
            """
        try withSupervisor(table) { supervisor in
            let process = try start(.python, ["--channel", kind, "app"], at: supervisor.runtimeDirectory)
            try supervisor.waitForService("app", "registered") { $0.handlers.map(\.pid) == [process.pid] }
            let port = try supervisor.port("app")
            let clients = Threads(8) { number in
                for question in 0..<25 {
                    let line = "\(number).\(question) " + String(repeating: "x", count: 3_000)
                    let answer = try ask(port, line)
                    #expect(answer.hasSuffix(" \(line)\n"))
                }
            }
            try clients.join()
            #expect(try ask(port, "pass plain", "hello").hasPrefix("c pid="))
            #expect(try ask(port, "pass nowhere").hasSuffix(" passed\n"))
            try supervisor.waitForService("app", "ended") { $0.connections.active == 0 }
            try process.signal(SIGKILL)
            try process.wait()
            try supervisor.waitForService("app", "gone") { $0.handlers.isEmpty }
            supervisor.markBaseline()
        }
    }

    /// A handler's arguments that make it come back.
    private static let returning: [(ExampleHandler, [String])] = [
        (.poll, []), (.asyncio, []), (.python, ["--reconnect"]),
        (.python, ["--reconnect", "--channel", "stream"]), (.python, ["--reconnect", "--channel", "datagram"]),
    ]

    @Test(
        "after SIGKILL of the supervisor a handler serves what it holds, and registers with the next one in its place",
        arguments: returning)
    func reconnect(_ handler: ExampleHandler, _ options: [String]) throws {
        let table = "services: {app: {listen: '127.0.0.1:0', handoff: {}}}"
        let directory = try TemporaryDirectory()
        let first = try RunningSupervisor(table, in: directory)
        let process = try start(handler, options + ["app"], at: first.runtimeDirectory)
        try first.waitForService("app", "registered") { $0.handlers.map(\.pid) == [process.pid] }
        let held = try TestSocket.tcp(port: first.port("app"))
        try first.waitForService("app", "acknowledged") { $0.connections.handed_off == 1 }
        try first.process.signal(SIGKILL)
        try first.process.wait()

        try withSupervisor(table, in: directory) { supervisor in
            try supervisor.waitForService("app", "registered again") { $0.handlers.map(\.pid) == [process.pid] }
            try held.send("held\n")
            #expect(try held.receiveText().hasSuffix(" connection=1 held\n"))
            #expect(try ask(supervisor.port("app"), "new").hasSuffix(" connection=1 new\n"))
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }
            try process.signal(SIGKILL)
            try process.wait()
            try supervisor.waitForService("app", "gone") { $0.handlers.isEmpty }
            supervisor.markBaseline()
        }
    }

    @Test(
        "a handler that is there before the supervisor registers when it comes; TERM drains it",
        arguments: [ExampleHandler.poll, .asyncio])
    func early(_ handler: ExampleHandler) throws {
        let directory = try TemporaryDirectory()
        let process = try start(handler, ["app"], at: directory.path("run"))
        try withSupervisor("services: {app: {listen: '127.0.0.1:0', handoff: {}}}", in: directory) { supervisor in
            try supervisor.waitForService("app", "registered") { $0.handlers.map(\.pid) == [process.pid] }
            let held = try TestSocket.tcp(port: supervisor.port("app"))
            try supervisor.waitForService("app", "acknowledged") { $0.connections.handed_off == 1 }
            try process.signal(SIGTERM)
            try supervisor.waitForService("app", "draining") { $0.handlers.map(\.state) == ["draining"] }
            try held.send("held\n")
            #expect(try held.receiveText().hasSuffix(" connection=1 held\n"))
            #expect(try process.wait() == .exited(0))
            try supervisor.waitForService("app", "gone") { $0.handlers.isEmpty && $0.connections.ended == 1 }
            supervisor.markBaseline()
        }
    }

    @Test("the installed C library is found by pkg-config, shows its interface only, and is enough for the example")
    func installed() throws {
        let directory = try TemporaryDirectory()
        let build = directory.path("build"), prefix = directory.path("usr"), copy = directory.path("c")
        let steps = """
            set -e
            make -s -C Libraries/c install BUILD=\(build) PREFIX=\(prefix)
            cp -r examples/persistent-handlers/c \(copy)
            PKG_CONFIG_PATH=\(prefix)/lib/pkgconfig make -s -C \(copy)
            nm -D --defined-only \(prefix)/lib/libbaton-handler.so.0 | awk '{print $3}' | sort >\(directory.path("exported"))
            sed -nE 's/.*[ *](baton_[a-z_]+)\\(.*/\\1/p' \(prefix)/include/baton_handler.h | grep -v '^ ' | sort -u \
                >\(directory.path("documented"))
            """
        let output = try runProgram(
            "/bin/sh", ["-c", steps], directory: Repository.root, deadline: Deadline(seconds: 120))
        #expect(output.status == .exited(0), "\(output.standardError)")
        let exported = try directory.read("exported").split(separator: "\n")
        let documented = try Set(directory.read("documented").split(separator: "\n"))
        #expect(exported.count >= 15 && documented.isSuperset(of: exported), "\(exported)")

        let exec = copy + "/echo"
        let table = """
            services:
              app:
                listen: "127.0.0.1:0"
                env: {LD_LIBRARY_PATH: \(prefix)/lib}
                handoff: {exec: [\(exec)]}
            """
        try withSupervisor(table) { supervisor in
            #expect(try ask(supervisor.port("app"), "hello").hasSuffix(" hello\n"))
            try supervisor.waitForService("app", "ended") { $0.connections.ended == 1 }
            supervisor.markBaseline()
        }
    }
}
