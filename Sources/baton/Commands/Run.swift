internal import ArgumentParser
internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable
internal import SystemPackage

struct Run: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Supervise in the foreground.",
        discussion: """
            With a table: serves what it says. Default: /etc/baton/baton.yaml; for others than root, baton.yaml in \
            the working directory comes first.

            With --listen: serves one program without a table, as in

              baton run --listen 8080 -- /usr/sbin/micro-httpd /srv/www

            Defaults are those of a table: the program runs in /, in a clean environment, one process a connection. \
            Such a supervisor keeps to itself, so that several run at once: its runtime directory is the default \
            one with its pid added (/run/baton-PID), unless one is named.

            TERM or INT: drain and stop; a second one: now.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Option(help: ArgumentHelp("Least level of the log; default: what the table says.", valueName: "level"))
    var logLevel: EventLevel?

    @Option(
        help: ArgumentHelp(
            "Form of the log: text, json, syslog or journal; default: what the table says.", valueName: "format"))
    var logFormat: LogFormat?

    @Option(help: ArgumentHelp("Write a newline to this descriptor when every listener was tried.", valueName: "n"))
    var readyFd: Int32?

    @Flag(help: "Fail if a listener cannot be bound at the start.")
    var strict = false

    @Argument(help: "The service table.", completion: .tables)
    var table: String?

    @OptionGroup(title: "One service without a table") var single: OneServiceOptions

    func validate() throws {
        if let readyFd, readyFd < 1 || !Self.isOpen(readyFd) {
            throw ValidationError("--ready-fd \(readyFd): an open descriptor is expected")
        }
        try single.validate(beside: table)
    }

    func execute() throws(Failure) {
        var arguments = ["batond", "run"]
        if let directory { arguments += ["--runtime-directory", directory.path] }
        if let logLevel { arguments += ["--log-level", logLevel.rawValue] }
        if let logFormat { arguments += ["--log-format", logFormat.rawValue] }
        if let readyFd { arguments += ["--ready-fd", "\(readyFd)"] }
        if strict { arguments.append("--strict") }
        if single.listen.isEmpty {
            if let table { throw Self.becomeSupervisor(arguments + [table]) }
            throw Self.becomeSupervisor(arguments + [try Self.defaultTable()])
        }
        let text = OneServiceTable(single)
        try text.check()
        let file: OwnedDescriptor
        do throws(Errno) { file = try CurrentProcess.inheritableFile(text.bytes, name: "baton-table") } catch {
            throw Failure(.failed, "no memory for the table: \(error)")
        }
        arguments += ["--table-descriptor", "\(file.rawValue)", "--table-name", OneServiceTable.name]
        throw Self.becomeSupervisor(arguments)
    }

    private var directory: RuntimeDirectory? {
        // The table's goes before that of the environment.
        guard !single.listen.isEmpty else { return supervisor.runtimeDirectory.map { RuntimeDirectory(path: $0) } }
        // The pid stays the same across exec.
        return supervisor.named ?? RuntimeDirectory.standardOfThisUser.of(pid: CurrentProcess.pid)
    }

    /// A number that is not open would come to mean a file of our own.
    private static func isOpen(_ number: Int32) -> Bool {
        (try? FileDescriptor(rawValue: number).duplicate().close()) != nil
    }

    private static func defaultTable() throws(Failure) -> String {
        let candidates = (CurrentProcess.uid == 0 ? [] : ["baton.yaml"]) + ["/etc/baton/baton.yaml"]
        for path in candidates where exists(path) { return path }
        throw Failure(
            .tableFaults,
            "no service table: there is no \(candidates.joined(separator: " and no ")); name one, or see --listen")
    }

    /// Whether there is something of that name, readable or not.
    private static func exists(_ path: String) -> Bool {
        do {
            try FileDescriptor.open(FilePath(path), .readOnly, options: [.nonBlocking, .closeOnExec]).close()
            return true
        } catch {
            return error as? Errno != .noSuchFileOrDirectory
        }
    }

    /// Execs the `batond` that belongs to this program.
    ///
    /// - Returns: Why there is none; else it does not return.
    private static func becomeSupervisor(_ arguments: [String]) -> Failure {
        guard let program = CurrentProcess.program.map({ FilePath($0) }) else {
            return Failure(.failed, "/proc is not mounted, so batond is not found")
        }
        let here = program.removingLastComponent()
        let candidates = [here.appending("batond"), here.appending("../libexec/baton/batond").lexicallyNormalized()]
        for candidate in candidates {
            let error = CurrentProcess.become(candidate.string, arguments: arguments)
            if error != .noSuchFileOrDirectory && error != .notDirectory {
                return Failure(.failed, "\(candidate): \(error)")
            }
        }
        return Failure(.failed, "there is no \(candidates[0]) and no \(candidates[1])")
    }
}

extension EventLevel: ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}
