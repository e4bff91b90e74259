internal import ArgumentParser
internal import ControlProtocol

struct Connections: BatonCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who is connected, and what serves them.",
        discussion: """
            One line a connection, the oldest first. The id is the one in BATON_CONNECTION and in the log. What a wait \
            handler accepts by itself is not known here.
            """)

    @OptionGroup var supervisor: SupervisorOptions

    @Flag(help: "Print the connections as JSON.")
    var json = false

    @Argument(help: "Services; none: all.", completion: .services)
    var services: [String] = []

    func execute() throws(Failure) {
        var client = try ControlClient(supervisor.directory)
        let result = try client.call(.connections(services: services))
        if json { return print(result.text) }
        let list: ConnectionList
        do throws(JSONShapeError) { list = try ConnectionList(json: result) } catch {
            throw Failure(.failed, "the supervisor's answer is not understood: \(error)")
        }
        for line in ConnectionReport(list, paint: .forOutput).lines { print(line) }
    }
}

/// The connections for people.
struct ConnectionReport {
    private let list: ConnectionList
    private let paint: Paint

    init(_ list: ConnectionList, paint: Paint) {
        self.list = list
        self.paint = paint
    }

    var lines: [String] {
        guard !list.connections.isEmpty else { return [paint.faint("no connections")] }
        var columns = Columns()
        columns.append(
            ["SERVICE", "ID", "PEER", "STATE", "SERVED BY", "AGE"].map { Columns.Cell(text: $0, paint: paint.faint) })
        for connection in list.connections {
            columns.append([
                Columns.Cell(text: connection.service.printable(), paint: paint.strong),
                Columns.Cell(text: "\(connection.id)"),
                Columns.Cell(text: connection.peer),
                Columns.Cell(text: connection.state.rawValue, paint: paint(connection.state)),
                Columns.Cell(text: server(of: connection)),
                Columns.Cell(text: connection.age.brief),
            ])
        }
        let more = list.omitted > 0 ? [paint.odd("and \(list.omitted) more that are not shown")] : []
        return columns.lines(widestFirst: 24) + more
    }

    private func server(of connection: ConnectionStatus) -> String {
        let pid = connection.pid.map { "pid \($0)" }
        let handler = connection.handler.map { "handler \($0.printable())" }
        let words = [handler, pid].compactMap { $0 }
        return words.isEmpty ? "-" : words.joined(separator: ", ")
    }

    private func paint(_ state: ConnectionStatus.State) -> (String) -> String {
        switch state {
        case .held, .running, .relayed, .internal: paint.good
        case .arriving, .banner, .routing, .queued, .sent, .starting, .connecting: paint.odd
        }
    }
}
