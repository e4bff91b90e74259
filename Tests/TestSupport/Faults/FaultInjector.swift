import Foundation
import Synchronization
import SystemCallFaults

/// Answers the system calls of a program under test and of what it starts: lets them go their way, counts them, and fails
/// the one that the test has named.
package final class FaultInjector: Sendable {
    private let directory: TemporaryDirectory
    private let state: Mutex<State>
    private let threads: Mutex<Threads?> = Mutex(nil)

    private struct State {
        /// What a program of ours calls before its first line, by the dynamic linker and the runtime: it fails by itself,
        /// and not as the one that is shipped would.
        let startup: [FallibleCall: Int]
        /// By thread, which in the programs under test is the process.
        var processes: [Int32: Process] = [:]
        var fault: SystemCallFault?
        var last: String?
        var isOver = false
        var failures = 0
        var counts: [ProcessRole: [FallibleCall: Int]] = [:]
    }

    private struct Process {
        var role: ProcessRole
        /// An exec is on its way: what it is shows at its next call.
        var isBecoming = false
        /// Of its start, not made yet.
        var startup: [FallibleCall: Int] = [:]
    }

    package convenience init() throws {
        try self.init(startup: Self.startup.get())
    }

    private init(startup: [FallibleCall: Int]) throws {
        state = Mutex(State(startup: startup))
        directory = try TemporaryDirectory()
        let socket = try TestSocket(family: AF_UNIX, type: TestSocket.stream)
        try socket.bind(to: SocketName(unix: directory.path("socket")))
        try socket.listen(backlog: 4)
        let entrance = socket.descriptor
        // The thread owns it from here on: it ends when the last process that asks has ended.
        let box = try check("dup") { fcntl(entrance, F_DUPFD_CLOEXEC, 3) }
        threads.withLock { $0 = Threads(1) { [self] _ in try serve(TestSocket(adopting: box)) } }
    }

    /// As `batond --version` has it, whose only line is that it says so.
    private static let startup = Result {
        let injector = try FaultInjector(startup: [:])
        let batond = Repository.product("batond")
        let output = try runProgram(program, ["--version"], environment: injector.environment(for: batond))
        try injector.expectEnd()
        guard output.status == .exited(0), let counts = injector.counts[.brief] else {
            throw TestFailure("batond --version: \(output)")
        }
        return counts.filter { !$0.key.name.hasPrefix("write") }
    }

    /// Stands in the place of `program`.
    package static let program = Repository.product("baton-faulted")

    /// What the program under test is started with.
    package func environment(for program: String = Repository.product("baton")) -> [String: String] {
        let numbers = Set(FallibleCall.all.map(\.number)).sorted()
        return [
            "FAULTS_SOCKET": directory.path("socket"), "FAULTS_PROGRAM": program,
            "FAULTS_CALLS": numbers.map(String.init).joined(separator: ","),
        ]
    }

    // MARK: Asking

    /// Counts anew, and fails what is asked for.
    ///
    /// - Parameter last: The name of the call with whose first by the supervisor both are over.
    package func arm(_ fault: SystemCallFault?, until last: String? = nil) {
        state.withLock { state in
            state.fault = fault
            (state.last, state.isOver) = (last, false)
            state.failures = 0
            state.counts = [:]
        }
    }

    /// Fails nothing any more.
    ///
    /// - Returns: How often it has.
    package func disarm() -> Int {
        state.withLock { state in
            state.fault = nil
            return state.failures
        }
    }

    /// Failed since the last `arm`.
    package var failures: Int { state.withLock { $0.failures } }

    /// Calls made since the last `arm`.
    package var counts: [ProcessRole: [FallibleCall: Int]] { state.withLock { $0.counts } }

    /// All of them that the supervisor made, and its worker.
    package var supervisorCalls: Int {
        let counts = counts
        return [.supervisor, .worker].reduce(0) { $0 + (counts[$1]?.values.reduce(0, +) ?? 0) }
    }

    /// Waits until nobody is left who could ask: neither the program nor what it has started.
    package func expectEnd() throws {
        try threads.withLock { $0 }?.join(within: Deadline(seconds: 20))
    }

    // MARK: Answering

    private func serve(_ entrance: TestSocket) throws {
        guard waitFor(POLLIN, on: entrance.descriptor, until: Deadline(seconds: 60)) else { return }
        let client = try entrance.accept()
        guard let listener = try client.receivePacket(atMost: 1).descriptor else {
            throw TestFailure("no descriptor to answer at")
        }
        defer { close(listener) }
        while true {
            var ready = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            if poll(&ready, 1, -1) < 0 { continue }
            // Nobody is left who could ask.
            if ready.revents & Int16(POLLIN) == 0 { return }
            var call = faults_call()
            guard faults_next(listener, &call) == 0 else { continue }
            let error = state.withLock { Self.answer(call, &$0) }
            // Killed meanwhile: nobody waits.
            _ = faults_answer(listener, call.id, error)
        }
    }

    private static let execNumbers = [faults_number("execve"), faults_number("execveat")]

    private static func answer(_ call: faults_call, _ state: inout State) -> Int32 {
        let role = role(of: call, &state)
        guard role != .other, let kind = FallibleCall.all.first(where: { $0.matches(call) }) else { return 0 }
        if let left = state.processes[call.thread]?.startup[kind], left > 0 {
            state.processes[call.thread]?.startup[kind] = left - 1
            return 0
        }
        if state.isOver { return 0 }
        state.isOver = role == .supervisor && kind.name == state.last
        let count = (state.counts[role]?[kind] ?? 0) + 1
        state.counts[role, default: [:]][kind] = count
        guard let fault = state.fault, fault.role == role, fault.call == kind,
            count == fault.occurrence || fault.lasts && count > fault.occurrence
        else { return 0 }
        state.failures += 1
        state.processes[call.thread]?.isBecoming = false
        return fault.error
    }

    private static func role(of call: faults_call, _ state: inout State) -> ProcessRole {
        var process = state.processes[call.thread] ?? Process(role: roleAtBirth(of: call.thread, state))
        if process.isBecoming {
            let view = ProcessView(pid: call.thread)
            process.role = ProcessRole(program: view.program ?? "", arguments: view.arguments)
            process.startup = state.startup
        }
        process.isBecoming = execNumbers.contains(call.number)
        state.processes[call.thread] = process
        return process.role
    }

    /// A thread is what its process is; a process of one of ours is on its way to what it is to be.
    private static func roleAtBirth(of thread: Int32, _ state: State) -> ProcessRole {
        let view = ProcessView(pid: thread)
        if let process = view.status("Tgid").flatMap({ Int32($0) }), process != thread {
            return state.processes[process]?.role ?? .other
        }
        let parent = view.parent.flatMap { state.processes[$0]?.role } ?? .other
        return parent == .other ? .other : .child
    }
}
