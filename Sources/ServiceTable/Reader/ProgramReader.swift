internal import LinuxSystem

/// The value of `exec`: words, the program first.
enum CommandLine {
    /// A list of words, or a string to be split into them.
    static let kind = Kind<[String]>(
        "a list of a program and its arguments, or a string", .or(.text, .list(.anyText, least: 1))
    ) { cursor, expected in
        switch cursor.node.content {
        case .scalar(let text, _):
            do throws(Hint) {
                let words = try split(text)
                if words.first?.isEmpty == false { return words }
                cursor.fault("it names no program")
            } catch {
                cursor.fault(error.text)
            }
        case .list(let nodes):
            let words = nodes.map { Kind.anyText.read(cursor.at($0)) }
            let found = words.compactMap(\.self)
            guard found.count == words.count else { return nil }
            if found.first?.isEmpty == false { return found }
            cursor.fault("it names no program")
        case .mapping, .broken:
            cursor.unexpected(expected)
        }
        return nil
    }

    /// Splits as a shell would, with quotes and backslash and nothing else.
    static func split(_ text: String) throws(Hint) -> [String] {
        var words: [String] = []
        var word: String.UnicodeScalarView?
        var quote: Unicode.Scalar?
        // Not by characters: a quote is one whatever combines with it.
        var rest = text.unicodeScalars[...]
        while let character = rest.popFirst() {
            switch (character, quote) {
            case ("'", "'"?), ("\"", "\""?):
                quote = nil
            case (_, "'"?):
                word?.append(character)
            case ("\\", "\""?):
                // In double quotes the backslash is special before these two only (sh: also before $ and `,
                // which mean nothing here).
                if let next = rest.first, next == "\"" || next == "\\" {
                    word?.append(next)
                    rest.removeFirst()
                } else {
                    word?.append(character)
                }
            case (_, "\""?):
                word?.append(character)
            case ("\\", nil):
                guard let next = rest.popFirst() else { throw Hint("it ends in a backslash") }
                word = word ?? .init()
                word?.append(next)
            case ("'", nil), ("\"", nil):
                quote = character
                word = word ?? .init()
            case (" ", nil), ("\t", nil), ("\n", nil), ("\r", nil):
                if let done = word { words.append(String(done)) }
                word = nil
            default:
                word = word ?? .init()
                word?.append(character)
            }
        }
        if let quote { throw Hint("a closing \(quote) is missing") }
        if let word { words.append(String(word)) }
        return words
    }
}

/// Finds programs as the handler's process will: inside its root, by its PATH.
struct ProgramFinder {
    /// PATH where the table sets none.
    static let safePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    var chroot: String?
    var path = safePath

    init(_ process: ProcessSettings) {
        chroot = process.chroot
        path = process.environment.last { $0.name == "PATH" }?.value ?? Self.safePath
    }

    /// The program of `words`, checked; nil after a fault.
    func find(_ words: [String], argv0: String?, at cursor: Cursor) -> Program? {
        guard let name = words.first else { return nil }
        let arguments = [argv0 ?? name] + words.dropFirst()
        if name.hasPrefix("/") {
            guard check(name, at: cursor) else { return nil }
            return Program(path: name, arguments: arguments)
        }
        guard !name.contains("/") else {
            cursor.fault("\"\(name.quotable)\" is relative; give an absolute path, or a name that PATH leads to")
            return nil
        }
        let directories = path.split(separator: ":").filter { $0.hasPrefix("/") }
        let candidates = directories.map { "\($0)/\(name)" }
        if let found = candidates.first(where: { cursor.reading.isProgram($0, in: chroot) }) {
            return Program(path: found, arguments: arguments)
        }
        guard cursor.reading.resolving else {
            return Program(path: candidates.first ?? "/\(name)", arguments: arguments)
        }
        cursor.fault("there is no program \"\(name.quotable)\" in \(path.quotable)\(inside)")
        return nil
    }

    private var inside: String { chroot.map { " inside \($0.quotable)" } ?? "" }

    private func check(_ path: String, at cursor: Cursor) -> Bool {
        let reading = cursor.reading
        guard reading.resolving, !reading.isProgram(path, in: chroot) else { return true }
        let trouble =
            switch FileSystem.entry(at: (chroot ?? "") + path) {
            case nil: "does not exist"
            case .file: "is not executable"
            case .directory: "is a directory"
            case .other: "is no regular file"
            }
        cursor.fault("the program \(path.quotable)\(inside) \(trouble)")
        return false
    }
}
