internal import CLibYAML

/// One step of libyaml's parser. This file is the only one that talks to libyaml.
struct YAMLEvent {
    var kind: Kind
    /// From 1.
    var line: Int
    var column: Int
    var anchor: String?
    var hasTag = false

    enum Kind {
        case documentStart
        case scalar(String, plain: Bool)
        case alias(String)
        case listStart
        case mappingStart
        /// Of a list or a mapping.
        case end
    }

    /// What libyaml could not read.
    struct Problem: Error {
        var message: String
        var line: Int
        var column: Int
    }

    /// Parses `bytes`, which must be UTF-8, event by event, until the end or until `visit` answers false: so a
    /// limit stops the parser before it has read on.
    static func parse(_ bytes: [UInt8], visit: (YAMLEvent) -> Bool) throws(Problem) {
        let problem: Problem? = unsafe bytes.withUnsafeBufferPointer { buffer in
            var parser = unsafe yaml_parser_t()
            guard unsafe yaml_parser_initialize(&parser) == 1 else {
                return Problem(message: "no memory for the parser", line: 0, column: 0)
            }
            defer { unsafe yaml_parser_delete(&parser) }
            unsafe yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            unsafe yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            while true {
                var native = unsafe yaml_event_t()
                guard unsafe yaml_parser_parse(&parser, &native) == 1 else { return unsafe Problem(parser) }
                defer { unsafe yaml_event_delete(&native) }
                if unsafe native.type == YAML_STREAM_END_EVENT { return nil }
                if let event = unsafe YAMLEvent(native), !visit(event) { return nil }
            }
        }
        if let problem { throw problem }
    }

    /// Nil for an event that says nothing about values.
    private init?(_ native: yaml_event_t) {
        unsafe (line, column) = (native.start_mark.line + 1, native.start_mark.column + 1)
        switch unsafe native.type {
        case YAML_DOCUMENT_START_EVENT:
            kind = .documentStart
        case YAML_SCALAR_EVENT:
            let scalar = unsafe native.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            kind = unsafe .scalar(
                String(decoding: bytes, as: UTF8.self), plain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
            anchor = unsafe Self.name(scalar.anchor)
            hasTag = unsafe scalar.tag != nil
        case YAML_ALIAS_EVENT:
            kind = unsafe .alias(Self.name(native.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT:
            kind = .listStart
            anchor = unsafe Self.name(native.data.sequence_start.anchor)
            hasTag = unsafe native.data.sequence_start.tag != nil
        case YAML_MAPPING_START_EVENT:
            kind = .mappingStart
            anchor = unsafe Self.name(native.data.mapping_start.anchor)
            hasTag = unsafe native.data.mapping_start.tag != nil
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            kind = .end
        default:
            return nil
        }
    }

    private static func name(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        unsafe text.map { unsafe String(cString: $0) }
    }
}

extension YAMLEvent.Problem {
    fileprivate init(_ parser: yaml_parser_t) {
        let text = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "cannot be read"
        let context = unsafe parser.context.map { unsafe " (" + String(cString: $0) + ")" } ?? ""
        unsafe self.init(
            message: text + context, line: parser.problem_mark.line + 1, column: parser.problem_mark.column + 1)
    }
}
