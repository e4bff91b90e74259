internal import ArgumentParser
internal import ControlProtocol

struct Restart: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start new handlers, then drain the old ones: no connection is lost.",
        discussion: """
            It waits until new handlers serve in place of all old ones; those finish what they hold. When the new \
            ones do not start, the old ones go on, and the exit code is 1. A failed service is tried again at once, \
            and one that was stopped starts again. A wait handler is ended, and started again with the next connection.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Flag(help: "Print the supervisor's answer as JSON.")
    var json = false

    @Argument(help: "Services.", completion: .services)
    var services: [String]

    func execute() throws(Failure) {
        var client = try ControlClient(supervisor.directory)
        let result = try client.call(.restart(services: services), patience: nil)
        ServiceAnswer(result).print(asJSON: json, refusal: "nothing to restart: ")
    }
}
