/// An inetd.conf as a sequence of what stands in it, before any meaning.
struct InetdText {
    enum Item {
        /// Without its mark.
        case comment(String)
        /// An entry in fields, with the lines that continue it.
        case entry(Entry)
        /// An entry in NetBSD's keys.
        case keys(InetdKeys)
        /// `#@ policy` (FreeBSD, NetBSD).
        case policy(String, line: Int)
    }

    struct Entry {
        var line: Int
        var text: String
        /// False for what update-inetd has switched off (`#<off># `).
        var isEnabled = true
        /// What the writing itself costs: quotes, odd white space.
        var fidelity = Fidelity.exact
        var isBroken = false
    }

    private(set) var items: [Item] = []
    private static let off = "#<off>#"
    /// Bytes of a line, and of an entry with the lines that continue it. inetds read lines of 1 to 8 KiB.
    private static let longestEntry = 1 << 14
    private static let types: Set = ["stream", "dgram", "seqpacket", "raw", "rdm"]

    init(_ bytes: [UInt8]) {
        for line in SourceLines(bytes).lines {
            // Several entries in keys may stand on one line.
            var rest: SourceLines.Line? = line.text.utf8.count <= Self.longestEntry ? line : Self.cut(line)
            while let next = rest { rest = add(next) }
        }
        closeKeys { $0.fail("the file ends before the ; of this entry") }
    }

    /// The entry in keys that has not ended.
    private var keys: InetdKeys?

    /// A line that is too long, as far as it takes to tell which.
    private static func cut(_ line: SourceLines.Line) -> SourceLines.Line {
        SourceLines.Line(number: line.number, text: String(line.text.prefix(80)), isBroken: true)
    }

    /// Answers what is left of the line behind an entry in keys.
    private mutating func add(_ line: SourceLines.Line) -> SourceLines.Line? {
        if keys != nil {
            let words = line.text.words
            guard words.count >= 6, Self.types.contains(words[1]) else { return take(line, line.text[...]) }
            // A missing semicolon must not swallow the rest of the file.
            closeKeys { $0.fail("the ; at the end of this entry is missing") }
        }
        guard let first = line.text.first else {
            closeEntry()
            return nil
        }
        if line.text.hasPrefix(Self.off) {
            return open(line, String(line.text.dropFirst(Self.off.count)).trimmed, isEnabled: false)
        }
        if first == "#" {
            comment(line)
            return nil
        }
        guard first.isBlank else { return open(line, line.text, isEnabled: true) }
        let text = line.text.trimmed
        if text.isEmpty { return nil }
        if text.hasPrefix("#") {
            items.append(.comment(text.dropFirst().trimmed))
            return nil
        }
        let words = text.words
        // An entry of its own to busybox; the arguments of the one before to every other inetd.
        if words.count >= 6, Self.types.contains(words[1]) || isClosed { return open(line, text, isEnabled: true) }
        return continueEntry(with: text, of: line)
    }

    private mutating func comment(_ line: SourceLines.Line) {
        closeEntry()
        let text = line.text.dropFirst()
        if text.first == "@", Self.isPolicy(text.dropFirst()) {
            items.append(.policy(text.dropFirst().trimmed, line: line.number))
        } else if !text.trimmed.isEmpty {
            items.append(.comment(text.trimmed))
        }
    }

    /// setkey(8)'s policies begin so; everything else behind `#@` is a comment.
    private static func isPolicy(_ text: Substring) -> Bool {
        let word = text.words.first ?? ""
        return word.isEmpty || word == "in" || word == "out"
    }

    private var isClosed = true

    private mutating func closeEntry() { isClosed = true }

    private mutating func closeKeys(_ body: (inout InetdKeys) -> Void = { _ in }) {
        guard var keys else { return }
        body(&keys)
        items.append(.keys(keys))
        self.keys = nil
        isClosed = true
    }

    /// Gives text to the entry in keys that is open.
    private mutating func take(_ line: SourceLines.Line, _ text: Substring) -> SourceLines.Line? {
        if line.isBroken { keys?.fail("line \(line.number) \(InetdFields.brokenLine)") }
        guard let rest = keys?.take(text, line: line.number) else { return nil }
        closeKeys()
        let next = rest.trimmed
        return next.isEmpty ? nil : SourceLines.Line(number: line.number, text: next)
    }

    private mutating func open(_ line: SourceLines.Line, _ text: String, isEnabled: Bool) -> SourceLines.Line? {
        if isEnabled, let keys = InetdKeys(text, line: line.number) {
            self.keys = keys
            return take(line, InetdKeys.body(of: text))
        }
        var entry = Entry(line: line.number, text: text, isEnabled: isEnabled, isBroken: line.isBroken)
        if line.hasReturn { entry.fidelity = InetdRow.carriageReturn.outcome }
        items.append(.entry(entry))
        isClosed = false
        return nil
    }

    /// White space at the start of a line continues the one before (4.4BSD).
    private mutating func continueEntry(with text: String, of line: SourceLines.Line) -> SourceLines.Line? {
        let last = items.lastIndex { if case .entry = $0 { true } else { false } }
        guard !isClosed, let last, case .entry(var entry) = items[last] else {
            return open(line, text, isEnabled: true)
        }
        // Each line copies the entry; no program takes so many arguments from a line.
        guard entry.text.utf8.count < Self.longestEntry else {
            entry.isBroken = true
            items[last] = .entry(entry)
            return nil
        }
        entry.text += " " + text
        entry.isBroken = entry.isBroken || line.isBroken
        entry.fidelity = entry.fidelity.and(InetdRow.continuation.outcome)
        if line.hasReturn { entry.fidelity = entry.fidelity.and(InetdRow.carriageReturn.outcome) }
        items[last] = .entry(entry)
        return nil
    }
}

/// Splits a line into fields: blanks separate, quotes join.
struct InetdWords {
    private(set) var words: [String] = []
    private(set) var hasQuotes = false
    private(set) var isUnbalanced = false

    init(_ text: String) {
        guard text.contains("\"") || text.contains("'") else {
            words = text.words
            return
        }
        hasQuotes = true
        var word: String?
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil } else { word?.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
                word = word ?? ""
            } else if character.isBlank {
                if let done = word { words.append(done) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let word { words.append(word) }
        guard quote != nil else { return }
        isUnbalanced = true
        words = text.words
    }
}
