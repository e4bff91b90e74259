internal import ArgumentParser
internal import ControlProtocol

struct Stop: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop a service, or the supervisor with everything.",
        discussion: """
            Listeners close, handlers finish what they have. Without a service it waits until the supervisor is \
            gone.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Option(
        help: ArgumentHelp(
            "How long running work may go on, such as 30s or 1m30s; default: what the table says.", valueName: "time"))
    var drain: String?

    @Flag(help: "Print the supervisor's answer as JSON.")
    var json = false

    @Argument(help: "Services; none: everything.", completion: .services)
    var services: [String] = []

    func validate() throws {
        if let drain, Duration(text: drain) == nil {
            throw ValidationError("--drain \(drain): a time with its unit is expected, such as 500ms, 30s or 1m30s")
        }
    }

    func execute() throws(Failure) {
        var client = try ControlClient(supervisor.directory)
        let request = ControlRequest.Method.stop(services: services, drain: drain.flatMap { Duration(text: $0) })
        let result = try client.call(request, patience: nil)
        if services.isEmpty { try client.waitForEnd() }
        if json { print(result.text) }
    }
}
