/// One file of xinetd's configuration as a sequence of what stands in it, before any meaning.
struct XinetdText {
    enum Item {
        case entry(Entry)
        /// `include` or `includedir`.
        case include(String, isDirectory: Bool, line: Int)
        case failure(String, line: Int, text: String)
        /// Behind the last entry.
        case comment(String)
    }

    struct Entry {
        /// Nil for `defaults`.
        var name: String?
        var line: Int
        var comments: [String] = []
        var attributes: [Attribute] = []
    }

    /// `name op value value…`
    struct Attribute {
        enum Operator: String {
            case set = "="
            case add = "+="
            case remove = "-="
        }

        /// In lower case: xinetd does not tell cases apart.
        var name: String
        var operation: Operator
        var values: [String]
        var line: Int

        var text: String {
            ([name, operation.rawValue] + values).joined(separator: " ")
        }
    }

    private(set) var items: [Item] = []
    private var state = State.between
    private var comments: [String] = []

    /// The one that is being read.
    private var entry = Entry(name: nil, line: 0)

    private enum State {
        case between
        /// The `{` comes next.
        case opening
        case inside
        /// Behind a mistake, up to the `}`.
        case skipping
    }

    /// Of what stands in an entry with a mistake.
    private static let lost = "the entry it belongs to does not parse"

    /// Attributes of one entry; xinetd knows a few dozen.
    private static let mostAttributes = 2000

    init(_ bytes: [UInt8]) {
        for line in SourceLines(bytes).lines {
            let text = line.text.trimmed
            if text.hasPrefix("#") {
                comments.append(text.drop { $0 == "#" }.trimmed)
            } else if !text.isEmpty {
                take(text, line)
            }
        }
        switch state {
        case .between, .skipping: break
        case .opening: fail("the { of this entry is missing")
        case .inside: fail("the file ends before the } of this entry")
        }
        for comment in comments where !comment.isEmpty { items.append(.comment(comment)) }
    }

    private static let keywords: Set = ["service", "defaults", "include", "includedir"]

    private mutating func take(_ text: String, _ line: SourceLines.Line) {
        switch state {
        case .between: begin(text, line.number)
        case .opening:
            if text == "{" {
                entry.comments = comments.filter { !$0.isEmpty }
                comments = []
                state = .inside
            } else {
                fail("the { of this entry is missing; it stands on a line of its own")
                // What follows may be an entry without fault, or the inside of this one.
                skip(text, line.number)
            }
        case .inside:
            if text == "}" {
                entry.comments += comments.filter { !$0.isEmpty }
                comments = []
                items.append(.entry(entry))
                state = .between
            } else if line.isBroken {
                fail("line \(line.number) has bytes that are not UTF-8, or NUL")
                state = .skipping
            } else if Self.isKeyword(text) {
                fail("the } of this entry is missing")
                begin(text, line.number)
            } else if entry.attributes.count == Self.mostAttributes {
                fail("an entry has at most \(Self.mostAttributes) attributes")
                skip(text, line.number)
            } else {
                attribute(text, line.number)
            }
        case .skipping:
            if text == "}" { state = .between } else if text != "{" { skip(text, line.number) }
        }
    }

    /// Behind a mistake: it begins another entry, or is accounted for.
    private mutating func skip(_ text: String, _ line: Int) {
        state = .skipping
        if Self.isKeyword(text) {
            begin(text, line)
        } else {
            items.append(.failure(Self.lost, line: line, text: text))
        }
    }

    /// `service NAME` and its like; an attribute has an operator as its second word.
    private static func isKeyword(_ text: String) -> Bool {
        let words = text.words
        guard let first = words.first, keywords.contains(first.lowercased()) else { return false }
        return words.count < 2 || XinetdText.operation(words[1]) == nil
    }

    private mutating func begin(_ text: String, _ line: Int) {
        let words = text.words
        state = .between
        switch words.first?.lowercased() {
        case "defaults": open(nil, line)
        case "service" where words.count > 1: open(words[1], line)
        case "include" where words.count > 1: items.append(.include(words[1], isDirectory: false, line: line))
        case "includedir" where words.count > 1: items.append(.include(words[1], isDirectory: true, line: line))
        case let keyword? where Self.keywords.contains(keyword):
            items.append(.failure("a name is missing behind \(keyword)", line: line, text: text))
        case _ where text == "}": items.append(.failure("there is no entry that this } ends", line: line, text: text))
        default:
            items.append(.failure("service, defaults, include or includedir is expected", line: line, text: text))
            state = .skipping
        }
    }

    private mutating func open(_ name: String?, _ line: Int) {
        entry = Entry(name: name, line: line)
        state = .opening
    }

    private mutating func attribute(_ text: String, _ line: Int) {
        let name = text.prefix { !$0.isBlank }
        let rest = text.dropFirst(name.count).trimmed
        guard let (operation, length) = Self.operation(rest) else {
            let wanted = name.contains("=") ? "a blank is missing before the operator" : "=, += or -= is expected"
            items.append(.failure("\(wanted): xinetd leaves the whole entry out", line: line, text: text))
            fail("")
            state = .skipping
            return
        }
        entry.attributes.append(
            Attribute(
                name: name.lowercased(), operation: operation, values: rest.dropFirst(length).words, line: line))
    }

    private static func operation(_ text: String) -> (Attribute.Operator, length: Int)? {
        if text.hasPrefix("+=") { return (.add, 2) }
        if text.hasPrefix("-=") { return (.remove, 2) }
        return text.hasPrefix("=") ? (.set, 1) : nil
    }

    /// What was read of the entry is accounted for, although nothing of it counts.
    private mutating func fail(_ message: String) {
        let text = entry.name.map { "service \($0)" } ?? "defaults"
        items.append(.failure(message.isEmpty ? "\(text) does not parse" : message, line: entry.line, text: text))
        for attribute in entry.attributes {
            items.append(.failure(Self.lost, line: attribute.line, text: attribute.text))
        }
        comments = []
    }
}
