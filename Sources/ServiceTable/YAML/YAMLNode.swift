/// Where a node begins in the files of one reading.
struct YAMLPlace: Hashable, Comparable, Sendable {
    /// The number of the file, in the order in which files were opened.
    var file = 0
    /// From 1; 0 means the file as a whole.
    var line = 0
    /// From 1, in characters.
    var column = 0

    static func < (one: YAMLPlace, other: YAMLPlace) -> Bool {
        (one.file, one.line, one.column) < (other.file, other.line, other.column)
    }
}

/// One value of a YAML file. An alias is the node that it names, at that node's place.
struct YAMLNode: Hashable, Sendable {
    var place: YAMLPlace
    var content: Content

    enum Content: Hashable, Sendable {
        /// `plain` is a scalar without quotes: only such a one is a number, a boolean or empty.
        case scalar(String, plain: Bool)
        case list([YAMLNode])
        case mapping([YAMLPair])
        /// A fault was reported for it already: whoever meets it says no more.
        case broken
    }

    /// Whether a fault was reported for it already.
    var isBroken: Bool {
        if case .broken = content { true } else { false }
    }

    /// The text of a scalar.
    var text: String? {
        if case .scalar(let text, _) = content { text } else { nil }
    }

    /// The pairs of a mapping.
    var pairs: [YAMLPair]? {
        if case .mapping(let pairs) = content { pairs } else { nil }
    }

    /// What it is, for a fault that expected something else.
    var form: String {
        switch content {
        case .scalar(let text, _): "\"\(text.quotable)\""
        case .list: "a list"
        case .mapping: "a mapping"
        case .broken: "nothing"
        }
    }

    /// Values in it, itself included.
    var size: Int {
        switch content {
        case .scalar, .broken: 1
        case .list(let nodes): nodes.reduce(1) { $0 + $1.size }
        case .mapping(let pairs): pairs.reduce(1) { $0 + $1.value.size }
        }
    }
}

struct YAMLPair: Hashable, Sendable {
    var key: String
    /// Where the key stands.
    var place: YAMLPlace
    var value: YAMLNode
}

extension String {
    /// Short and without control characters, to be quoted in a message.
    var quotable: String {
        var result = ""
        for (index, scalar) in unicodeScalars.enumerated() {
            if index == 60 { return result + "…" }
            if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
