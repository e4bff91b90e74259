internal import ControlProtocol
internal import Glibc
internal import Launcher
internal import LinuxSystem
internal import MetricsEndpoint
internal import ServiceTable
internal import Supervisor
internal import SystemPackage

/// The ways to call `batond`. People call `baton`; this is for it, and for batond itself.
enum Arguments {
    private static let usage = """
        usage: batond run [--runtime-directory DIR] [--log-level LEVEL] [--log-format FORMAT]
                          [--ready-fd N] [--strict] (TABLE | --table-descriptor N --table-name NAME)
               batond load (TABLE | --standard-input NAME)   (what run has read the table with)
               batond launcher CHANNEL REPORT [PERMITS]      (what run has processes started with)
               batond worker                                 (what run has decide, where it keeps the rights itself)
               batond names CHANNEL                          (what run looks names up with)
               batond can-take-over                          (what an upgrade is tried with, on a state)
               batond metrics                                (what run serves metrics over HTTP with)
               batond --version
        """

    /// More than a table may have, so that a longer one shows as too long.
    private static let mostTableBytes = 2 << 20

    /// - Returns: The exit status (sysexits.h).
    static func run(_ arguments: [String]) -> Int32 {
        // Swift reads them from /proc/self/cmdline.
        guard !arguments.isEmpty else {
            _ = try? FileDescriptor.standardError.writeAll(Array("batond: /proc is not mounted\n".utf8))
            return 1
        }
        var rest = arguments.dropFirst()
        switch rest.popFirst() {
        case "run":
            if let status = Takeover.run(arguments) { return status }
            guard let options = options(rest) else { return wrong() }
            return Supervisor.run(options)
        case "worker":
            if let status = Takeover.run(arguments) { return status }
            return rest.isEmpty ? Supervisor.work() : wrong()
        case "load":
            return load(Array(rest))
        case "launcher":
            let numbers = rest.compactMap { Int32($0) }
            guard numbers.count == rest.count, 2...3 ~= numbers.count else { return wrong() }
            return Launcher.run(
                channel: numbers[0], report: numbers[1], permits: numbers.count == 3 ? numbers[2] : nil)
        case "names":
            guard rest.count == 1, let channel = rest.first.flatMap({ Int32($0) }) else { return wrong() }
            return NameWorker.run(channel: channel)
        case "can-take-over":
            return rest.isEmpty ? Takeover.check() : wrong()
        case "metrics":
            guard rest.isEmpty else { return wrong() }
            return MetricsEndpoint.run()
        case "--version":
            print("batond \(BatonVersion.text)")
            return 0
        default:
            return wrong()
        }
    }

    private static func wrong() -> Int32 {
        let bytes = Array((usage + "\n").utf8)
        _ = try? FileDescriptor.standardError.writeAll(bytes)
        return 64
    }

    private static func options(_ arguments: ArraySlice<String>) -> SupervisorOptions? {
        var rest = arguments
        var options = SupervisorOptions(table: .file(""))
        var table: TableSource?
        var descriptor: Int32?
        var name: String?
        while let word = rest.popFirst() {
            switch word {
            case "--runtime-directory": options.runtimeDirectory = rest.popFirst()
            case "--log-level":
                guard let level = rest.popFirst().flatMap(EventLevel.init(rawValue:)) else { return nil }
                options.logLevel = level
            case "--log-format":
                guard let format = rest.popFirst().flatMap(LogFormat.init(rawValue:)) else { return nil }
                options.logFormat = format
            case "--ready-fd": options.readyDescriptor = rest.popFirst().flatMap { Int32($0) }
            case "--strict": options.isStrict = true
            case "--table-descriptor": descriptor = rest.popFirst().flatMap { Int32($0) }
            case "--table-name": name = rest.popFirst()
            case _ where word.hasPrefix("-") || table != nil: return nil
            default: table = .file(word)
            }
        }
        if let descriptor, let name { table = .descriptor(descriptor, name: name) }
        guard let table else { return nil }
        options.table = table
        return options
    }

    /// Reads a table and writes it, checked, to standard output.
    private static func load(_ arguments: [String]) -> Int32 {
        let loaded: LoadedTable
        switch (arguments.count, arguments.first) {
        case (2, "--standard-input"?):
            guard let text = try? FileDescriptor.standardInput.readToEnd(most: mostTableBytes) else { return 66 }
            loaded = ServiceTableReader.read(text: text, name: arguments[1], resolving: true)
        case (1, let file?):
            loaded = ServiceTableReader.read(file: file, resolving: true)
        default: return wrong()
        }
        let status: Int32 = (try? FileDescriptor.standardOutput.writeAll(loaded.encoded())) == nil ? 74 : 0
        // With all of it as it is: the kernel frees it at once, and the supervisor waits for this end.
        return withExtendedLifetime(loaded) { exit(status) }
    }
}
