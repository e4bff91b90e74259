// An echo handler: reads a line, answers "swift pid=PID connection=N LINE", closes.
//
//     services:
//       echo: {listen: 7000, handoff: {exec: [/path/to/baton-example-handler]}}
//
// Run by hand it registers with a supervisor that runs already: baton-example-handler SERVICE.

internal import BatonHandler
internal import Glibc
internal import SystemPackage

@Sendable func answer(_ connection: Connection) throws {
    guard var line = try connection.readLine(limit: 4096) else { return }
    if line.last == UInt8(ascii: "\n") { line.removeLast() }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    let prefix = "swift pid=\(getpid()) connection=\(connection.number) "
    try connection.write(Array(prefix.utf8) + line + Array("\n".utf8))
}

func run() -> Int32 {
    let service = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : nil
    do throws(HandlerError) {
        try Handler.serve(HandlerConfiguration(service: service, status: "echoing"), threads: 64, answer)
        return 0
    } catch {
        _ = try? FileDescriptor.standardError.writeAll("baton: \(error)\n".utf8)
        return 1
    }
}

exit(run())
