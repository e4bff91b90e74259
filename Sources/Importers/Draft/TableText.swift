/// A table as text, and which line of the source each of its lines comes from.
package struct TableText: Sendable {
    package private(set) var lines: [String] = []
    /// By line of the table, from 1.
    package private(set) var places: [Int: SourcePlace] = [:]
    /// By line of the table, from 1: which item of the draft it belongs to.
    private(set) var items: [Int: Int] = [:]

    /// Columns after which a list is written one element a line.
    private static let width = 110

    package var text: String { lines.map { $0 + "\n" }.joined() }

    package init(_ table: TableDraft) {
        for comment in table.comments { append(comment: comment, indent: 0) }
        if !table.comments.isEmpty { lines.append("") }
        lines.append(table.services.isEmpty ? "services: {}" : "services:")
        var isFirst = true
        var afterComment = false
        for (index, item) in table.items.enumerated() {
            let before = lines.count
            switch item {
            case .comment(let comment):
                if !isFirst, !afterComment { lines.append("") }
                append(comment: comment, indent: 2)
                afterComment = true
            case .service(let service):
                if !isFirst, !afterComment { lines.append("") }
                append(service)
                afterComment = false
            }
            for line in before..<lines.count { items[line + 1] = index }
            isFirst = false
        }
    }

    private mutating func append(_ service: DraftService) {
        for comment in service.comments { append(comment: comment, indent: 2) }
        append("  \(YAMLScalar.text(service.name, in: .key)):", from: service.place)
        for key in service.sortedKeys {
            append(key: key.name, key.value, indent: 4, from: key.place ?? service.place)
        }
    }

    private mutating func append(_ line: String, from place: SourcePlace) {
        lines.append(line)
        places[lines.count] = place
    }

    /// A comment, broken at blanks into lines of bearable length.
    private mutating func append(comment: String, indent: Int) {
        let start = String(repeating: " ", count: indent) + "#"
        var line = start
        for word in comment.printable.split(separator: " ", omittingEmptySubsequences: false) {
            if line.count > start.count, line.count + 1 + word.count > Self.width {
                lines.append(line)
                line = start + "  "
            }
            line += " " + word
        }
        lines.append(line)
    }

    private mutating func append(key: String, _ value: DraftValue, indent: Int, from place: SourcePlace) {
        let start = String(repeating: " ", count: indent) + YAMLScalar.text(key, in: .key) + ":"
        if let short = Self.short(value), start.count + 1 + short.count <= Self.width || value.isScalar {
            return append("\(start) \(short)", from: place)
        }
        append(start, from: place)
        appendBlock(value, indent: indent + 2, from: place)
    }

    private mutating func appendBlock(_ value: DraftValue, indent: Int, from place: SourcePlace) {
        switch value {
        case .mapping(let pairs):
            for pair in pairs { append(key: pair.key, pair.value, indent: indent, from: place) }
        case .list(let values):
            for value in values { appendElement(value, indent: indent, from: place) }
        case .text, .word: break
        }
    }

    /// `- value`, and mappings with their first key behind the hyphen.
    private mutating func appendElement(_ value: DraftValue, indent: Int, from place: SourcePlace) {
        let start = String(repeating: " ", count: indent) + "-"
        guard case .mapping(let pairs) = value, !pairs.isEmpty else {
            return append("\(start) \(Self.inline(value, in: .block))", from: place)
        }
        let before = lines.count
        for pair in pairs { append(key: pair.key, pair.value, indent: indent + 2, from: place) }
        lines[before] = start + " " + lines[before].dropFirst(indent + 2)
    }

    /// On one line where that reads well: scalars, lists of scalars, small mappings of scalars.
    private static func short(_ value: DraftValue) -> String? {
        switch value {
        case .text, .word: return inline(value, in: .block)
        case .list(let values):
            return values.allSatisfy(\.isScalar) ? inline(value, in: .block) : nil
        case .mapping(let pairs):
            guard pairs.count <= 2, pairs.allSatisfy(\.value.isScalar) else { return pairs.isEmpty ? "{}" : nil }
            return inline(value, in: .block)
        }
    }

    private static func inline(_ value: DraftValue, in context: YAMLScalar.Context) -> String {
        switch value {
        case .word(let word): word
        case .text(let text): YAMLScalar.text(text, in: context)
        case .list(let values): "[" + values.map { inline($0, in: .flow) }.joined(separator: ", ") + "]"
        case .mapping(let pairs):
            "{"
                + pairs.map { "\(YAMLScalar.text($0.key, in: .key)): \(inline($0.value, in: .flow))" }
                .joined(separator: ", ") + "}"
        }
    }
}

extension DraftValue {
    fileprivate var isScalar: Bool {
        switch self {
        case .text, .word: true
        case .list, .mapping: false
        }
    }
}

// For the loader: which line of which source each line comes from, so that faults are told there.
extension TableText {
    /// Comment lines `#@ LINE SOURCE-LINE FILE` behind the table.
    package var placeLines: String {
        places.sorted { $0.key < $1.key }.map { "#@ \($0.key) \($0.value.line) \($0.value.file)\n" }.joined()
    }
}
