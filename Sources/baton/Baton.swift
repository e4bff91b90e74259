internal import ArgumentParser
internal import ControlProtocol
internal import LinuxSystem

@main
struct Baton: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton",
        abstract: "Listens for connections and hands them to the programs that serve them.",
        discussion: """
            Exit codes: 0 done; 1 it went wrong, or something is not healthy; 64 wrong usage; 69 no supervisor \
            answers; 77 not allowed; 78 the service table has faults.
            """,
        version: "baton \(BatonVersion.text)",
        subcommands: [
            Run.self, Check.self, Schema.self, Import.self, Status.self, Top.self, Connections.self, Events.self,
            Metrics.self,
            Reload.self, Pause.self, Resume.self, Restart.self, Upgrade.self, Pass.self, Stop.self, HandlerTest.self,
        ])

    static func main() {
        ChildProcess.keepEnded()
        main(nil)
    }

    func run() throws {
        // Swift reads the arguments from /proc/self/cmdline; without it, even `baton run` would be no command.
        guard !CommandLine.arguments.isEmpty else {
            StandardError.write("baton: /proc is not mounted")
            throw ExitCode(Failure.Code.failed.rawValue)
        }
        throw CleanExit.helpRequest(self)
    }
}
