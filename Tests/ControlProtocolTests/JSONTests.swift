import Testing

@testable import ControlProtocol

@Suite("JSON")
struct JSONTests {
    @Test(
        "accepts what RFC 8259 allows",
        arguments: [
            ("null", .null), (" true ", true), ("false", false), ("0", 0), ("-1", -1), ("1.0", 1.0),
            ("1e2", 100.0), ("1E-2", 0.01), ("-0", .number(-0.0)), ("9223372036854775807", .integer(.max)),
            ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number(9_223_372_036_854_775_808)),
            (#""""#, ""), (#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{c}\n\r\t"), (#""\u00e9\uD83D\uDE00""#, "é😀"),
            (#""\u0000""#, "\u{0}"), ("\"\u{7f}é€😀\"", "\u{7f}é€😀"), ("[]", []), ("[ 1 , [2] ]", [1, [2]]),
            ("{}", [:]), (#"{"b":1,"a":{"":null}}"#, ["b": 1, "a": ["": .null]]), ("\t\r\n[]\r\n", []),
            // Different bytes are different names, though Swift calls the strings equal.
            ("{\"é\":1,\"e\u{301}\":2}", ["é": 1, "e\u{301}": 2]),
        ] as [(String, JSON)])
    func accepts(text: String, value: JSON) throws {
        #expect(try JSON(parsing: Array(text.utf8)) == value)
    }

    @Test(
        "refuses what RFC 8259 does not allow",
        arguments: [
            "", " ", "nul", "nulll", "True", "'a'", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1 2", "NaN",
            "Infinity", "1e400", #"""#, #""\""#, #""\x41""#, #""\u12""#, #""\u12g4""#, #""\uD800""#, #""\uDC00""#,
            #""\uD800\u0041""#, #""\uD800x""#, #""\uD800\uD800\uDC00""#, "\"\n\"", "\"\u{1f}\"", "[", "[1", "[1,",
            "[1,]", "[,1]", "[1 2]", "]", "{", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{a:1}"#, #"{"a":1 "b":2}"#,
            #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, "[] []", "[]x", "\u{feff}[]", "/**/[]", "\u{a0}1", "1\u{0}",
        ])
    func refuses(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test(
        "refuses what is not UTF-8",
        arguments: [
            [0xff], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3], [0x80],
        ] as [[UInt8]])
    func refusesBytes(bytes: [UInt8]) {
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: [0x22] + bytes + [0x22]) }
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: bytes) }
    }

    @Test("depth and length have limits, and the very limit is allowed")
    func limits() throws {
        let deep = Array((String(repeating: "[", count: 16) + String(repeating: "]", count: 16)).utf8)
        #expect(throws: Never.self) { try JSON(parsing: deep) }
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: [0x5b] + deep + [0x5d]) }
        let limits = JSONLimits(depth: 1, bytes: 4)
        #expect(throws: Never.self) { try JSON(parsing: Array("[12]".utf8), limits: limits) }
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: Array("[123]".utf8), limits: limits) }
        let digits = Array(String(repeating: "1", count: 129).utf8)
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: digits) }
    }

    @Test("an error names the byte")
    func offset() {
        #expect(throws: JSONSyntaxError(offset: 6, message: "a value is expected")) {
            try JSON(parsing: Array(#"{"a": x}"#.utf8))
        }
    }

    @Test("what is written reads back the same")
    func roundTrip() throws {
        let value: JSON = [
            "text": "quote \" backslash \\ controls \u{0}\u{1b}\u{7f}\u{9b}\u{2028} é😀", "empty": [:], "none": .null,
            "numbers": [
                .integer(.min), .integer(.max), 0.1, 1e300, .number(-0.0), .number(.leastNonzeroMagnitude), 2.0,
            ],
        ]
        let text = value.text
        #expect(try JSON(parsing: Array(text.utf8)) == value)
        #expect(!text.unicodeScalars.contains { $0.isDisruptive })
    }

    @Test("a number that JSON cannot say becomes null")
    func notFinite() {
        #expect(JSON.array([.number(.nan), .number(.infinity)]).text == "[null,null]")
    }

    // The limit is far above what linear time takes and far below what quadratic time would.
    @Test("hostile input is read in time linear in its length", .timeLimit(.minutes(1)))
    func hostile() {
        let limits = JSONLimits(depth: 16, bytes: 4 << 20)
        let million = 1_000_000
        let refused = [
            String(repeating: "[", count: million), String(repeating: "[[],", count: million / 4),
            "[" + String(repeating: "[],", count: million / 3), "\"" + String(repeating: "\\u0065", count: million / 6),
            String(repeating: "9", count: million), "1e" + String(repeating: "9", count: million),
            "{" + (0..<100_000).map { "\"\($0)\":0," }.joined() + "\"0\":0}",
        ]
        let accepted = [
            "\"" + String(repeating: "e\u{301}\u{327}", count: million / 5) + "\"",
            // Two long names that differ in canonical order only: normalizing them would be quadratic.
            "{\"e" + String(repeating: "\u{301}\u{327}", count: 100_000) + "\":0,\"e"
                + String(repeating: "\u{327}\u{301}", count: 100_000) + "\":0}",
        ]
        for text in refused {
            #expect(throws: JSONSyntaxError.self) { try JSON(parsing: Array(text.utf8), limits: limits) }
        }
        for text in accepted {
            #expect(throws: Never.self) { try JSON(parsing: Array(text.utf8), limits: limits) }
        }
    }

    @Test("no damage to a valid text makes the reader trap or accept what it cannot write")
    func damaged() throws {
        let seed = Array(
            #"{"method":"stop","params":{"services":["a","é"],"drain":"1h30m"},"id":[-1.5e3,"\uD83D\uDE00",null,true]}"#
                .utf8)
        var random = Sequence64(state: 8259)
        for _ in 0..<20_000 {
            var text = seed
            for _ in 0...random.below(3) {
                let place = random.below(text.count)
                switch random.below(3) {
                case 0: text[place] = UInt8(random.below(256))
                case 1: text.remove(at: place)
                default: text.insert(seed[random.below(seed.count)], at: place)
                }
            }
            guard let value = try? JSON(parsing: text) else { continue }
            #expect(try JSON(parsing: Array(value.text.utf8)) == value)
        }
    }
}

/// A fixed sequence of numbers that look random (SplitMix64).
struct Sequence64 {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return Int((mixed ^ mixed >> 31) % UInt64(bound))
    }
}
