/// How many columns of a terminal text takes. Text from outside is made printable first.
enum TextWidth {
    static func of(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { $0 + width(of: $1) }
    }

    /// As much of `text` as fits into `columns`, with `…` where something was cut off.
    static func cut(_ text: String, to columns: Int) -> String {
        guard of(text) > columns else { return text }
        guard columns > 0 else { return "" }
        var left = columns - 1
        var cut = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            left -= width(of: scalar)
            guard left >= 0 else { break }
            cut.append(scalar)
        }
        return String(cut) + "…"
    }

    /// Marks that join the character before take none, those of East Asia and most emoji two (UAX #11). Terminals do
    /// not agree on emoji that are joined of several; counting each of them cuts rather too early.
    private static func width(of scalar: Unicode.Scalar) -> Int {
        if scalar.isASCII { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x4dbf, 0x4e00...0xa4cf, 0xa960...0xa97c, 0xac00...0xd7a3,
            0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f680...0x1f6ff,
            0x1f900...0x1f9ff, 0x20000...0x3fffd:
            return 2
        default: return scalar.properties.isEmojiPresentation ? 2 : 1
        }
    }
}
