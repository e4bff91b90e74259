/// One attribute of xinetd.conf(5): where it may stand, how it is read, and what becomes of it.
struct XinetdAttribute: Sendable {
    enum Count: Sendable {
        case exactly(Int)
        /// Any number, none included.
        case any
    }

    struct Standing: OptionSet, Sendable {
        let rawValue: Int
        static let services = Standing(rawValue: 1)
        static let defaults = Standing(rawValue: 2)
        static let both: Standing = [.services, .defaults]
    }

    typealias Problem = XinetdSource.Problem
    typealias Reader = @Sendable (inout XinetdSettings, XinetdText.Attribute) throws(Problem) -> Fidelity?

    let name: String
    let count: Count
    let standing: Standing
    /// It knows `+=` and `-=`, and may stand more than once.
    let isModifiable: Bool
    let row: DirectiveRow
    /// Answers what differs when that depends on the value; nil means what the row says.
    let read: Reader

    init(
        _ name: String, _ fidelity: Fidelity.Kind, _ key: String = "", _ note: String = "",
        count: Count = .exactly(1), in standing: Standing = .services, isModifiable: Bool = false,
        read: @escaping Reader = { _, _ throws(Problem) in nil }
    ) {
        self.name = name
        self.count = count
        self.standing = standing
        self.isModifiable = isModifiable
        self.read = read
        row = DirectiveRow(name, fidelity, key, note)
    }

    static let groups: [(heading: String, attributes: [XinetdAttribute])] = [
        ("The service", service), ("Access and limits", access), ("The program", program), ("Logging", logging),
        ("Whole configuration", whole),
    ]
    private static let byName = Dictionary(
        uniqueKeysWithValues: groups.flatMap(\.attributes).map { ($0.name, $0) })

    static func named(_ name: String) -> XinetdAttribute? { byName[name] }

    // MARK: values

    static func yes(_ attribute: XinetdText.Attribute) throws(Problem) -> Bool {
        switch attribute.values.first?.lowercased() {
        case "yes": return true
        case "no": return false
        default: throw Problem(message: "\(attribute.name) is yes or no")
        }
    }

    static func number(_ text: String, upTo most: Int = Int(Int32.max)) throws(Problem) -> Int {
        // parse_base10 takes a sign.
        let digits = text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard digits.isDecimal, let number = Int(digits), number <= most else {
            throw Problem(message: "\(text.quotable) is no number up to \(most)")
        }
        return number
    }

    /// A number or UNLIMITED.
    static func limit(_ attribute: XinetdText.Attribute) throws(Problem) -> DraftValue {
        let text = attribute.values.first ?? ""
        if text.uppercased() == "UNLIMITED" { return .word("unlimited") }
        return .number(min(try number(text), 10_000_000))
    }

    /// Elements of one list.
    private static let mostElements = 4096

    /// The list after `=`, `+=` or `-=`.
    static func list(
        _ old: [String]?, _ values: [String], _ operation: XinetdText.Attribute.Operator
    ) throws(Problem) -> [String] {
        var seen = Set(operation == .remove ? values : [])
        let all = operation == .set ? values : operation == .add ? (old ?? []) + values : old ?? []
        let list = all.filter { seen.insert($0).inserted }
        guard list.count <= mostElements else {
            throw Problem(message: "a list has at most \(mostElements) elements")
        }
        return list
    }

    static func sources(_ old: [String]?, _ attribute: XinetdText.Attribute) throws(Problem) -> [String] {
        var sources: [String] = []
        for value in attribute.values.prefix(mostElements + 1) { sources += try XinetdSource.sources(value) }
        return try list(old, sources, attribute.operation)
    }

    /// Keywords of a list, each of which must be known.
    static func words(_ attribute: XinetdText.Attribute, among known: Set<String>) throws(Problem) -> [String] {
        var words: [String] = []
        for value in attribute.values {
            guard known.contains(value.lowercased()) else {
                throw Problem(message: "\(attribute.name) has no value \(value.quotable)")
            }
            words.append(value.lowercased())
        }
        return words
    }

    /// Flags and types that fare worse than their attribute.
    static func outcome(_ words: [String], _ rows: [String: DirectiveRow]) -> Fidelity {
        words.compactMap { rows[$0]?.outcome }.reduce(.exact) { $0.and($1) }
    }
}
