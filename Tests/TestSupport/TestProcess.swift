import Foundation
import Synchronization

/// A process that the test started, with none of the test's descriptors (all are close-on-exec) but those it is given,
/// default signals and an empty mask. Killed when the value goes away unfinished.
package final class TestProcess {
    package let pid: pid_t
    private var status: ExitStatus?

    /// Held for every spawn and for what makes a descriptor that is not close-on-exec from birth (Glibc's module hides
    /// accept4 and pipe2), so that no child inherits it.
    package static func withoutSpawning<Result>(_ body: () throws -> Result) rethrows -> Result {
        try spawning.withLock { _ in try body() }
    }

    private static let spawning = Mutex(())

    /// How a process ended.
    package enum ExitStatus: Equatable, Sendable {
        case exited(Int32)
        case signaled(Int32)
    }

    /// - Parameter descriptors: the child's number → the test's descriptor; numbers must be dense from 0.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil,
        descriptors: [Int32]
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Sources may bear the numbers of targets: they are moved out of the way first.
        let parked = try descriptors.map { source in try check("dup") { fcntl(source, F_DUPFD_CLOEXEC, 100) } }
        defer { parked.forEach { close($0) } }
        for (target, source) in parked.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let environment = environment ?? ProcessInfo.processInfo.environment
        // Glibc's module hides posix_spawn_file_actions_addchdir_np: the shell changes the directory.
        let command = directory.map { ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", $0] } ?? []
        let vector = command + [program] + arguments
        var argv = vector.map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var child: pid_t = 0
        let error = Self.withoutSpawning {
            // The test runner's own eventfds are not close-on-exec, and Glibc's module hides closefrom actions.
            for descriptor in ProcessView.own.descriptors.keys where descriptor > 2 {
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            }
            return posix_spawnp(&child, vector[0], &actions, &attributes, &argv, &envp)
        }
        guard error == 0 else { throw TestFailure.systemCall("posix_spawn \(program)", error: error) }
        pid = child
    }

    deinit {
        guard status == nil else { return }
        kill(pid, SIGKILL)
        var ignored: Int32 = 0
        waitpid(pid, &ignored, 0)
    }

    /// Not collected yet: its pid is its own.
    package var isRunning: Bool { status == nil }

    package func signal(_ number: Int32) throws {
        try check("kill") { kill(pid, number) }
    }

    /// Waits for the end; collected at most once, so that the pid stays its own until then.
    @discardableResult
    package func wait(until deadline: Deadline = Deadline()) throws -> ExitStatus {
        if let status { return status }
        var raw: Int32 = 0
        // Swift cannot call pidfd_open (syscall(2) is variadic, and Glibc's module has no sys/pidfd.h).
        let collected = try eventually(within: deadline) {
            try check("waitpid") { waitpid(pid, &raw, WNOHANG) } == pid
        }
        guard collected else { throw TestFailure("process \(pid) still runs") }
        let ended: ExitStatus = raw & 0x7f == 0 ? .exited((raw >> 8) & 0xff) : .signaled(raw & 0x7f)
        status = ended
        return ended
    }
}

/// What a program that ran to its end said.
package struct ProgramOutput: Sendable {
    package let status: TestProcess.ExitStatus
    package let standardOutput: String
    package let standardError: String
}

/// Runs a program to its end with /dev/null as its input. Its output goes through files: no pipe can fill up.
package func runProgram(
    _ program: String, _ arguments: [String] = [], environment: [String: String]? = nil, directory: String? = nil,
    deadline: Deadline = Deadline()
) throws -> ProgramOutput {
    let scratch = try TemporaryDirectory()
    let input = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
    let output = try check("open") { open(scratch.path("out"), O_CREAT | O_WRONLY | O_CLOEXEC, 0o600) }
    let errors = try check("open") { open(scratch.path("err"), O_CREAT | O_WRONLY | O_CLOEXEC, 0o600) }
    defer { [input, output, errors].forEach { close($0) } }
    let child = try TestProcess(
        program, arguments, environment: environment, directory: directory, descriptors: [input, output, errors])
    let status = try child.wait(until: deadline)
    return ProgramOutput(
        status: status, standardOutput: try scratch.read("out"), standardError: try scratch.read("err"))
}
