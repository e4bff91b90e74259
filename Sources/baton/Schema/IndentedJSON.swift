internal import ControlProtocol

extension JSON {
    /// The value for people: a member a line, but for what is short.
    var indented: String { indented(by: "") }

    private static let longestLine = 100

    private func indented(by indent: String) -> String {
        let line = text
        if indent.utf8.count + line.utf8.count <= Self.longestLine { return line }
        let inner = indent + "  "
        switch self {
        case .array(let elements):
            return Self.block("[", elements.map { inner + $0.indented(by: inner) }, indent + "]")
        case .object(let object):
            let members = object.members.map {
                "\(inner)\(JSON.string($0.name).text): \($0.value.indented(by: inner))"
            }
            return Self.block("{", members, indent + "}")
        default: return line
        }
    }

    private static func block(_ begin: String, _ lines: [String], _ end: String) -> String {
        "\(begin)\n\(lines.joined(separator: ",\n"))\n\(end)"
    }
}
