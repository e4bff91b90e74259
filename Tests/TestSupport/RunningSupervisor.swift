import Foundation

/// The real program under test: `baton run` from the build directory, with a runtime directory of its own, ready when
/// the initializer returns.
package final class RunningSupervisor {
    package let directory: TemporaryDirectory
    package let runtimeDirectory: String
    package let log: LogFile
    package let process: TestProcess
    /// From the start of `baton run` to its newline on `--ready-fd`.
    package let secondsUntilReady: Double
    private var baseline = Resources(descriptors: [], children: [])

    /// What must be as it was when a scenario is over.
    package struct Resources: Equatable {
        package var descriptors: [String]
        package var children: [String]
    }

    /// - Parameters:
    ///   - table: the service table's text.
    ///   - options: further options of `baton run`.
    ///   - environment: added to the supervisor's own, which is otherwise PATH only.
    ///   - arguments: instead of a table, what follows `baton run` (`--listen …`).
    ///   - inherited: what it finds open besides, from number 4 on.
    package init(
        _ table: String, in directory: TemporaryDirectory? = nil, options: [String] = [],
        environment: [String: String] = [:], arguments: [String]? = nil, inherited: [Int32] = [],
        program: String = Repository.product("baton")
    ) throws {
        _ = DescriptorLimit.raised
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        runtimeDirectory = directory.path("run")
        let logPath = directory.path("log")
        log = try LogFile(path: logPath)
        let file = try directory.write("baton.yaml", Self.separated(table))

        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        let output = try check("open") { open(logPath, O_WRONLY | O_APPEND | O_CLOEXEC) }
        var ready: [Int32] = [-1, -1]
        try check("socketpair") { socketpair(AF_UNIX, TestSocket.stream | Int32(SOCK_CLOEXEC.rawValue), 0, &ready) }
        let readEnd = ready[0]
        defer { [null, output, readEnd].forEach { close($0) } }

        let begin = Deadline.now()
        let what = ["run", "--ready-fd", "3", "--runtime-directory", runtimeDirectory] + options
        process = try TestProcess(
            program, what + (arguments ?? [file]),
            environment: ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
                .merging(environment) { $1 },
            descriptors: [null, output, output, ready[1]] + inherited)
        close(ready[1])

        var byte: UInt8 = 0
        guard waitFor(POLLIN, on: readEnd, until: Deadline()), read(readEnd, &byte, 1) == 1,
            byte == UInt8(ascii: "\n")
        else {
            let status = try? process.wait(until: Deadline(seconds: 5))
            throw NotReady(status: status, log: log.text)
        }
        secondsUntilReady = Double(Deadline.now() - begin) / 1e9
        // The supervisor closes the descriptor after the newline: only then is its table of descriptors at rest.
        guard waitFor(POLLIN, on: readEnd, until: Deadline()), read(readEnd, &byte, 1) == 0 else {
            throw TestFailure("--ready-fd is not closed after the newline:\n\(log.tail)")
        }
        // And what the reader of the table left behind is collected before the first request is answered.
        _ = try status()
        markBaseline()
    }

    /// With BATON_TEST_SUPERVISOR_USER all scenarios are played with rights and decisions in two processes.
    package static func separated(_ table: String) -> String {
        guard let user = ProcessInfo.processInfo.environment["BATON_TEST_SUPERVISOR_USER"],
            table.first?.isLetter == true, !table.contains("supervisor_user")
        else { return table }
        return "supervisor_user: \(user)\n" + table
    }

    /// The supervisor ended, or closed its ready descriptor, without saying that it was ready.
    package struct NotReady: Error, CustomStringConvertible {
        package let status: TestProcess.ExitStatus?
        package let log: String
        package var description: String {
            "the supervisor did not become ready (\(String(describing: status))):\n\(log)"
        }
    }

    deinit {
        // After a failure nothing must stay behind: the handlers are the supervisor's children.
        guard process.isRunning else { return }
        let left = view.descendants
        kill(process.pid, SIGKILL)
        left.filter(\.isAlive).forEach { kill($0.pid, SIGKILL) }
    }

    /// The process that decides.
    package var view: ProcessView {
        let first = ProcessView(pid: process.pid)
        return first.children.first { $0.arguments.dropFirst().first == "worker" } ?? first
    }

    // MARK: Asking

    package func control() throws -> ControlClient {
        try ControlClient(path: runtimeDirectory + "/control.sock")
    }

    package func status() throws -> StatusReport {
        let client = try control()
        let result = try client.result("status")
        try client.finish()
        return try JSONDecoder().decode(
            StatusReport.self, from: JSONSerialization.data(withJSONObject: result))
    }

    package func service(_ name: String) throws -> StatusReport.Service {
        try status().service(name)
    }

    /// The port that a service's listener got; `listen: "127.0.0.1:0"` takes a free one.
    package func port(_ service: String, listener index: Int = 0) throws -> UInt16 {
        let listeners = try self.service(service).listeners
        guard listeners.indices.contains(index), let port = listeners[index].port else {
            throw TestFailure("\(service) has no port: \(listeners)")
        }
        return port
    }

    /// Waits for what `baton status` shows of a service.
    @discardableResult
    package func waitForService(
        _ name: String, _ what: String, within deadline: Deadline = Deadline(),
        where holds: (StatusReport.Service) -> Bool
    ) throws -> StatusReport.Service {
        var last: StatusReport.Service?
        let held = try eventually(within: deadline) {
            let service = try service(name)
            last = service
            return holds(service)
        }
        guard held, let last else {
            throw TestFailure("\(name): not \(what): \(String(describing: last))\n\(log.tail)")
        }
        return last
    }

    /// Runs a command of `baton` against this supervisor.
    package func baton(_ arguments: String..., deadline: Deadline = Deadline()) throws -> ProgramOutput {
        try runProgram(
            Repository.product("baton"), arguments + ["--runtime-directory", runtimeDirectory], deadline: deadline)
    }

    /// The processes that serve: the supervisor's children but the launchers.
    package func handlers() -> [ProcessView] {
        view.children.filter { $0.name != "batond" && $0.isAlive }
    }

    /// The only process that serves now, waited for.
    package func onlyHandler() throws -> ProcessView {
        var found: [ProcessView] = []
        guard
            eventually({
                found = handlers(); return found.count == 1
            })
        else {
            throw TestFailure("not one handler: \(found)\n\(log.tail)")
        }
        return found[0]
    }

    // MARK: Leaks

    /// Of the process that decides, and of its monitor where there is one.
    package var resources: Resources {
        let processes = Set([view, ProcessView(pid: process.pid)])
        return Resources(
            descriptors: processes.flatMap(\.descriptorKinds).sorted(),
            children: processes.flatMap(\.children).map(\.name).sorted())
    }

    /// Takes what is open and running now as what must be so at the end: after a persistent handler has started.
    ///
    /// Looked at until two looks agree, with an answer of the supervisor before each: what came to it earlier has been
    /// dealt with by then.
    package func markBaseline() {
        var last: Resources?
        _ = eventually {
            _ = try? status()
            last = baseline
            baseline = resources
            return baseline == last
        }
    }

    /// Waits until descriptors and children are what they were at the baseline.
    ///
    /// But for the pair of sockets through which the programs of a service write to the log: it comes with the first of
    /// them, and stays, with a monitor too.
    package func expectNoLeak() throws {
        var now = baseline
        let starting = try status().services.count { ["exec", "handoff"].contains($0.dispatch) }
        let ends = view.pid == process.pid ? 2 : 4
        let logs = (0...starting).map { [String](repeating: "socket:", count: ends * $0) }
        let same = eventually {
            now = resources
            let gone = baseline.descriptors.without(now.descriptors)
            return now.children == baseline.children && gone.isEmpty
                && logs.contains(now.descriptors.without(baseline.descriptors))
        }
        guard same else {
            throw TestFailure(
                """
                leaked: descriptors \(now.descriptors.without(baseline.descriptors)), children \
                \(now.children.without(baseline.children)); gone: \(baseline.descriptors.without(now.descriptors)), \
                \(baseline.children.without(now.children))
                """)
        }
    }

    // MARK: Ending

    /// Sends TERM, waits for the end and for that of all that ran under the supervisor.
    package func stop(expecting expected: TestProcess.ExitStatus = .exited(0)) throws {
        let family = view.descendants
        try process.signal(SIGTERM)
        try expectEnd(of: family, status: expected)
    }

    /// The supervisor has been told to stop: waits for it and asserts that `family` went with it.
    package func expectEnd(of family: [ProcessView], status expected: TestProcess.ExitStatus = .exited(0)) throws {
        let status: TestProcess.ExitStatus
        do {
            status = try process.wait()
        } catch {
            throw TestFailure("\(error); children: \(view.descendants)\n\(log.tail)")
        }
        guard status == expected else { throw TestFailure("ended with \(status), not \(expected)\n\(log.tail)") }
        guard eventually({ !family.contains(where: \.isAlive) }) else {
            throw TestFailure("outlived the supervisor: \(family.filter(\.isAlive))\n\(log.tail)")
        }
    }
}

