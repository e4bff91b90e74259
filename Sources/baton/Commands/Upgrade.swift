internal import ArgumentParser
internal import ControlProtocol

struct Upgrade: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let the program on disk take over in the same process.",
        discussion: """
            Listeners, connections, handlers and counters are carried over, and nobody is disconnected. The program \
            on disk is tried first on a copy of all that; when it cannot take over, the old one goes on, and the exit \
            code is 1.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Flag(help: "Print the supervisor's answer as JSON.")
    var json = false

    func execute() throws(Failure) {
        var client = try ControlClient(supervisor.directory)
        // Its trial, what is being started, and its own beginning have their times.
        let result = try client.call(.upgrade, patience: .seconds(40))
        if json { return print(result.text) }
        let version = result.object?["version"]?.string ?? "?"
        let former = result.object?["former"]?.string ?? "?"
        print("baton \(version.printable()) has taken over from \(former.printable())")
    }
}
