import Glibc
import Testing

@testable import ServiceTable

@Suite("files and their YAML")
struct YAMLTests {
    static let good = "services: {s: {listen: 1, internal: echo}}\n"

    private func bytes(_ bytes: [UInt8]) -> [String] {
        ServiceTableReader.read(text: bytes, name: "t", resolving: false).faults.map { String("\($0)".dropFirst(2)) }
    }

    @Test(
        "YAML that is not taken",
        arguments: [
            ("", "1:1: error: the file is empty; a table needs `services`"),
            ("# only a comment\n", "1:1: error: the file is empty; a table needs `services`"),
            ("---\n", "2:1: error: the file is empty; a table needs `services`"),
            ("null", "1:1: error: the file is empty; a table needs `services`"),
            ("[a]", "1:1: error: expected a mapping with services, not a list"),
            ("hello", "1:1: error: expected a mapping with services, not \"hello\""),
            ("{}", "1:1: error: services is missing"),
            ("services: {}", "1:11: error: services: there is no service in the table"),
            ("services: [a]", "1:11: error: services: expected a mapping of names to services, not a list"),
            ("services:", "1:10: error: services: an empty value; give one, or leave the key out"),
            ("services: ~", "1:11: error: services: an empty value; give one, or leave the key out"),
            ("services: {s: }", "1:15: error: services.s: an empty value; give one, or leave the key out"),
            ("services: {s: {listen: 1, internal: !x echo}}", "1:37: error: services.s.internal: tags are not taken"),
            (
                "services: {s: {listen: 1, internal: !!str echo}}",
                "1:37: error: services.s.internal: tags are not taken"
            ),
            (
                "services: {s: {<<: {listen: 1}, listen: 1, internal: echo}}",
                "1:16: error: services.s.<<: merge keys are not taken; use `defaults`, or an alias of a whole value"
            ),
            (
                "services: {s: {listen: 1, listen: 2, internal: echo}}",
                "1:27: error: services.s.listen: duplicate key; it stands in line 1 already"
            ),
            (
                "services: {s: {listen: 1, internal: echo}, s: {listen: 2, internal: echo}}",
                "1:44: error: services.s: duplicate key; it stands in line 1 already"
            ),
            ("services: {s: {listen: 1, internal: *x}}", "1:37: error: services.s.internal: no anchor &x before this"),
            (
                "services: &a {s: {listen: 1, internal: echo, env: *a}}",
                "1:51: error: services.s.env: *a stands inside what it names"
            ),
            (
                "services: {s: {listen: 1, internal: echo, [a]: b}}",
                "1:43: error: services.s: a key must be a plain word, not a list"
            ),
            ("services: {s: {listen: 1, internal: echo}}\n---\na: b", "2:1: error: a second document; a table is one"),
            ("services: {s: {listen: 1, internal: \"e\\0o\"}}", "1:37: error: services.s.internal: a NUL character"),
            (
                "services: {s: {listen: 1, internal: echo}",
                "2:1: error: not YAML: did not find expected ',' or '}' (while parsing a flow mapping)"
            ),
            (
                "a:\n\tb: c",
                "2:1: error: not YAML: found character that cannot start any token (while scanning for the next token)"
            ),
            ("%FOO\n---\n{}", "1:5: error: not YAML: found unknown directive name (while scanning a directive)"),
        ])
    func refused(text: String, fault: String) {
        #expect(faults(text) == [fault])
    }