/// A program that does something in a shell, and then is `baton`.
package func batonProgram(after command: String, in directory: TemporaryDirectory) throws -> String {
    let program = try directory.write(
        "baton", "#!/bin/sh\n\(command)\nexec \(Repository.product("baton")) \"$@\"\n")
    chmod(program, 0o755)
    return program
}

/// Runs a scenario against a supervisor of its own; afterwards no descriptor and no child may have leaked, nothing may
/// be counted as lost, and the supervisor must stop with status 0, everything it started with it.
package func withSupervisor(
    _ table: String, in directory: TemporaryDirectory? = nil, options: [String] = [],
    environment: [String: String] = [:], arguments: [String]? = nil, leakCheck: Bool = true,
    _ scenario: (RunningSupervisor) throws -> Void
) throws {
    let supervisor = try RunningSupervisor(
        table, in: directory, options: options, environment: environment, arguments: arguments)
    do {
        try scenario(supervisor)
    } catch {
        throw TestFailure("\(error)\nthe log:\n\(supervisor.log.tail)")
    }
    if leakCheck {
        do {
            try supervisor.expectNoLeak()
        } catch {
            throw TestFailure("\(error)\n\(supervisor.view.descriptors)\nthe log:\n\(supervisor.log.tail)")
        }
    }
    for service in try supervisor.status().services {
        guard service.connections.lost == 0, service.connections.isBalanced else {
            throw TestFailure("\(service.name): \(service.connections)\n\(supervisor.log.tail)")
        }
    }
    try supervisor.stop()
}

extension [String] {
    /// What is here more often than there.
    fileprivate func without(_ others: [String]) -> [String] {
        var rest = self
        for other in others {
            if let index = rest.firstIndex(of: other) { rest.remove(at: index) }
        }
        return rest
    }
}
