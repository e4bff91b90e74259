import Foundation
import TestSupport

/// A supervisor that is pid 1, as in a container: processes and mounts of its own, and nothing to be written to but
/// `/run`.
final class Container {
    let directory: TemporaryDirectory
    let log: LogFile
    /// unshare(1), which waits for the supervisor and ends as it does.
    private let outside: TestProcess
    /// The supervisor, by its number out here.
    let supervisor: ProcessView

    /// - Parameters:
    ///   - setup: Commands of a shell, run inside before the supervisor.
    ///   - terminal: What the supervisor has for its input, output and standard error.
    init(
        _ table: String, in directory: TemporaryDirectory? = nil, after setup: String = "", terminal: Int32? = nil,
        waits: Bool = true
    ) throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        let log = try LogFile(path: directory.path("log"))
        self.log = log
        let file = try directory.write("baton.yaml", table)
        let program = try MountNamespace.wrapped(
            after: """
                mount -t tmpfs tmpfs /run
                mount -o remount,bind,ro /
                \(setup)
                """, options: "--pid --fork --kill-child --mount-proc", in: directory)
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        let output = try check("open") { open(log.path, O_WRONLY | O_APPEND | O_CLOEXEC) }
        defer { [null, output].forEach { close($0) } }
        let outside = try TestProcess(
            program, ["run", file], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
            descriptors: terminal.map { [$0, $0, $0] } ?? [null, output, output])
        self.outside = outside
        var inside: ProcessView?
        _ = eventually {
            inside = ProcessView(pid: outside.pid).children.first
            return inside != nil
        }
        guard let inside else { throw TestFailure("nothing runs inside: \(log.text)") }
        supervisor = inside
        guard waits else { return }
        guard eventually({ (try? status()) != nil }) else { throw TestFailure("not ready:\n\(log.text)") }
    }

    /// As it is seen from outside.
    func path(_ inside: String) -> String { "/proc/\(supervisor.pid)/root\(inside)" }

    func status() throws -> StatusReport {
        let result = try ControlClient(path: path("/run/baton/control.sock")).result("status")
        return try JSONDecoder().decode(StatusReport.self, from: JSONSerialization.data(withJSONObject: result))
    }

    func client(_ service: String, listener index: Int = 0) throws -> TestSocket {
        guard let port = try status().service(service).listeners[index].port else { throw TestFailure("no port") }
        return try TestSocket.tcp(port: port)
    }

    func signal(_ number: Int32) throws {
        try check("kill") { kill(supervisor.pid, number) }
    }

    func wait() throws -> TestProcess.ExitStatus {
        do { return try outside.wait() } catch { throw TestFailure("\(error)\n\(log.tail)") }
    }

    /// TERM, as `docker stop` sends it.
    func stop() throws {
        try signal(SIGTERM)
        let status = try wait()
        guard status == .exited(0) else { throw TestFailure("ended with \(status)\n\(log.tail)") }
    }
}
