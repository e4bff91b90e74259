import Foundation
import Synchronization
import TestSupport
import Testing

/// The persistent handlers of examples/persistent-handlers: a line is answered with "LANGUAGE pid=… connection=… LINE".
enum ExampleHandler: String, CaseIterable, CustomTestStringConvertible {
    case c, poll, python, asyncio, swift

    var testDescription: String { rawValue }

    /// Program and arguments, absolute.
    var command: [String] {
        get throws {
            let examples = Repository.path("examples/persistent-handlers")
            switch self {
            case .c: return [try Self.compiled.get() + "/echo"]
            case .poll: return [try Self.compiled.get() + "/poll_echo"]
            case .python: return ["/usr/bin/python3", examples + "/python/echo.py"]
            case .asyncio: return ["/usr/bin/python3", examples + "/python/async_echo.py"]
            case .swift: return [Repository.product("baton-example-handler")]
            }
        }
    }

    /// Compiled once for all tests, beside the programs.
    private static let compiled = Result {
        let build = Repository.product("c-handler")
        try FileManager.default.createDirectory(atPath: build, withIntermediateDirectories: true)
        let output = try runProgram(
            "make", ["-s", "-C", Repository.path("examples/persistent-handlers/c"), "BUILD=\(build)"],
            deadline: Deadline(seconds: 60))
        guard output.status == .exited(0) else { throw TestFailure(output.standardError) }
        return build
    }
}

/// Handlers in three languages, with threads and in event loops, under load, killed in the middle.
@Suite(.serialized) struct ExampleHandlerTests {
    private func table(_ handler: ExampleHandler) throws -> String {
        """
        services:
          app:
            listen: "127.0.0.1:0"
            handoff:
              exec: [\(try handler.command.joined(separator: ", "))]
              restart: {backoff: {first: 10ms, longest: 100ms}, burst: unlimited, interval: 60s}
        """
    }

    @Test(
        "regression: what a handler holds when its supervisor is killed it finishes, and ends",
        arguments: [ExampleHandler.python, .asyncio])
    func finishes(_ handler: ExampleHandler) throws {
        let supervisor = try RunningSupervisor(table(handler))
        let client = try TestSocket.tcp(port: supervisor.port("app"))
        try supervisor.waitForService("app", "held") {
            $0.handlers.first?.held == 1 && $0.handlers.first?.unacknowledged == 0
        }
        let process = try supervisor.onlyHandler()
        func sockets() -> Int { process.descriptorKinds.count { $0 == "socket:" } }
        let before = sockets()
        try supervisor.process.signal(SIGKILL)
        // It has closed its end of the channel.
        #expect(eventually { sockets() < before })
        try client.send("last\n")
        #expect(try client.receiveText().hasSuffix(" last\n"))
        #expect(eventually { !process.isAlive })
    }

    /// What became of the clients' questions.
    private final class Tally: Sendable {
        private let counts = Mutex((answered: 0, unanswered: 0))
        var answered: Int { counts.withLock { $0.answered } }
        var unanswered: Int { counts.withLock { $0.unanswered } }
        func count(_ isAnswered: Bool) {
            counts.withLock { if isAnswered { $0.answered += 1 } else { $0.unanswered += 1 } }
        }
    }

    /// Asks a line; false when the connection ended without an answer, which must be the right one otherwise.
    private func ask(_ port: UInt16, _ line: String) throws -> Bool {
        let client = try TestSocket.tcp(port: port)
        do {
            try client.send(line + "\n")
            let answer = try client.receiveText()
            guard !answer.isEmpty else { return false }
            guard answer.hasSuffix(" \(line)\n") else { throw TestFailure("\(line) was answered by \(answer)") }
            return true
        } catch let failure as TestFailure where failure.description.hasPrefix("recv: Connection reset") {
            return false
        }
    }

    @Test("each answers, as a handler that Baton started", arguments: ExampleHandler.allCases)
    func answers(_ handler: ExampleHandler) throws {
        try withSupervisor(table(handler)) { supervisor in
            let port = try supervisor.port("app")
            for number in 0..<50 { #expect(try ask(port, "line \(number)")) }
            let service = try supervisor.waitForService("app", "ended") { $0.connections.ended == 50 }
            #expect(service.handlers.count == 1)
            #expect(service.connections.spawned == 1)
            supervisor.markBaseline()
        }
    }

    @Test("each registers with a running supervisor when it is started by hand", arguments: ExampleHandler.allCases)
    func registers(_ handler: ExampleHandler) throws {
        try withSupervisor("services: {app: {listen: '127.0.0.1:0', handoff: {}}}") { supervisor in
            let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
            defer { close(null) }
            let command = try handler.command
            let process = try TestProcess(
                command[0], command.dropFirst() + ["app"],
                environment: ["BATON_RUNTIME_DIRECTORY": supervisor.runtimeDirectory, "PATH": "/usr/bin:/bin"],
                descriptors: [null, null, null])
            try supervisor.waitForService("app", "registered") { $0.handlers.map(\.pid) == [process.pid] }
            #expect(try ask(supervisor.port("app"), "by hand"))
            try process.signal(SIGKILL)
            try process.wait()
            try supervisor.waitForService("app", "gone") { $0.handlers.isEmpty }
        }
    }

    /// 8 clients ask without a pause while the handler is killed every 400 ms. BATON_STORM_SECONDS says how long;
    /// 20 is the whole storm.
    @Test(
        "in a storm of SIGKILLs nothing is lost: every client has its answer but those whose handler died after ACK",
        arguments: ExampleHandler.allCases)
    func killStorm(_ handler: ExampleHandler) throws {
        let seconds = ProcessInfo.processInfo.environment["BATON_STORM_SECONDS"].flatMap { Double($0) } ?? 3
        try withSupervisor(table(handler)) { supervisor in
            let port = try supervisor.port("app")
            #expect(try ask(port, "first"))
            supervisor.markBaseline()
            let tally = Tally()
            let end = Deadline(seconds: seconds)
            let clients = Threads(8) { number in
                var question = 0
                while !end.isOver {
                    question += 1
                    tally.count(try ask(port, "\(number).\(question)"))
                }
            }
            var kills = 0
            while !end.isOver {
                idleInterval(seconds: 0.4)
                for process in supervisor.handlers() where kill(process.pid, SIGKILL) == 0 { kills += 1 }
            }
            try clients.join()
            #expect(try ask(port, "last"))
            let counts = try supervisor.waitForService("app", "settled") { $0.connections.active == 0 }.connections
            #expect(counts.lost == 0)
            #expect(counts.abandoned == 0)
            #expect(counts.refused.isEmpty)
            #expect(kills >= Int(seconds / 0.4) - 2)
            #expect(tally.answered > 100)
            #expect(tally.unanswered <= counts.cut, "only who was in a handler's hands has no answer")
        }
    }
}
