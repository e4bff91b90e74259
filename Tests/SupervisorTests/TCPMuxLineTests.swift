import ServiceTable
import Testing

@testable import Supervisor

@Suite("the first line of tcpmux")
struct TCPMuxLineTests {
    private func read(_ text: String) -> TCPMuxLine { TCPMuxLine(Array(text.utf8)) }

    @Test("the line ends at its first LF, and only its own bytes are counted")
    func whole() {
        #expect(read("finger\r\nroot\r\n") == .name("finger", length: 8))
        #expect(read("finger\nroot") == .name("finger", length: 7))
        #expect(read("HeLp\r\n") == .help(length: 6))
    }

    @Test("any beginning of a line waits for the rest")
    func beginnings() {
        let line = Array("finger\r\n".utf8)
        for count in 0..<line.count { #expect(TCPMuxLine(Array(line[..<count])) == .incomplete) }
    }

    @Test("what can be no name is told at once")
    func malformed() {
        for text in ["\r\n", "\n", "a b", "a\tb\r\n", "a\rb\r\n", "\0", "é\r\n", "a\r\r\n"] {
            guard case .malformed = read(text) else {
                Issue.record("\(text.debugDescription)")
                continue
            }
        }
    }

    @Test("255 bytes are the longest name")
    func longest() {
        let name = String(repeating: "n", count: 255)
        #expect(read(name + "\r\n") == .name(name, length: 257))
        #expect(read(name + "\r") == .incomplete)
        #expect(read(name + "nn") == .malformed("the line is too long"))
    }

    @Test("regression: a line that is no name was told that it is too long when all of it came at once")
    func tooLongAndNoName() {
        let noName = " " + String(repeating: "n", count: 255)
        #expect(read(noName) == .malformed("that is no service name"))
        #expect(read(noName + "n") == .malformed("that is no service name"))
    }

    @Test("names are found in any case, and listed as the table writes them")
    func names() {
        var names = TCPMuxNames()
        names.add(TCPMuxName(name: "Finger", answers: true), service: "f")
        names.add(TCPMuxName(name: "who", answers: false), service: "w")
        #expect(names["FINGER"] == TCPMuxNames.Entry(service: "f", answers: true))
        #expect(names["who"]?.answers == false)
        #expect(names["nobody"] == nil)
        #expect(String(decoding: names.list, as: UTF8.self) == "Finger\r\nwho\r\n")
    }
}
