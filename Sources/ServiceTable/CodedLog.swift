extension LogFormat: Coded {
    init() { self = .text }
    mutating func code(with coder: inout FieldCoder) { coder.enumeration(&self) }
}

extension LogLine: Coded {
    init() { self = .start }
    mutating func code(with coder: inout FieldCoder) { coder.enumeration(&self) }
}
