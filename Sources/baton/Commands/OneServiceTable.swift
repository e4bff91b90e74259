internal import ControlProtocol
internal import LinuxSystem
internal import ServiceTable

/// The service table of `baton run --listen`. Each option has a line of its own, so that a fault can be
/// told in terms of the option.
struct OneServiceTable {
    static let name = "command line"

    private var lines: [String] = []
    /// The option behind each line.
    private var origins: [String] = []

    var bytes: [UInt8] { Array((lines.joined(separator: "\n") + "\n").utf8) }

    init(_ options: OneServiceOptions) {
        append("services:", from: "")
        append("  \(Self.quoted(Self.serviceName(options.program.first))):", from: "")
        append("    listen:", from: "--listen")
        for endpoint in options.listen { append("      - \(Self.quoted(endpoint))", from: "--listen \(endpoint)") }
        if let program = options.program.first {
            let arguments = [Self.absolute(program)] + options.program.dropFirst()
            append("    exec: [\(arguments.map(Self.quoted).joined(separator: ", "))]", from: program)
        }
        if options.wait { append("    wait: true", from: "--wait") }
        if let style = options.style { append("    style: \(Self.quoted(style))", from: "--style \(style)") }
        if let instances = options.instances { append("    instances: \(instances)", from: "-c \(instances)") }
        if let user = options.user { append("    user: \(Self.quoted(user))", from: "-u \(user)") }
        // Last: a value that is no YAML spoils only what follows it.
        for pair in options.set {
            let key = pair.prefix { $0 != "=" }
            append("    \(key): \(pair.dropFirst(key.count + 1))", from: "--set \(pair)")
        }
    }

    private mutating func append(_ line: String, from origin: String) {
        lines.append(line)
        origins.append(origin)
    }

    /// Reads the table as the supervisor will, and reports its faults by option.
    func check() throws(Failure) {
        let loaded = ServiceTableReader.read(text: bytes, name: Self.name, resolving: true)
        for fault in loaded.faults {
            // YAML that does not end is told behind the last line, which spoilt it.
            let origin = fault.line > 0 ? origins[min(fault.line, origins.count) - 1] : ""
            let place = origin.isEmpty ? fault.key : origin
            let severity = fault.severity == .error ? "" : "\(fault.severity.rawValue): "
            StandardError.write("baton: \(severity)\(place.isEmpty ? "" : place + ": ")\(fault.message)")
        }
        if loaded.table == nil { throw Failure(.tableFaults) }
    }

    /// A JSON string is a double-quoted YAML scalar.
    private static func quoted(_ text: String) -> String { JSON.string(text).text }

    /// The program's file name, with what no service may be called replaced.
    private static func serviceName(_ program: String?) -> String {
        let file = program?.split(separator: "/").last ?? ""
        let name = file.unicodeScalars.map { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": Character(scalar)
            default: Character("-")
            }
        }.drop { ".-_".contains($0) }.prefix(64)
        return name.isEmpty ? "service" : String(name)
    }

    /// `./program` is meant from here; the table takes no relative paths. A bare name is sought in PATH.
    private static func absolute(_ program: String) -> String {
        guard program.contains("/"), !program.hasPrefix("/") else { return program }
        guard let here = CurrentProcess.workingDirectory else { return program }
        return "\(here)/\(program.hasPrefix("./") ? String(program.dropFirst(2)) : program)"
    }
}
