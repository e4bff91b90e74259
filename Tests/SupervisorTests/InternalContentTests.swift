import Testing

@testable import Supervisor

@Suite struct InternalContentTests {
    private func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("chargen's lines are those that RFC 864 shows, and turn through all 95 characters")
    func pattern() {
        let all = InternalContent.characters
        #expect(all.count == 95 * 74)
        #expect(
            text(all.prefix(74))
                == "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n")
        for line in 1..<95 {
            let before = all[(line - 1) * 74..<(line - 1) * 74 + 72]
            let this = all[line * 74..<line * 74 + 72]
            #expect(Array(before.dropFirst()) == Array(this.dropLast()))
            #expect(this.allSatisfy { (32...126).contains($0) })
            #expect(text(all[line * 74 + 72..<line * 74 + 74]) == "\r\n")
        }
        #expect(Set(all).subtracting([13, 10]).count == 95)
    }

    @Test("a piece of the pattern begins with the line asked for and runs on past its end")
    func piece() {
        #expect(InternalContent.characters(0, fromLine: 5).isEmpty)
        let piece = InternalContent.characters(512, fromLine: 94)
        #expect(piece.count == 512)
        #expect(piece.first == UInt8(ascii: " "))
        #expect(Array(piece[74..<148]) == Array(InternalContent.characters[0..<74]))
    }

    @Test("daytime is ctime's form with the zone")
    func daytime() {
        #expect(text(InternalContent.daytime(.init(seconds: 0))) == "Thu Jan  1 00:00:00 1970 UTC\r\n")
        #expect(text(InternalContent.daytime(.init(seconds: 951_827_696))) == "Tue Feb 29 12:34:56 2000 UTC\r\n")
        #expect(text(InternalContent.daytime(.init(seconds: 1_795_479_414))) == "Tue Nov 24 00:16:54 2026 UTC\r\n")
    }

    @Test("time is the seconds since 1900, the highest byte first, and begins anew in 2036")
    func time() {
        #expect(InternalContent.time(.init(seconds: 0)) == [0x83, 0xaa, 0x7e, 0x80])
        #expect(InternalContent.time(.init(seconds: 2_085_978_495)) == [255, 255, 255, 255])
        #expect(InternalContent.time(.init(seconds: 2_085_978_497)) == [0, 0, 0, 1])
    }

    @Test("a quote is one printing line below RFC 865's 512 characters, and tomorrow's is another")
    func quotes() {
        for day in 0..<Int64(InternalContent.quotes.count) {
            let quote = InternalContent.quote(.init(seconds: day * 86_400 + 1))
            #expect(quote.count < 512)
            #expect(quote.dropLast(2).allSatisfy { (32...126).contains($0) })
            #expect(quote.suffix(2) == [13, 10])
            #expect(quote == InternalContent.quote(.init(seconds: day * 86_400 + 86_399)))
            #expect(quote != InternalContent.quote(.init(seconds: (day + 1) * 86_400)))
        }
    }
}
