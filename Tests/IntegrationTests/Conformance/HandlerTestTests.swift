import ControlProtocol
import Foundation
import Synchronization
import TestSupport
import Testing

/// `baton handler-test`: handlers that keep to the protocol pass it, and each fault is found by the check that names it.
@Suite(.serialized) struct HandlerTestTests {
    private static let passing = ["--send-pass", "pass\\n"]
    private static let passChecks = ["pass", "pass-taken", "pass-refused"]

    private static func faulty(_ fault: String) -> [String] {
        [Repository.product("baton-faulty-handler"), fault]
    }

    @Test("the example handlers pass every check, without a remark", arguments: ExampleHandler.allCases)
    func examples(_ handler: ExampleHandler) throws {
        let run = try HandlerTestRun(try handler.command)
        #expect(run.seen == [:])
        #expect(run.remarks == [])
        // That of asyncio leaves its capacity to the window: there is nothing stated to check.
        let skipped = handler == .asyncio ? ["capacity"] + Self.passChecks : Self.passChecks
        #expect(run.checks("skipped") == skipped)
        #expect(run.checks("passed").count >= 38 - skipped.count)
        #expect(run.status == .exited(0))
    }

    @Test("a handler without a fault, which passes connections on too, passes every check")
    func faultless() throws {
        let run = try HandlerTestRun(Self.faulty("none"), Self.passing)
        #expect(run.seen == [:])
        #expect(run.checks("skipped") == [])
        #expect(run.status == .exited(0))
    }

    @Test("each fault fails the check that names it, and no other")
    func faults() throws {
        let rest = Mutex(HandlerFault.all)
        let threads = Threads(8) { _ in
            while let fault = rest.withLock({ $0.popLast() }) {
                let run = try HandlerTestRun(Self.faulty(fault.name), patience: "3s", Self.passing)
                #expect(run.checks("failed") == [fault.check], "\(fault.name): \(run.seen)")
                #expect(run.status == .exited(1))
            }
        }
        try threads.join()
        #expect(Self.processes(of: ["sleep", "86399"]) == [], "what a handler started goes with it")
        #expect(Self.processes(of: [Repository.product("baton-faulty-handler")]) == [])
    }

    @Test("for every check there is a fault that it finds")
    func coverage() throws {
        let output = try runProgram(Repository.product("baton"), ["handler-test", "--list", "--json"])
        let list = try JSON(parsing: Array(output.standardOutput.utf8))
        let names = (list.object?["checks"]?.array ?? []).compactMap { $0.object?["name"]?.string }
        #expect(names.count >= 38)
        #expect(Set(names).subtracting(HandlerFault.all.map(\.check)) == [])
        let page = try String(contentsOfFile: Repository.path("docs/handler-test.md"), encoding: .utf8)
        for name in names { #expect(page.contains("| `\(name)` |"), "docs/handler-test.md lists every check") }
    }

    @Test("it prints a line a check, what it saw, where to read on, and a summary; no colour in a file")
    func text() throws {
        let command = ["handler-test", "--only", "ping", "--only", "done", "--timeout", "5s", "--"]
        let output = try runProgram(Repository.product("baton"), command + Self.faulty("doneTwice"))
        #expect(output.status == .exited(1))
        let lines = output.standardOutput.split(separator: "\n").map(String.init)
        try #require(lines.count == 5)
        #expect(lines[0].hasPrefix("failed   done  DONE comes once for each connection"))
        #expect(lines[1] == "         seen: it sent what it may not: DONE of 1, which is done already")
        #expect(lines[2] == "         read: docs/protocol.md, \"What you must do, 4\"")
        #expect(lines[3].hasPrefix("passed   ping  "))
        #expect(lines[4] == "1 passed, 1 failed, 0 skipped")
    }

    @Test("the last that a handler wrote stands under what it did wrong")
    func output() throws {
        let script = "echo started; echo 'no such module' >&2; exit 3"
        let output = try runProgram(Repository.product("baton"), ["handler-test", "--", "/bin/sh", "-c", script])
        #expect(output.status == .exited(1))
        #expect(output.standardOutput.contains("seen: it ended with status 3, and REGISTER had not come\n"))
        #expect(output.standardOutput.contains("it wrote: no such module\n"))
        #expect(output.standardOutput.contains("\n0 passed, 1 failed, 37 skipped\n"))
    }

    @Test(
        "wrong usage is told, with exit code 64",
        arguments: [
            [], ["--only", "nothing", "--", "/bin/true"], ["--timeout", "5", "--", "/bin/true"],
            ["--send", "\\q", "--", "/bin/true"], ["--expect", "\\x4", "--", "/bin/true"], ["--", "/nonexistent"],
            ["/bin/true"],
        ])
    func usage(_ arguments: [String]) throws {
        let output = try runProgram(Repository.product("baton"), ["handler-test"] + arguments)
        #expect(output.status == .exited(64))
        #expect(output.standardError.hasPrefix("Error: "))
    }

    @Test("interrupted, it leaves no handler behind")
    func interrupted() throws {
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        defer { close(null) }
        let process = try TestProcess(
            Repository.product("baton"),
            ["handler-test", "--timeout", "60s", "--"] + Self.faulty("neverAcknowledges"),
            descriptors: [null, null, null])
        let view = ProcessView(pid: process.pid)
        #expect(eventually { view.children.contains { $0.arguments.last == "neverAcknowledges" } })
        let handlers = view.children
        try process.signal(SIGTERM)
        #expect(try process.wait() == .exited(1))
        #expect(eventually { handlers.allSatisfy { !$0.isAlive } })
    }

    /// Running processes whose command line begins so.
    private static func processes(of command: [String]) -> [ProcessView] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { pid_t($0) }.map(ProcessView.init)
            .filter { $0.isAlive && $0.arguments.starts(with: command) }
    }
}
