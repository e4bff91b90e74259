internal import ArgumentParser
internal import ControlProtocol
internal import LinuxSystem
internal import SystemPackage

struct Top: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch services live: rates, waiting times, handlers.",
        discussion: """
            In a terminal it takes the whole screen; ? shows the keys. Elsewhere it prints a table, or with --json the \
            status on a line, every interval, and ends when the supervisor does.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Option(help: ArgumentHelp("The time between two looks, 100ms or more.", valueName: "time"))
    var interval = "1s"

    @Option(help: ArgumentHelp("End after so many.", valueName: "n"))
    var count: Int?

    @Flag(help: "Print each status as a line of JSON.")
    var json = false

    @Argument(help: "Services; none: all.", completion: .services)
    var services: [String] = []

    func validate() throws {
        guard let time = Duration(text: interval), time >= .milliseconds(100) else {
            throw ValidationError(
                "--interval \(interval): a time of 100ms or more with its unit is expected, such as 2s")
        }
        if let count, count < 1 { throw ValidationError("--count \(count): a number from 1 on is expected") }
    }

    func execute() throws(Failure) {
        let interval = Duration(text: interval) ?? .seconds(1)
        let text = TopText(isUnicode: TopText.isUnicode(CurrentProcess.environment))
        var client = try ControlClient(supervisor.directory)
        let result = try client.call(.status(services: services))
        let first = try SupervisorStatus(result: result)
        do {
            if !json, isFullScreen {
                let feed = StatusFeed(supervisor.directory, services: services)
                let session = try TopSession(
                    first: first, feed: feed, interval: interval, count: count, text: text, paint: .forOutput)
                try session.run()
            } else {
                var listing = try TopListing(client, services: services, interval: interval, count: count)
                if json {
                    try listing.printJSON(first: result)
                } else {
                    try listing.printTables(first: first, text: text)
                }
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.failed, "the terminal: \(error)")
        }
    }

    private var isFullScreen: Bool {
        Terminal.isTerminal(.standardInput) && Terminal.isTerminal(.standardOutput)
            && CurrentProcess.environment("TERM") != "dumb"
    }
}

extension SupervisorStatus {
    /// What a supervisor has answered.
    init(result: JSON) throws(Failure) {
        do throws(JSONShapeError) { self = try SupervisorStatus(json: result) } catch {
            throw Failure(.failed, "the supervisor's status is not understood: \(error)")
        }
    }
}
