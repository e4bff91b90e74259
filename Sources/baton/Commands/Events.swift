internal import ArgumentParser
internal import ControlProtocol

struct Events: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what happened, and with --follow what happens.",
        discussion: """
            The supervisor keeps the last thousand events of the level notice and above, and as many of the others. \
            With --follow the last ten are shown, and then what comes, until you interrupt it; when the supervisor is \
            replaced by another within a few seconds, it goes on with that one. The list of the events is in \
            docs/control.md.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Flag(name: .shortAndLong, help: "Go on with what happens from now on.")
    var follow = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("So many of the past events; default: all, with --follow 10.", valueName: "n"))
    var recent: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Events of this kind, such as refused, exited or handler_gone; repeatable.", valueName: "kind"))
    var event: [EventName] = []

    @Option(help: ArgumentHelp("Least level: debug, info, notice, warning or error.", valueName: "level"))
    var level: EventLevel = .debug

    @Flag(help: "Print each event as a line of JSON.")
    var json = false

    @Argument(help: "Services; none: all, and what is about none of them.", completion: .services)
    var services: [String] = []

    func validate() throws {
        if let recent, recent < 0 { throw ValidationError("--recent \(recent): a number from 0 is expected") }
    }

    private static let recentWhenFollowing = 10

    func execute() throws(Failure) {
        let query = EventQuery(
            filter: EventFilter(services: Set(services), names: Set(event), level: level), follows: follow,
            recent: recent ?? (follow ? Self.recentWhenFollowing : nil))
        var feed = try EventFeed(query, from: supervisor.directory)
        let report = EventReport(paint: .forOutput)
        while let event = try feed.next() {
            guard try StandardOutput.write(json ? event.text : report.line(event)) else { return }
        }
    }
}

extension EventName: ExpressibleByArgument {}
