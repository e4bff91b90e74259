internal import ArgumentParser
internal import ControlProtocol

struct Metrics: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the metrics for a monitoring system, as OpenMetrics text.",
        discussion: """
            The same as an HTTP endpoint: metrics: {listen: 127.0.0.1:9100} in the service table. docs/metrics.md \
            says what each of them means.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Flag(help: "Print the supervisor's answer as JSON, with the text in it.")
    var json = false

    func execute() throws(Failure) {
        var client = try ControlClient(supervisor.directory)
        let result = try client.call(.metrics)
        if json { return print(result.text) }
        guard let text = result.object?["text"]?.string else {
            throw Failure(.failed, "the supervisor's answer is not understood: there is no text in it")
        }
        print(text, terminator: "")
    }
}
