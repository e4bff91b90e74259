internal import ArgumentParser
internal import ControlProtocol

struct Pause: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take services out of the poll set: new clients wait in the backlog.",
        discussion: """
            What is running goes on, and so does what other services give them. Nothing happens to a service that is \
            paused already.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Flag(help: "Print the supervisor's answer as JSON.")
    var json = false

    @Argument(help: "Services.", completion: .services)
    var services: [String]

    func execute() throws(Failure) {
        var client = try ControlClient(supervisor.directory)
        ServiceAnswer(try client.call(.pause(services: services))).print(asJSON: json)
    }
}

struct Resume: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go on with services that were paused: the clients that wait come first.")

    @OptionGroup var supervisor: SupervisorOptions

    @Flag(help: "Print the supervisor's answer as JSON.")
    var json = false

    @Argument(help: "Services.", completion: .services)
    var services: [String]

    func execute() throws(Failure) {
        var client = try ControlClient(supervisor.directory)
        ServiceAnswer(try client.call(.resume(services: services))).print(asJSON: json)
    }
}

/// What became of a request for several services: nothing is said where all went as asked.
struct ServiceAnswer {
    private let result: JSON

    init(_ result: JSON) {
        self.result = result
    }

    func print(asJSON json: Bool, refusal: String = "") {
        if json { return Swift.print(result.text) }
        for note in result.object?["notes"]?.array ?? [] {
            guard let service = note.object?["service"]?.string, let text = note.object?["note"]?.string else {
                continue
            }
            Swift.print("\(service.printable()): \(refusal)\(text.printable())")
        }
    }
}
