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
    /// Bytes of an entry with the lines that continue it.
    private static let longestEntry = 1 << 14
    private static let types: Set = ["stream", "dgram", "seqpacket", "raw", "rdm"]

    init(_ bytes: [UInt8]) {
        for line in SourceLines(bytes).lines { add(line) }
        if var keys {
            keys.fail("the file ends before the ; of this entry")
            items.append(.keys(keys))
        }
    }

    /// The entry in keys that has not ended.
    private var keys: InetdKeys?

    private mutating func add(_ line: SourceLines.Line) {
        if let keys { return take(line, line.text[...], into: keys) }
        guard let first = line.text.first else { return closeEntry() }
        if line.text.hasPrefix(Self.off) {
            return open(line, String(line.text.dropFirst(Self.off.count)).trimmed, isEnabled: false)
        }
        if first == "#" {
            closeEntry()
            let text = line.text.dropFirst()
            if text.first == "@", Self.isPolicy(text.dropFirst()) {
                items.append(.policy(text.dropFirst().trimmed, line: line.number))
            } else if !text.trimmed.isEmpty {
                items.append(.comment(text.trimmed))
            }
            return
        }
        guard first.isBlank else { return open(line, line.text, isEnabled: true) }
        let text = line.text.trimmed
        if text.isEmpty { return }
        if text.hasPrefix("#") {
            items.append(.comment(text.dropFirst().trimmed))
            return
        }
        let words = text.words
        // An entry of its own to busybox; the arguments of the one before to every other inetd.
        if words.count >= 6, Self.types.contains(words[1]) || isClosed { return open(line, text, isEnabled: true) }
        continueEntry(with: text, of: line)
    }

    /// setkey(8)'s policies begin so; everything else behind `#@` is a comment.
    private static func isPolicy(_ text: Substring) -> Bool {
        let word = text.words.first ?? ""
        return word.isEmpty || word == "in" || word == "out"
    }

    private var isClosed = true

    private mutating func closeEntry() { isClosed = true }

    private mutating func take(_ line: SourceLines.Line, _ text: Substring, into keys: InetdKeys) {
        var keys = keys
        let words = text.words
        // A missing semicolon must not swallow the rest of the file.
        if words.count >= 6, Self.types.contains(words[1]) {
            keys.fail("the ; at the end of this entry is missing")
            items.append(.keys(keys))
            self.keys = nil
            return add(line)
        }
        if line.isBroken { keys.fail("line \(line.number) has bytes that are not UTF-8, or NUL") }
        guard let rest = keys.take(text, line: line.number) else {
            self.keys = keys
            return
        }
        items.append(.keys(keys))
        self.keys = nil
        isClosed = true
        let next = SourceLines.Line(number: line.number, text: rest.trimmed)
        if !next.text.isEmpty { add(next) }
    }

    private mutating func open(_ line: SourceLines.Line, _ text: String, isEnabled: Bool) {
        if let keys = InetdKeys(text, line: line.number) {
            return take(line, InetdKeys.body(of: text), into: keys)
        }
        var entry = Entry(line: line.number, text: text, isEnabled: isEnabled, isBroken: line.isBroken)
        if line.hasReturn { entry.fidelity = InetdRow.carriageReturn.outcome }
        items.append(.entry(entry))
        isClosed = false
    }

    /// White space at the start of a line continues the one before (4.4BSD).
    private mutating func continueEntry(with text: String, of line: SourceLines.Line) {
        let last = items.lastIndex { if case .entry = $0 { true } else { false } }
        guard !isClosed, let last, case .entry(var entry) = items[last] else {
            return open(line, text, isEnabled: true)
        }
        // Each line copies the entry; no program takes so many arguments from a line.
        guard entry.text.utf8.count < Self.longestEntry else {
            entry.isBroken = true
            items[last] = .entry(entry)
            return
        }
        entry.text += " " + text
        entry.isBroken = entry.isBroken || line.isBroken
        entry.fidelity = entry.fidelity.and(InetdRow.continuation.outcome)
        if line.hasReturn { entry.fidelity = entry.fidelity.and(InetdRow.carriageReturn.outcome) }
        items[last] = .entry(entry)
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
