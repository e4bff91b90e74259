internal import ArgumentParser
internal import ControlProtocol
internal import LinuxSystem

extension CompletionKind {
    /// The services of the supervisor that the words of the line lead to; none where it does not answer.
    static var services: CompletionKind {
        .custom { words, _, _ in
            var options = SupervisorOptions()
            options.runtimeDirectory = words.firstIndex(of: "--runtime-directory").flatMap { index in
                words.indices.contains(index + 1) ? words[index + 1] : nil
            }
            return (try? names(of: options.directory)) ?? []
        }
    }

    private static func names(of directory: RuntimeDirectory) throws -> [String] {
        var client = try ControlClient(directory)
        let status = try SupervisorStatus(result: try client.call(.status(services: []), patience: .seconds(1)))
        return status.services.map(\.name)
    }

    static var tables: CompletionKind { .file(extensions: ["yaml", "yml"]) }
}
