/// One line of a screen: pieces of text, each in a style.
struct StyledLine: Hashable {
    enum Style: Hashable {
        case plain, strong, faint, good, odd, bad
    }

    private struct Piece: Hashable {
        var text: String
        var style: Style
    }

    private var pieces: [Piece] = []
    /// Stands out as a whole.
    var isSelected = false

    init() {}

    init(_ text: String, _ style: Style = .plain) { append(text, style) }

    /// Without styles.
    var text: String { pieces.reduce("") { $0 + $1.text } }
    var width: Int { pieces.reduce(0) { $0 + TextWidth.of($1.text) } }

    mutating func append(_ text: String, _ style: Style = .plain) {
        if !text.isEmpty { pieces.append(Piece(text: text, style: style)) }
    }

    /// Adds text in a field of so many columns, cut or filled up with blanks.
    mutating func append(_ text: String, _ style: Style = .plain, columns: Int, right: Bool = false) {
        let text = TextWidth.cut(text, to: columns)
        let blanks = spaces(columns - TextWidth.of(text))
        if right { append(blanks) }
        append(text, style)
        if !right { append(blanks) }
    }

    /// Blanks up to `column`, where it begins no further right.
    mutating func fill(to column: Int) { append(spaces(column - width)) }

    /// What a terminal of so many columns is sent.
    func rendered(columns: Int, paint: Paint) -> String {
        var left = columns
        var result = ""
        for piece in pieces where left > 0 {
            let text = TextWidth.cut(piece.text, to: left)
            left -= TextWidth.of(text)
            result += isSelected ? text : paint(text, piece.style)
        }
        return isSelected ? paint.selected(result + spaces(left)) : result
    }
}

extension Paint {
    fileprivate func callAsFunction(_ text: String, _ style: StyledLine.Style) -> String {
        switch style {
        case .plain: text
        case .strong: strong(text)
        case .faint: faint(text)
        case .good: good(text)
        case .odd: odd(text)
        case .bad: bad(text)
        }
    }
}
