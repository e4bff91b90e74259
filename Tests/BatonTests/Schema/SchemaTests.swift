import ControlProtocol
import Foundation
import TestSupport
import Testing

@testable import ServiceTable
@testable import baton

@Suite("baton schema")
struct SchemaTests {
    private func isAccepted(_ table: String) -> Bool {
        ServiceTableReader.read(text: Array(table.utf8), name: "t", resolving: false).table != nil
    }

    /// Every mapping of the table, wherever it stands.
    private static let places: [MappingShape] = mappings(in: .mapping(ServiceTable.shape))
    /// Every kind of mapping, by name.
    private static let kinds = Dictionary(places.map { ($0.name, $0) }) { first, _ in first }

    private static func mappings(in shape: Shape) -> [MappingShape] {
        switch shape {
        case .mapping(let mapping): [mapping] + mapping.fields.flatMap { mappings(in: $0.shape) }
        case .list(let element, _): mappings(in: element)
        case .names(_, let value): mappings(in: value)
        case .either(let shapes): shapes.flatMap(mappings)
        case .scalar, .string, .number, .positiveNumber, .boolean, .words: []
        }
    }

    @Test("baton.yaml(5) explains every key that the reader knows, and no other")
    func manual() {
        var known: Set<String> = []
        for mapping in Self.kinds.values {
            for field in mapping.fields {
                let names = mapping.documentedUnder.map { "\($0).\(field.name)" }
                known.insert(names.first { KeyDescriptions.texts[$0] != nil } ?? names[0])
            }
        }
        #expect(known.symmetricDifference(KeyDescriptions.texts.keys).sorted() == [])
        #expect(KeyDescriptions.texts.filter { $0.value.isEmpty }.keys.sorted() == [])
    }

    @Test("kinds of mapping with one name are one")
    func names() {
        for mapping in Self.places { #expect(mapping == Self.kinds[mapping.name], "\(mapping.name)") }
    }

    @Test("tables that are right are valid, and have every key")
    func right() throws {
        let instances = try SchemaSamples.right.map(TableInstance.json)
        for (table, complaint) in zip(SchemaSamples.right, try TableInstance.complaints(about: instances)) {
            #expect(complaint == nil, "\(table)")
        }
        // The samples show forms, not one service that could be: the first two are right but for what goes together.
        #expect(SchemaSamples.right.dropFirst(2).allSatisfy(isAccepted))
        var names: Set<String> = []
        func collect(_ value: JSON) {
            for member in value.object?.members ?? [] {
                names.insert(member.name)
                collect(member.value)
            }
            value.array?.forEach(collect)
        }
        instances.forEach(collect)
        let missing = Self.kinds.values.flatMap { $0.fields.map(\.name) }.filter { !names.contains($0) }
        #expect(Set(missing).sorted() == [])
    }

    @Test("what the reader refuses for its form, the schema refuses too")
    func wrong() throws {
        for table in SchemaSamples.wrong { #expect(!isAccepted(table), "\(table)") }
        let instances = try SchemaSamples.wrong.map(TableInstance.json)
        for (table, complaint) in zip(SchemaSamples.wrong, try TableInstance.complaints(about: instances)) {
            #expect(complaint != nil, "\(table)")
        }
    }

    /// Keys with values that stand under other keys, each with every fourth of them: what the reader takes must be valid.
    @Test("the schema refuses nothing that the reader takes")
    func exchanged() throws {
        var found: Set<String> = []
        func collect(_ value: JSON) {
            value.object?.members.forEach { collect($0.value) }
            value.array?.forEach(collect)
            let text = value.text
            // A word without quotes that is no string to YAML may still be a name to the reader.
            if case .number = value { return }
            if text.utf8.count < 100, !["true", "false"].contains(text), !text.contains("null") { found.insert(text) }
        }
        for table in SchemaSamples.right + SchemaSamples.wrong { collect(try TableInstance.json(table)) }
        let values = found.sorted()
        let tables =
            Self.tables("service", values) { "listen: 1, exec: /a, \($0)" }
            + Self.tables("handoff", values) { "listen: 1, handoff: {\($0)}" }
            + Self.tables("socket", values) { "listen: 1, exec: /a, socket: {\($0)}" }
        let accepted = tables.filter(isAccepted)
        #expect(accepted.count > 100)
        let complaints = try TableInstance.complaints(about: accepted.map(TableInstance.json))
        for (table, complaint) in zip(accepted, complaints) { #expect(complaint == nil, "\(table)") }
    }

    private static func tables(_ kind: String, _ values: [String], _ service: (String) -> String) -> [String] {
        (kinds[kind]?.fields ?? []).enumerated().flatMap { place, field in
            values.indices.filter { ($0 + place) % 4 == 0 }.map {
                "services: {s: {\(service("\(field.name): \(values[$0])"))}}"
            }
        }
    }

    @Test("the tables that people copy are valid")
    func examples() throws {
        let files = try ["examples", "packaging"].flatMap { directory in
            try FileManager.default.subpathsOfDirectory(atPath: Repository.path(directory))
                .filter { $0.hasSuffix(".yaml") }.map { "\(directory)/\($0)" }
        }
        #expect(files.count >= 5)
        var tables = try files.map { try String(contentsOfFile: Repository.path($0), encoding: .utf8) }
        for document in ["README.md", "docs/migration.md", "docs/man/baton.yaml.5"] {
            let text = try String(contentsOfFile: Repository.path(document), encoding: .utf8)
            tables += Self.blocks(of: text).filter { $0.contains("services:") }
        }
        #expect(tables.count >= files.count + 4)
        for (table, complaint) in zip(tables, try TableInstance.complaints(about: tables.map(TableInstance.json))) {
            #expect(complaint == nil, "\(table)")
        }
    }

    /// What stands between fences of Markdown, or displays of mdoc(7).
    private static func blocks(of text: String) -> [String] {
        var blocks: [String] = []
        var block: [Substring]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```yaml" || line.hasPrefix(".Bd -literal") {
                block = []
            } else if line == "```" || line == ".Ed" {
                if let block { blocks.append(block.joined(separator: "\n")) }
                block = nil
            } else {
                block?.append(line)
            }
        }
        return blocks
    }
}
