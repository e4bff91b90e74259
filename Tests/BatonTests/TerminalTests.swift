import Testing

@testable import baton

@Suite("Text on a terminal")
struct TextWidthTests {
    @Test(
        "columns are not characters",
        arguments: [
            ("abc", 3), ("", 0), ("naïve", 5), ("nai\u{308}ve", 5), ("日本", 4), ("ﾊﾛｰ", 3), ("🚀!", 3), ("한글", 4),
            ("a\u{200d}b", 2), ("…µ▁█", 4),
        ])
    func width(text: String, columns: Int) {
        #expect(TextWidth.of(text) == columns)
    }

    @Test("what is too long is cut before the column where it would end, never within a character")
    func cut() {
        #expect(TextWidth.cut("abcdef", to: 6) == "abcdef")
        #expect(TextWidth.cut("abcdef", to: 5) == "abcd…")
        #expect(TextWidth.cut("日本語", to: 5) == "日本…")
        #expect(TextWidth.cut("日本語", to: 4) == "日…")
        #expect(TextWidth.cut("abc", to: 0) == "")
        for columns in 0...12 {
            #expect(TextWidth.of(TextWidth.cut("ab日e\u{301}🚀語fgh", to: columns)) <= columns)
        }
    }

    @Test("a line is as wide as its terminal at most, and colours take no columns")
    func line() {
        var line = StyledLine("ab", .bad)
        line.append("日本", .plain, columns: 6)
        line.append("7", .strong, columns: 3, right: true)
        #expect(line.text == "ab日本    7")
        #expect(line.width == 11)
        #expect(line.rendered(columns: 80, paint: Paint(isOn: false)) == line.text)
        #expect(line.rendered(columns: 5, paint: Paint(isOn: false)) == "ab日…")
        #expect(line.rendered(columns: 5, paint: Paint(isOn: true)) == "\u{1b}[31mab\u{1b}[0m日…")
        line.isSelected = true
        #expect(line.rendered(columns: 13, paint: Paint(isOn: true)) == "\u{1b}[7mab日本    7  \u{1b}[0m")
    }
}

@Suite("Keys")
struct KeyReaderTests {
    @Test("keys of terminals, whole and byte by byte", arguments: [false, true])
    func keys(whole: Bool) {
        let sent: [(String, [Key])] = [
            ("q", [.character("q")]), ("\r", [.enter]), ("\u{1b}[A\u{1b}[B", [.up, .down]), ("\u{1b}OC", [.right]),
            ("\u{1b}[5~\u{1b}[6~", [.pageUp, .pageDown]),
            ("\u{1b}[H\u{1b}[F\u{1b}[1~\u{1b}[4~", [.home, .end, .home, .end]),
            ("\u{1b}[1;5Dx", [.left, .character("x")]), ("\u{1b}[200~", []), ("ü", []), ("\u{1b}x?", [.character("?")]),
        ]
        for (bytes, keys) in sent {
            var reader = KeyReader()
            var found: [Key] = []
            if whole {
                found = reader.append(bytes.utf8)
            } else {
                for byte in bytes.utf8 { found += reader.append([byte]) }
            }
            #expect(found == keys, "\(bytes.debugDescription)")
            #expect(!reader.isWaiting)
        }
    }

    @Test("Escape by itself is a key once nothing follows")
    func escape() {
        var reader = KeyReader()
        #expect(reader.append([0x1b]) == [])
        #expect(reader.isWaiting)
        #expect(reader.flush() == [.escape])
        #expect(reader.append([0x1b, 0x1b]) == [.escape])
        #expect(reader.flush() == [.escape])
        #expect(reader.append("\u{1b}[12".utf8) == [])
        #expect(reader.flush() == [], "a broken sequence is no key")
        #expect(reader.append("\u{1b}[\(String(repeating: "1", count: 99))".utf8) == [] && !reader.isWaiting)
    }
}
