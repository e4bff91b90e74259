internal import ArgumentParser
internal import ControlProtocol

struct Status: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show services, listeners, handlers and what became of connections.",
        discussion: """
            The exit code is 1 when something is not healthy: a service failed, a listener that cannot be bound, a \
            handler that does not respond, a connection lost.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Flag(help: "Print the status as JSON.")
    var json = false

    @Argument(help: "Services; none: all.", completion: .services)
    var services: [String] = []

    func execute() throws(Failure) {
        var client = try ControlClient(supervisor.directory)
        let result = try client.call(.status(services: services))
        let status = try SupervisorStatus(result: result)
        if json {
            print(result.text)
        } else {
            for line in StatusReport(status, paint: .forOutput).lines { print(line) }
        }
        if !status.isHealthy { throw Failure(.failed) }
    }
}
