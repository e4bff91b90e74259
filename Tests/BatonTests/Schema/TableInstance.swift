import ControlProtocol
import TestSupport

@testable import ServiceTable
@testable import baton

/// A table as an editor sees it: YAML 1.2's core schema makes of scalars without quotes what it makes of them, whatever
/// key they stand under.
enum TableInstance {
    static func json(_ yaml: String) throws -> JSON {
        let document = YAMLDocument(Array(yaml.utf8), file: 0)
        guard let root = document.root else { throw TestFailure("no YAML: \(document.faults)") }
        return json(root)
    }

    private static func json(_ node: YAMLNode) -> JSON {
        switch node.content {
        case .scalar(let text, let plain): plain ? value(text) : .string(text)
        case .list(let nodes): .array(nodes.map(json))
        case .mapping(let pairs): .object(JSONObject(pairs.map { ($0.key, json($0.value)) }))
        case .broken: .null
        }
    }

    private static func value(_ text: String) -> JSON {
        switch text {
        case "true": return true
        case "false": return false
        case "null": return .null
        default:
            // Leading zeros are decimal to the core schema; 10.0.0.1 is no number, and 1e3 is one.
            if text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2d }), let number = Int64(text) {
                return .integer(number)
            }
            let isNumeric = text.contains { $0.isNumber } && text.allSatisfy { "0123456789.eE+-".contains($0) }
            return isNumeric ? Double(text).map { .number($0) } ?? .string(text) : .string(text)
        }
    }

    /// What an independent validator says of each: nil where it is valid.
    static func complaints(about instances: [JSON]) throws -> [String?] {
        let directory = try TemporaryDirectory()
        let lines = ([TableSchema.json] + instances).map(\.text).joined(separator: "\n")
        try directory.write("instances", lines + "\n")
        let output = try runProgram(
            "/usr/bin/python3", [Repository.path("Tests/Fixtures/validate.py"), directory.path("instances")],
            deadline: Deadline(seconds: 60))
        guard output.status == .exited(0) else { throw TestFailure(output.standardError) }
        let answers = output.standardOutput.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        guard answers.count == instances.count else { throw TestFailure("\(answers.count) of \(instances.count)") }
        return answers.map { $0.isEmpty ? nil : String($0) }
    }
}
