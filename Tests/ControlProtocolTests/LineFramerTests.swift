import Testing

@testable import ControlProtocol

@Suite("Lines of the control socket")
struct LineFramerTests {
    private func lines(_ framer: inout LineFramer) throws -> [String] {
        var lines: [String] = []
        while let line = try framer.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        return lines
    }

    @Test("lines come out whole and in order, however the bytes arrive", arguments: [1, 2, 3, 7, 100])
    func chunks(size: Int) throws {
        let text = Array("one\ntwo\n\nthree\nrest".utf8)
        var framer = LineFramer(limit: 8)
        var found: [String] = []
        for start in stride(from: 0, to: text.count, by: size) {
            framer.append(text[start..<min(start + size, text.count)])
            found += try lines(&framer)
        }
        #expect(found == ["one", "two", "", "three"])
        #expect(framer.hasPartialLine)
    }

    @Test("a line of the limit passes, one byte more does not")
    func limit() throws {
        var framer = LineFramer(limit: 4)
        framer.append(Array("1234\n".utf8))
        #expect(try lines(&framer) == ["1234"])
        framer.append(Array("1234".utf8))
        #expect(try lines(&framer) == [])
        framer.append(Array("5".utf8))
        #expect(throws: LineFramer.LineTooLong(limit: 4)) { try framer.next() }
        framer.append(Array("\nok\n".utf8))
        #expect(throws: LineFramer.LineTooLong(limit: 4)) { try framer.next() }
    }

    @Test("an overlong line is refused even when its newline came along")
    func overlong() {
        var framer = LineFramer(limit: 4)
        framer.append(Array("12345\n".utf8))
        #expect(throws: LineFramer.LineTooLong(limit: 4)) { try framer.next() }
    }

    @Test(
        "a million short lines, byte by byte or at once, cost linear time and leave nothing behind",
        .timeLimit(.minutes(1)))
    func many() throws {
        var framer = LineFramer(limit: 64)
        framer.append([UInt8](repeating: 10, count: 1_000_000))
        var count = 0
        while try framer.next() != nil {
            count += 1
            framer.append([10])
            if count == 1_000_000 { break }
        }
        while try framer.next() != nil { count += 1 }
        #expect(count == 2_000_000)
        #expect(!framer.hasPartialLine)
    }
}
