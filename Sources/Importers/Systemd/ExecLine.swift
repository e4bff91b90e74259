/// `ExecStart=` as a program and its arguments (systemd.service(5), Command Lines).
struct ExecLine {
    private(set) var program = ""
    /// Without argv[0].
    private(set) var arguments: [String] = []
    private(set) var argv0: String?
    /// `+`, `!` or `!!`: User= and Group= are not applied.
    private(set) var isPrivileged = false
    private(set) var fidelity = Fidelity.exact

    /// Variables whose value is known at the start of a process only.
    private static let runtime: Set<String> = [
        "REMOTE_ADDR", "REMOTE_PORT", "MAINPID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET",
        "INVOCATION_ID", "JOURNAL_STREAM", "WATCHDOG_PID", "WATCHDOG_USEC", "SO_COOKIE", "MANAGERPID",
        "SYSTEMD_EXEC_PID",
    ]

    /// Nil when it does not parse.
    ///
    /// - Parameter variables: What Environment= and EnvironmentFile= set.
    init?(_ value: String, specifiers: UnitSpecifiers, variables: [String: String]) {
        guard let quoted = QuotedWords(value), let first = quoted.words.first else { return nil }
        var words = quoted.words
        if let end = words.firstIndex(where: { $0.text == ";" && $0.isPlain }) {
            words.removeSubrange(end...)
            note(.notExpressible("one program serves a connection; the commands behind the semicolon are left out"))
        }
        let (body, expands) = prefixes(first.text)
        words[0].text = body
        var resolved = words.map { word in
            let result = specifiers.resolve(word.text)
            note(result.fidelity)
            return QuotedWords.Word(text: result.text, isPlain: word.isPlain)
        }
        program = resolved.removeFirst().text
        if program.isEmpty { return nil }
        if argv0 != nil {
            if resolved.isEmpty { return nil }
            argv0 = resolved.removeFirst().text
        }
        arguments = resolved.flatMap { expands ? expand($0, variables) : [$0.text] }
    }

    private mutating func note(_ other: Fidelity) { fidelity = fidelity.and(other) }

    /// The program without `-@:+!|`, in any order.
    private mutating func prefixes(_ word: String) -> (String, expands: Bool) {
        var rest = word[...]
        var expands = true
        while let character = rest.first {
            switch character {
            case "-": note(.approximated("-: every exit status of a handler is taken without complaint, and logged"))
            case "@": argv0 = ""
            case ":": expands = false
            case "+", "!":
                isPrivileged = true
            case "|": note(.notExpressible("|: Baton starts programs without a shell; write [/bin/sh, -c, …]"))
            default: return (String(rest), expands)
            }
            rest = rest.dropFirst()
        }
        return ("", expands)
    }

    /// `$A` as a word: its value split at blanks; `${A}` anywhere: its value as it stands; `$$`: a dollar.
    private mutating func expand(_ word: QuotedWords.Word, _ variables: [String: String]) -> [String] {
        let text = word.text
        guard text.contains("$") else { return [text] }
        if text.hasPrefix("$"), !text.hasPrefix("${"), !text.hasPrefix("$$") {
            let name = String(text.dropFirst())
            guard Self.isName(name) else { return [substitute(text, variables)] }
            let value = self.value(of: name, variables)
            return QuotedWords(value)?.words.map(\.text) ?? [value]
        }
        return [substitute(text, variables)]
    }

    private mutating func substitute(_ text: String, _ variables: [String: String]) -> String {
        var result = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            guard character == "$" else {
                result.append(character)
                continue
            }
            if rest.first == "$" {
                rest.removeFirst()
                result.append("$")
            } else if rest.first == "{", let end = rest.firstIndex(of: "}"),
                Self.isName(rest[..<end].dropFirst())
            {
                result += value(of: String(rest[..<end].dropFirst()), variables)
                rest = rest[end...].dropFirst()
            } else {
                result.append("$")
            }
        }
        return result
    }

    private mutating func value(of name: String, _ variables: [String: String]) -> String {
        if let value = variables[name] {
            note(.approximated("$\(name) is filled in with its value at the time of the import"))
            return value
        }
        if Self.runtime.contains(name) {
            note(
                .notExpressible(
                    "$\(name) is known when the program starts, and Baton expands no variables; let [/bin/sh, -c, …] do it"
                ))
        } else {
            note(.approximated("$\(name) has no value in the unit, so nothing stands in its place, as with systemd"))
        }
        return ""
    }

    private static func isName(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: true
            default: false
            }
        }
    }
}
