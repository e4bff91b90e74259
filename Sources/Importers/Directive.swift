/// Where something stands in a source file.
package struct SourcePlace: Hashable, Sendable {
    package var file: String
    /// From 1; 0 means the file as a whole.
    package var line: Int

    package init(_ file: String, _ line: Int) {
        self.file = file
        self.line = line
    }

    package var words: String { line > 0 ? "\(file):\(line)" : file }
}

/// One directive of a source file, and what became of it.
package struct Directive: Hashable, Sendable {
    package var place: SourcePlace
    /// As it stands there, shortened to what a person needs to find it.
    package var text: String
    package var fidelity: Fidelity

    package init(_ text: String, at place: SourcePlace, _ fidelity: Fidelity) {
        self.place = place
        self.text = text.quotable
        self.fidelity = fidelity
    }

    /// What a comment and a warning say of it; nil when nothing differs.
    package var remark: String? {
        fidelity.reason.map { "\(text): \(fidelity.kind.words): \($0)" }
    }
}

extension String {
    /// `printable`, and of bounded length.
    package var quotable: String {
        let beginning = unicodeScalars.prefix(200)
        return String(beginning).printable + (beginning.endIndex < unicodeScalars.endIndex ? "…" : "")
    }

    /// Without control characters: fit for a comment, a warning and a terminal.
    var printable: String {
        var result = ""
        for scalar in unicodeScalars {
            switch scalar.value {
            case 0x09: result += " "
            // Line and paragraph separators would end a comment; a byte order mark may not stand in a table.
            case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