    @Test("a duplicate key is found among few and among many", arguments: [1, 12, 13, 14, 40])
    func duplicates(count: Int) {
        let services = (1...count).map { "  s\($0): {listen: \($0), internal: echo}" }
        let again = ["  s\(count): {listen: 99, internal: echo}", "  s1: {listen: 99, internal: echo}"]
        let found = faults((["services:"] + services + again).joined(separator: "\n"))
        #expect(
            found == [
                "\(count + 2):3: error: services.s\(count): duplicate key; it stands in line \(count + 1) already",
                "\(count + 3):3: error: services.s1: duplicate key; it stands in line 2 already",
            ])
    }

    @Test("characters that no table holds, each with its place")
    func characters() {
        func after(_ bad: [UInt8]) -> [String] { bytes(Array("# a\r\n# bä".utf8) + bad + Array("\n".utf8)) }
        #expect(after([0]) == ["2:5: error: a NUL byte"])
        #expect(after([7]) == ["2:5: error: a control character (U+0007); write it as an escape in double quotes"])
        #expect(after([0x7f]) == ["2:5: error: a control character (U+007F); write it as an escape in double quotes"])
        #expect(after([0xff]) == ["2:5: error: bytes that are not UTF-8 (0xff)"])
        #expect(after([0xc0, 0x80]) == ["2:5: error: bytes that are not UTF-8 (0xc0)"])
        #expect(after([0xed, 0xa0, 0x80]) == ["2:5: error: bytes that are not UTF-8 (0xed)"])
        #expect(after([0xf4, 0x90, 0x80, 0x80]) == ["2:5: error: bytes that are not UTF-8 (0xf4)"])
        #expect(after([0xe2, 0x82]) == ["2:5: error: bytes that are not UTF-8 (0xe2)"])
        for (bytes, name) in [
            ([0xc2, 0x85], "U+0085"), ([0xe2, 0x80, 0xa8], "U+2028"), ([0xe2, 0x80, 0xa9], "U+2029"),
        ] {
            let fault = "a line break that is not seen as one (\(name)); write it as an escape in double quotes"
            #expect(after(bytes.map { UInt8($0) }) == ["2:5: error: \(fault)"])
        }
        #expect(after([0xc2, 0x81]) == ["2:5: error: a character that a table cannot hold (U+0081)"])
        #expect(after([0xef, 0xbb, 0xbf]) == ["2:5: error: a character that a table cannot hold (U+FEFF)"])
        #expect(bytes([0xff, 0xfe, 0x41, 0]) == ["1:1: error: the file is UTF-16; a table is UTF-8"])
        #expect(bytes([0xfe, 0xff, 0, 0x41]) == ["1:1: error: the file is UTF-16; a table is UTF-8"])
        #expect(bytes([0x41, 0, 0x42, 0]) == ["1:1: error: the file is UTF-16; a table is UTF-8"])
        #expect(bytes([0xff, 0xfe, 0, 0]) == ["1:1: error: the file is UTF-32; a table is UTF-8"])
        #expect(bytes([0, 0, 0, 0x41]) == ["1:1: error: the file is UTF-32; a table is UTF-8"])
        #expect(bytes([0xef, 0xbb, 0xbf] + Array(Self.good.utf8)).isEmpty)
    }

    @Test("32 levels are taken, 33 are not, aliases included")
    func depth() {
        func nested(_ levels: Int) -> String {
            "x: " + String(repeating: "[", count: levels - 1) + String(repeating: "]", count: levels - 1)
        }
        #expect(faults(nested(32)).first?.contains("levels") == false)
        #expect(faults(nested(33)) == ["1:35: error: x: more than 32 levels deep"])
        let lists = String(repeating: "[", count: 20) + String(repeating: "]", count: 20)
        let aliased = "a: &a \(lists)\nb: [[[[[[[[[[[[*a]]]]]]]]]]]]\n"
        #expect(faults(aliased) == ["1:4: error: b: more than 32 levels deep with its aliases"])
    }

    @Test("an alias bomb is refused at once")
    func bomb() {
        var text = "a: &a0 [x,x,x,x,x,x,x,x,x]\n"
        for level in 1..<12 {
            text +=
                "b\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",") + "]\n"
        }
        let clock = ContinuousClock()
        let time = clock.measure {
            #expect(
                faults(text).first?.contains("more than 250000 values, aliases counted as what they stand for") == true)
        }
        #expect(time < .seconds(1))
    }

    /// Bytes of 1 MiB, made by repeating a piece.
    private static func filled(_ start: String = "", _ piece: String) -> [UInt8] {
        let unit = Array(piece.utf8)
        let room = YAMLText.mostBytes - start.utf8.count
        return Array(start.utf8) + (0..<(room / unit.count)).flatMap { _ in unit }
    }

    @Test(
        "a hostile file of 1 MiB ends within seconds",
        arguments: [
            ("", "["), ("", "{"), ("", "[\n"), ("", "- "), ("", "? "), ("", "?\n"), ("", "-\n"), ("", "- a\n"),
            ("", "a:\n"),
            ("", "x"), ("\"", "a"), ("\"", "\\u0041"), ("|\n", "\n"), ("[", "a,"), ("{", "a: b, "), ("{", "a, "),
            ("", "&a "),
            ("", "*a "), ("[&a x,", "*a,"), ("", "!"), ("", "%TAG !a! b\n"), ("", "#\n"), ("", "---\n"), ("", "\r\n"),
            ("", "? a\n"), ("a: ", "[]\n"), ("services: {", "a: {},"), ("services:\n", "  s: {listen: 1, exec: /a}\n"),
            ("services: {s: {listen: [", "1,"), ("services: {s: {env: {", "A: b,"),
            ("services: {s: {internal: echo, ", "lisen: 1,"),
            ("include: [", "/no/such,"), ("defaults: {", "usr: x,"),
        ])
    func hostile(start: String, piece: String) {
        let text = Self.filled(start, piece)
        let clock = ContinuousClock()
        let time = clock.measure { #expect(!bytes(text).isEmpty) }
        #expect(time < .seconds(30), "\(start)\(piece) took \(time)")
        if Glibc.getenv("BATON_MEASURE") != nil {
            print("measured \(start.debugDescription) \(piece.debugDescription): \(time)")
        }
    }

    /// A piece made new with each number, up to 1 MiB.
    private static func numbered(_ start: String, _ piece: (Int) -> String, end: String, most: Int = YAMLText.mostBytes)
        -> String
    {
        var text = start
        var number = 0
        while text.utf8.count + end.utf8.count + 64 < most {
            text += piece(number)
            number += 1
        }
        return text + end
    }

    @Test("nothing takes time by the square of the file's size", arguments: 0..<6)
    func squares(number: Int) {
        let names = (0..<20_000).map { "A\($0)" }.joined(separator: ",")
        let services = Self.numbered("services: {", { "s\($0): {listen: 0, exec: /a}, " }, end: "}")
        let texts = [
            Self.numbered("services: {s: {listen: 1, exec: /a, env: {", { "A\($0): b, " }, end: "}}}"),
            Self.numbered("services: {s: {listen: 1, exec: /a, ", { "a\($0): b, " }, end: "}}"),
            Self.numbered(
                "services: {s: {listen: 1, route: {rules: [", { "{match: ssh, to: a\($0)}, " }, end: "]}}}"),
            "defaults: {pass_env: [\(names)]}\n"
                + "services: {s: {listen: 1, exec: /a, -pass_env: [\(names)]}}",
            "defaults: {pass_env: [\(names)]}\n"
                + Self.numbered("services: {", { "s\($0): {listen: 0, exec: /a}, " }, end: "}", most: 800_000),
            services,
        ]
        let clock = ContinuousClock()
        let time = clock.measure { _ = load(texts[number]) }
        if Glibc.getenv("BATON_MEASURE") != nil { print("measured square \(number): \(time)") }
        #expect(time < .seconds(30), "\(number) took \(time)")
    }

    @Test("tag directives that take libyaml time by their square are counted first")
    func tagDirectives() {
        let text = (0..<50_000).map { "%TAG !\($0)! b\n" }.joined()
        #expect(faults(text) == ["17:1: error: tags are not taken, and so are %TAG directives"])
    }

    @Test("ten thousand services are read")
    func large() throws {
        let text =
            "services:\n" + (1...10_000).map { "  s\($0): {listen: '127.0.0.1:\($0)', internal: echo}\n" }.joined()
        let loaded = load(text)
        #expect(loaded.faults.isEmpty)
        #expect(loaded.table?.services.count == 10_000)
        #expect(try LoadedTable(decoding: loaded.encoded()) == loaded)
    }

    @Test("files that are no tables: too large, absent, a directory, a FIFO, a device")
    func files() throws {
        let directory = try TemporaryDirectory()
        func read(_ path: String) -> [String] {
            ServiceTableReader.read(file: path, resolving: false).faults.map(\.description)
        }
        let large = try directory.write("large", String(repeating: "#", count: YAMLText.mostBytes + 1))
        #expect(read(large) == ["\(large): error: the file has more than 1048576 bytes"])
        #expect(read("/no/such") == ["/no/such: error: cannot be read: No such file or directory"])
        #expect(read(directory.path) == ["\(directory.path): error: is a directory; a table is a file"])
        let fifo = directory.path + "/fifo"
        try #require(mkfifo(fifo, 0o600) == 0)
        #expect(read(fifo) == ["\(fifo): error: is no regular file"])
        #expect(read("/dev/null") == ["/dev/null: error: is no regular file"])
    }

    @Test("a table that others can write, or that belongs to others, is a fault")
    func trust() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("t", Self.good)
        func read() -> [String] { ServiceTableReader.read(file: path, resolving: false).faults.map(\.description) }
        #expect(read().isEmpty)
        for mode in [0o664, 0o646, 0o622] as [mode_t] {
            try #require(chmod(path, mode) == 0)
            #expect(
                read() == ["\(path): error: others can write the file (mode \(String(mode, radix: 8))); chmod go-w"])
        }
        try #require(chmod(path, 0o644) == 0)
        guard geteuid() == 0 else { return }
        try #require(chown(path, 12345, 0) == 0)
        #expect(read() == ["\(path): error: the file belongs to uid 12345, neither root nor the caller"])
    }
}
