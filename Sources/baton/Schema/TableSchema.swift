internal import ControlProtocol
internal import ServiceTable

/// The shape of a service table as a JSON Schema (draft 2020-12), for editors.
struct TableSchema {
    private var definitions: [(String, JSON)] = []

    static var json: JSON {
        var schema = TableSchema()
        let root = schema.object(ServiceTable.shape)
        let head: JSONObject = [
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": .string("Service table of Baton \(BatonVersion.text), baton.yaml(5)"),
        ]
        return .object(head + root + ["$defs": .object(JSONObject(schema.definitions.sorted { $0.0 < $1.0 }))])
    }

    private mutating func schema(_ shape: Shape) -> JSONObject {
        switch shape {
        case .scalar(let length, let pattern):
            var result: JSONObject = ["type": ["string", "number", "boolean"]]
            result.append("minLength", length.map { .integer(Int64($0.lowerBound)) })
            result.append("maxLength", length.flatMap { $0.upperBound == .max ? nil : .integer(Int64($0.upperBound)) })
            result.append("pattern", pattern.map { .string($0) })
            return result
        case .string(let pattern): return ["type": "string", "pattern": .string(pattern)]
        case .number(let range):
            return ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        case .positiveNumber: return ["type": "number", "exclusiveMinimum": 0]
        case .boolean: return ["type": "boolean"]
        case .words(let words): return ["enum": .array(words.flatMap(Self.values))]
        case .list(let element, let least):
            var result: JSONObject = ["type": "array", "items": .object(schema(element))]
            if least > 0 { result.append("minItems", .integer(Int64(least))) }
            return result
        case .names(let pattern, let value):
            return [
                "type": "object", "propertyNames": ["pattern": .string(pattern)],
                "additionalProperties": .object(schema(value)),
            ]
        case .either(let shapes): return ["anyOf": .array(shapes.map { .object(schema($0)) })]
        case .mapping(let mapping):
            if !definitions.contains(where: { $0.0 == mapping.name }) {
                // Its place is taken before its own fields are met.
                definitions.append((mapping.name, .null))
                let object = JSON.object(object(mapping))
                definitions = definitions.map { $0.0 == mapping.name ? ($0.0, object) : $0 }
            }
            return ["$ref": .string("#/$defs/\(mapping.name)")]
        }
    }

    /// A word, and what YAML takes it for where it has no quotes.
    private static func values(of word: String) -> [JSON] {
        switch word {
        case "false": [.bool(false), .string(word)]
        case "null": [.null, .string(word)]
        default: [.string(word)]
        }
    }

    private mutating func object(_ mapping: MappingShape) -> JSONObject {
        var properties = JSONObject()
        for field in mapping.fields {
            let text = mapping.documentedUnder.lazy.compactMap { KeyDescriptions.texts["\($0).\(field.name)"] }.first
            let description = text.map { JSONObject([("description", .string($0))]) } ?? JSONObject()
            properties.append(field.name, .object(description + schema(field.shape)))
        }
        var result: JSONObject = ["type": "object", "additionalProperties": false, "properties": .object(properties)]
        if !mapping.required.isEmpty { result.append("required", Self.names(mapping.required)) }
        let changeable = mapping.fields.filter(\.isChangeable).map(\.name)
        if !changeable.isEmpty {
            result.append(
                "patternProperties", [("^[+-](\(changeable.joined(separator: "|")))$"): ["type": "array"]])
        }
        let conditions =
            mapping.rules.map(Self.condition) + changeable.map { Self.excludes($0, ["+" + $0, "-" + $0]) }
        if !conditions.isEmpty { result.append("allOf", .array(conditions)) }
        return result
    }

    private static func condition(_ rule: MappingShape.Rule) -> JSON {
        switch rule {
        case .oneOnly: ["minProperties": 1, "maxProperties": 1]
        case .atLeastOne(let names): anyOf(names)
        case .requires(let name, let other): .object(["dependentRequired": .object([name: names([other])])])
        case .excludes(let name, let others): excludes(name, others)
        case .trueRequires(let name, let other): ["if": isTrue(name), "then": ["required": names([other])]]
        case .trueExcludes(let name, let others): ["if": isTrue(name), "then": ["not": anyOf(others)]]
        }
    }

    private static func excludes(_ name: String, _ others: [String]) -> JSON {
        ["dependentSchemas": .object([name: ["not": anyOf(others)]])]
    }

    private static func anyOf(_ names: [String]) -> JSON {
        ["anyOf": .array(names.map { ["required": Self.names([$0])] })]
    }

    private static func isTrue(_ name: String) -> JSON {
        ["required": names([name]), "properties": .object([name: ["const": true]])]
    }

    private static func names(_ names: [String]) -> JSON { .array(names.map { .string($0) }) }
}
