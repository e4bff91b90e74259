/// What may stand in the place of a value, as far as the value alone tells: what its reader says about itself, and what
/// `baton schema` renders. Whatever the reader takes has the shape, but for names that YAML takes for a boolean or a
/// fraction; what has the shape may still be a fault, because of other keys, other services or the machine.
package indirect enum Shape: Hashable, Sendable {
    /// Any scalar, be it a string, a number or a boolean to YAML. The pattern is for strings (ECMA-262, unanchored).
    case scalar(length: ClosedRange<Int>?, pattern: String?)
    /// A scalar that is a string to YAML.
    case string(pattern: String)
    /// Digits without quotes.
    case number(ClosedRange<Int64>)
    /// More than 0, with a fraction or without.
    case positiveNumber
    case boolean
    case words([String])
    case list(Shape, least: Int)
    /// Any names that the pattern takes, each with a value of one shape.
    case names(pattern: String, Shape)
    case mapping(MappingShape)
    case either([Shape])

    static let text = Shape.scalar(length: 1...Int.max, pattern: nil)
    static let anyText = Shape.scalar(length: nil, pattern: nil)

    /// The whole text fits the pattern.
    static func text(_ pattern: String) -> Shape { .scalar(length: nil, pattern: "^(\(pattern))$") }
    static func string(_ pattern: String) -> Shape { .string(pattern: "^(\(pattern))$") }

    static func or(_ shapes: Shape...) -> Shape {
        .either(shapes.flatMap { if case .either(let inner) = $0 { inner } else { [$0] } })
    }

    /// A mapping of which exactly one key stands there.
    var oneOnly: Shape {
        guard case .mapping(var mapping) = self else { return self }
        mapping.rules.append(.oneOnly)
        return .mapping(mapping)
    }
}

/// A mapping with known keys.
package struct MappingShape: Hashable, Sendable {
    /// Of the kind of mapping; the same wherever it stands.
    package var name: String
    package var fields: [Field]
    package var required: [String] = []
    package var rules: [Rule] = []
    /// The mappings whose names the keys are documented under, first of all its own.
    package var documentedUnder: [String]

    package struct Field: Hashable, Sendable {
        package var name: String
        package var shape: Shape
        /// `+key` and `-key` may stand for it.
        package var isChangeable = false
    }

    /// What must hold between the keys.
    package enum Rule: Hashable, Sendable {
        case oneOnly
        case atLeastOne(of: [String])
        case requires(String, String)
        case excludes(String, [String])
        /// The same where the key, a boolean, is true.
        case trueRequires(String, String)
        case trueExcludes(String, [String])
    }

    init(_ name: String, _ fields: [Field], documentedUnder names: [String] = []) {
        self.name = name
        self.fields = fields
        documentedUnder = [name] + names
    }
}

extension ServiceTable {
    /// Of a file.
    package static var shape: MappingShape {
        var shape = FileDraft.section.shape
        shape.rules = [.atLeastOne(of: ["services", "include"])]
        return shape
    }
}
