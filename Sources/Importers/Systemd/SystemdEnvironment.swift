internal import LinuxSystem
internal import SystemPackage

/// `Environment=` and its kin.
struct SystemdEnvironment {
    private var own: [(name: String, value: String)] = []
    private var fromFiles: [(name: String, value: String)] = []
    private var passed: [String] = []
    private var unset: [String] = []

    private static let mostVariables = 4096

    /// False when the key is none of these.
    mutating func take(_ key: String, _ value: String, at index: Int, _ report: inout UnitReport) -> Bool {
        guard ["Environment", "PassEnvironment", "UnsetEnvironment", "ExecSearchPath"].contains(key) else {
            return false
        }
        guard let words = UnitValue.words(value) else {
            report.set(index, .unparsedValue)
            return true
        }
        switch key {
        case "Environment":
            for word in words {
                guard let pair = Self.pair(word) else {
                    report.note(index, .approximated("\(word.quotable) is no assignment; systemd passes over it"))
                    continue
                }
                own.append(pair)
            }
        case "PassEnvironment": passed += words.filter { !$0.contains("=") && !$0.isEmpty }
        case "UnsetEnvironment": unset += words
        default: own.append(("PATH", value))
        }
        return true
    }

    /// `EnvironmentFile=`: a `-` before it allows it to be missing; it may be a pattern.
    mutating func file(
        _ value: String, at index: Int, _ report: inout UnitReport, _ files: inout SourceFiles
    ) {
        let mayMiss = value.hasPrefix("-")
        let path = String(mayMiss ? value.dropFirst() : value[...])
        guard path.hasPrefix("/") else { return report.set(index, .unparsedValue) }
        let isPattern = path.contains { "*?[".contains($0) }
        let paths: [String]
        do throws(Errno) {
            paths = isPattern ? Array(try FileSystem.paths(matching: path).prefix(64)) : [path]
        } catch {
            return report.set(index, .notExpressible("\(path) cannot be read: \(error)"))
        }
        for path in paths {
            do throws(SourceFiles.Failure) {
                fromFiles += EnvironmentFile(String(decoding: try files.read(path), as: UTF8.self)).variables
            } catch {
                if error.isAbsent, mayMiss { continue }
                let reason = "\(path) \(error.message)\(error.isAbsent ? "; systemd would not start the service" : "")"
                report.set(index, .notExpressible(reason))
            }
        }
    }

    private static func pair(_ word: String) -> (name: String, value: String)? {
        let name = word.prefix { $0 != "=" }
        let isName = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: true
            default: false
            }
        }
        guard !name.isEmpty, isName, name.utf8.count < word.utf8.count else { return nil }
        return (String(name), String(word.dropFirst(name.count + 1)))
    }

    /// What the process gets; files come over Environment=.
    private var variables: [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        var places: [String: Int] = [:]
        for variable in (own + fromFiles).prefix(Self.mostVariables) {
            if let place = places[variable.name] {
                result[place].value = variable.value
            } else {
                places[variable.name] = result.count
                result.append(variable)
            }
        }
        return result.filter { !unset.contains($0.name) && !unset.contains("\($0.name)=\($0.value)") }
    }

    /// For command lines.
    var values: [String: String] {
        Dictionary(variables.map { ($0.name, $0.value) }) { _, last in last }
    }

    var keys: [(name: String, value: DraftValue, place: SourcePlace?)] {
        var result: [(name: String, value: DraftValue, place: SourcePlace?)] = []
        let variables = variables
        if !variables.isEmpty {
            result.append(("env", .mapping(variables.map { DraftPair($0.name, .text($0.value)) }), nil))
        }
        var names: [String] = []
        for name in passed where !unset.contains(name) && !names.contains(name) { names.append(name) }
        if !names.isEmpty { result.append(("pass_env", .texts(names), nil)) }
        return result
    }
}

/// A file of `NAME=VALUE` lines, with a shell's quotes (systemd.exec(5), EnvironmentFile=).
struct EnvironmentFile {
    private(set) var variables: [(name: String, value: String)] = []

    init(_ text: String) {
        var rest = text[...]
        while !rest.isEmpty {
            let start = rest.drop { $0.isBlank || $0.isNewline }
            rest = start
            guard let first = rest.first else { return }
            let name = rest.prefix { $0 != "=" && !$0.isNewline }
            guard first != "#", first != ";", rest.dropFirst(name.count).first == "=" else {
                rest = rest.drop { !$0.isNewline }
                continue
            }
            rest = rest.dropFirst(name.count + 1).drop(while: \.isBlank)
            let value = Self.value(&rest)
            let trimmed = name.trimmed
            if !trimmed.isEmpty, !trimmed.contains(where: \.isBlank) { variables.append((trimmed, value)) }
        }
    }

    /// Up to the end of the line; quotes may hold line ends.
    private static func value(_ rest: inout Substring) -> String {
        var value = ""
        var kept = 0
        var quote: Character?
        while let character = rest.first, quote != nil || !character.isNewline {
            rest.removeFirst()
            switch (character, quote) {
            case ("'", "'"?), ("\"", "\""?): quote = nil
            case (_, "'"?): value.append(character)
            case ("\\", _):
                guard let next = rest.popFirst() else { break }
                if next.isNewline { continue }
                if quote == "\"", !"\"\\`$".contains(next) { value.append("\\") }
                value.append(next)
            case ("'", nil), ("\"", nil): quote = character
            default: value.append(character)
            }
            // Blanks at the end count inside quotes and behind a backslash only.
            if quote != nil || !character.isBlank || character == "\\" { kept = value.count }
        }
        return String(value.prefix(kept))
    }
}
