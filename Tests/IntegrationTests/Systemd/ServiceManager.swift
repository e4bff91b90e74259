import Foundation
import LinuxSystem
import SystemPackage
import TestSupport

/// systemd, as far as a service sees it: it starts the supervisor with sockets, hears what it says to NOTIFY_SOCKET, and
/// keeps what it is given over the end of the process.
final class ServiceManager {
    let directory: TemporaryDirectory
    let log: LogFile
    private let socket: ManagerSocket
    private var supervisor: TestProcess?

    init(in directory: TemporaryDirectory? = nil) throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        log = try LogFile(path: directory.path("log"))
        socket = try ManagerSocket(directory.path("notify"))
    }

    var kept: [ManagerSocket.Kept] { socket.kept }

    var process: TestProcess {
        get throws {
            guard let supervisor else { throw TestFailure("nothing was started") }
            return supervisor
        }
    }

    var runtimeDirectory: String { directory.path("run") }

    /// What it says must be told apart by its `FDNAME`s.
    var keptNames: [String] { kept.map(\.name) }

    /// Starts `baton run` with the sockets of `units` and what is kept.
    func start(
        _ table: String, units: [(name: String, descriptor: Int32)] = [], environment: [String: String] = [:]
    ) throws {
        let file = try directory.write("baton.yaml", table)
        let null = try check("open") { open("/dev/null", O_RDWR | O_CLOEXEC) }
        let output = try check("open") { open(log.path, O_WRONLY | O_APPEND | O_CLOEXEC) }
        defer { [null, output].forEach { close($0) } }
        let passed = units + kept.compactMap { each in each.socket.borrowed.map { (each.name, $0.rawValue) } }
        var variables = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "NOTIFY_SOCKET": directory.path("notify"),
        ]
        if !passed.isEmpty {
            variables["LISTEN_FDS"] = "\(passed.count)"
            variables["LISTEN_FDNAMES"] = passed.map(\.0).joined(separator: ":")
        }
        supervisor = try TestProcess(
            "/bin/sh",
            [
                "-c", "LISTEN_PID=$$ exec \"$0\" \"$@\"", Repository.product("baton"), "run", "--runtime-directory",
                runtimeDirectory, file,
            ],
            environment: variables.merging(environment) { $1 },
            descriptors: [null, output, output] + passed.map(\.1))
    }

    /// Starts it, and waits until it is ready.
    @discardableResult
    func startAndWait(
        _ table: String, units: [(name: String, descriptor: Int32)] = [], environment: [String: String] = [:]
    ) throws -> [String: String] {
        try start(table, units: units, environment: environment)
        return try receive("READY") { $0["READY"] == "1" }
    }

    /// Reads what the supervisor says, and does it, until a message is as it should be.
    @discardableResult
    func receive(_ what: String, until isWanted: ([String: String]) -> Bool) throws -> [String: String] {
        while true {
            let message: [String: String]
            do {
                message = try socket.receive()
            } catch {
                throw TestFailure("no \(what): \(error)\n\(log.tail)")
            }
            if isWanted(message) { return message }
        }
    }

    func isSilent(for seconds: Double) -> Bool { socket.isSilent(for: seconds) }

    // MARK: Asking

    func status() throws -> StatusReport {
        let result = try ControlClient(path: runtimeDirectory + "/control.sock").result("status")
        return try JSONDecoder().decode(StatusReport.self, from: JSONSerialization.data(withJSONObject: result))
    }

    func port(_ service: String, listener index: Int = 0) throws -> UInt16 {
        guard let port = try status().service(service).listeners[index].port else { throw TestFailure("no port") }
        return port
    }

    /// The sockets that the supervisor has open, by inode.
    func sockets() throws -> Set<String> {
        Set(ProcessView(pid: try process.pid).descriptors.values.filter { $0.hasPrefix("socket:") })
    }

    // MARK: Ending

    func crash() throws {
        let children = ProcessView(pid: try process.pid).descendants
        try process.signal(SIGKILL)
        guard try process.wait() == .signaled(SIGKILL) else { throw TestFailure("not killed") }
        // As systemd does with what is left in the unit's cgroup.
        children.filter(\.isAlive).forEach { kill($0.pid, SIGKILL) }
    }

    func stop() throws {
        try process.signal(SIGTERM)
        let status = try process.wait()
        guard status == .exited(0) else { throw TestFailure("ended with \(status)\n\(log.tail)") }
    }
}
