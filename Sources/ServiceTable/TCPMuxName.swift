/// The `tcpmux` key: the name by which an `internal: tcpmux` service finds a service (RFC 1078).
package struct TCPMuxName: Hashable, Sendable {
    /// As the table writes it; it is compared without regard to case.
    package var name: String
    /// Written `+NAME`: Baton says `+` to the client, not the handler.
    package var answers: Bool

    package init(name: String, answers: Bool) {
        self.name = name
        self.answers = answers
    }

    /// `NAME` or `+NAME`.
    init(_ text: String) {
        answers = text.hasPrefix("+")
        name = answers ? String(text.dropFirst()) : text
    }

    /// The form in which names are equal.
    package var folded: String { Self.fold(name) }

    package static func fold(_ name: String) -> String {
        String(decoding: name.utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// What asks for the list of names, in its folded form.
    package static let help = "help"
    /// The longest name, in bytes.
    package static let longest = 255
}

extension TCPMuxName: Coded {
    init() { self.init(name: "", answers: false) }
    mutating func code(with coder: inout FieldCoder) {
        coder.text(&name)
        coder.flag(&answers)
    }
}
