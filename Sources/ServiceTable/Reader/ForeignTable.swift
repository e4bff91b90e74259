internal import LinuxSystem

/// The configuration of another super-server, converted by `baton import` in a process of its own: its parsers are
/// no part of the supervisor or its loader.
struct ForeignTable {
    /// The table as text.
    var text: [UInt8] = []
    /// Which line of which source each line of the table comes from.
    var origins: [Int: Origin] = [:]
    /// What the source loses, and what does not parse.
    var faults: [ConfigurationFault] = []

    struct Origin: Hashable {
        var file: String
        var line: Int
    }

    /// Why there is no table.
    struct Failure: Error {
        var message: String
    }

    /// Limits of one conversion.
    private static let mostBytes = 8 << 20
    private static let timeLimit = Duration.seconds(20)

    static func read(_ format: String, path: String, resolving: Bool) throws(Failure) -> ForeignTable {
        let options = ["--for-include"] + (resolving ? [] : ["--no-resolve"])
        // A path is never an option.
        let arguments = ["baton", "import"] + options + ["--", format, path]
        let program = try program()
        let run: ProgramRun
        do throws(ProgramRun.Failure) {
            run = try ProgramRun(path: program, arguments: arguments, most: mostBytes, within: timeLimit)
        } catch {
            switch error {
            case .notStarted(let number): throw Failure(message: "baton import cannot be started: \(number)")
            case .slow: throw Failure(message: "baton import has not ended within \(timeLimit.words)")
            case .unread(let number): throw Failure(message: "what baton import says cannot be read: \(number)")
            case .verbose: throw Failure(message: "the table would have more than \(mostBytes) bytes")
            }
        }
        switch run.status {
        case .exited(0), .exited(1), .exited(78): return ForeignTable(run)
        case let status:
            let words = String(decoding: run.errors, as: UTF8.self)
            throw Failure(message: "baton import ended with \(status): \(words.quotable)")
        }
    }

    /// `baton` beside this program, or where it is when this is ../libexec/baton/batond.
    private static func program() throws(Failure) -> String {
        guard let here = CurrentProcess.program, let slash = here.lastIndex(of: "/") else {
            throw Failure(message: "/proc is not mounted, so baton, which converts it, is not found")
        }
        let directory = here[...slash]
        let candidates = [directory + "baton", directory + "../../bin/baton"]
        guard let found = candidates.first(where: { FileSystem.entry(at: String($0)) == .file(executable: true) })
        else {
            throw Failure(message: "there is no \(candidates[0]) to convert it")
        }
        return String(found)
    }

    /// The table, and behind it lines such as `#@ 12 34 /etc/inetd.conf`; on standard error what compilers write.
    init(_ run: ProgramRun) {
        let mark = Array("#@ ".utf8)
        var number = 0
        for line in run.output.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            guard line.starts(with: mark) else {
                number += 1
                text += line
                text.append(UInt8(ascii: "\n"))
                continue
            }
            let words = String(decoding: line, as: UTF8.self)
                .split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            if words.count == 4, let line = Int(words[1]), let source = Int(words[2]) {
                origins[line] = Origin(file: String(words[3]), line: source)
            }
        }
        faults = String(decoding: run.errors, as: UTF8.self).split(separator: "\n").map { Self.fault($0) }
    }

    private init() {}

    /// `FILE:LINE: error: message`.
    private static func fault(_ line: Substring) -> ConfigurationFault {
        for severity in [ConfigurationFault.Severity.error, .warning] {
            let mark = ": \(severity.rawValue): "
            guard let range = line.firstRange(of: mark) else { continue }
            let place = line[..<range.lowerBound]
            let message = String(line[range.upperBound...])
            guard let colon = place.lastIndex(of: ":"), let number = Int(place[colon...].dropFirst()) else {
                return ConfigurationFault(file: String(place), message: message, severity: severity)
            }
            return ConfigurationFault(
                file: String(place[..<colon]), line: number, column: 1, message: message, severity: severity)
        }
        return ConfigurationFault(file: "baton import", message: String(line))
    }
}
