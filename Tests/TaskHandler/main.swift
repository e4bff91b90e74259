// A handler for tests, a task a connection: echoes lines, and passes a connection on whose first line is "pass SERVICE".
//
//     baton-task-handler SERVICE [--reconnect]

internal import BatonHandler
internal import Glibc

func serve(_ connection: Connection) async throws {
    while let line = try await connection.readLine() {
        let words = String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == "\n" }
        guard words.first == "pass", words.count == 2 else {
            try await connection.write(line)
            continue
        }
        if try await connection.pass(to: String(words[1])) == .taken { return }
        try await connection.write("kept\n")
    }
}

let configuration = HandlerConfiguration(
    service: CommandLine.arguments[1], status: "tasks", reconnects: CommandLine.arguments.contains("--reconnect"))
do {
    try await Handler.run(configuration) { try await serve($0) }
} catch {
    print("baton-task-handler: \(error)")
    exit(1)
}
