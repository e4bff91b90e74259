import ServiceTable
import Testing

@testable import Supervisor

@Suite("Courier's first words")
struct CourierTests {
    /// Words of 16 bits, as they go over the wire.
    private func wire(_ words: UInt16...) -> [UInt8] {
        words.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    }

    private func rules(standard: String? = nil, _ rules: (UInt32, ClosedRange<UInt16>, String)...) -> RouteRules {
        var route = Route()
        route.standard = standard
        route.rules = rules.map { program, versions, target in
            var courier = Route.Courier()
            (courier.program, courier.versions) = (program, versions)
            return Route.Rule(match: .courier(courier), target: target)
        }
        return RouteRules(route)
    }

    private func decide(
        _ rules: RouteRules, _ bytes: [UInt8], isAll: Bool = false, isContinued: Bool = false, isGreeted: Bool = true
    ) -> RouteRules.Decision {
        rules.decide(.init(bytes: bytes, isAll: isAll, isContinued: isContinued, isGreeted: isGreeted))
    }

    /// What a call that nobody takes is answered, and what the log says.
    private func rejection(_ rules: RouteRules, _ bytes: [UInt8]) -> (answer: [UInt8], why: String)? {
        guard case .reject(let call, let rejection) = decide(rules, bytes) else { return nil }
        return (call.reject(rejection), call.explanation(of: rejection))
    }

    @Test("in version 3 a program is two words")
    func versionThree() {
        let rules = rules((2, 3...3, "clearinghouse"), (0x1_0002, 0...9, "high"))
        #expect(decide(rules, wire(3, 3, 0, 7, 0, 2, 3, 1)) == .to("clearinghouse"))
        #expect(decide(rules, wire(2, 3, 0, 7, 1, 2, 9)) == .to("high"))
    }

    @Test("in version 2 it is one")
    func versionTwo() {
        let rules = rules((2, 3...3, "clearinghouse"))
        #expect(decide(rules, wire(2, 2, 0, 7, 2, 3, 1)) == .to("clearinghouse"))
        #expect(decide(rules, wire(1, 2, 0, 7, 2, 3, 1)) == .to("clearinghouse"))
    }

    @Test("one word in version 3 is understood where two words mean nobody")
    func oneWord() {
        let two = rules((2, 3...3, "clearinghouse"))
        #expect(decide(two, wire(3, 3, 0, 7, 2, 3, 1)) == .to("clearinghouse"))
        let both = rules((2, 3...3, "one"), (0x2_0003, 1...1, "two"))
        #expect(decide(both, wire(3, 3, 0, 7, 2, 3, 1)) == .to("two"))
        #expect(decide(rules(standard: "rest", (2, 3...3, "one")), wire(3, 3, 0, 7, 2, 3, 1)) == .to("one"))
    }

    @Test("our range goes out when the client's has come, and before anything is decided")
    func greeting() {
        let rules = rules(standard: "rest", (2, 3...3, "clearinghouse"))
        #expect(decide(rules, wire(3), isGreeted: false) == .more(atLeast: 4))
        #expect(decide(rules, wire(3, 3), isGreeted: false) == .greet)
        #expect(decide(rules, wire(3, 3)) == .more(atLeast: 14))
        #expect(decide(rules, wire(3, 3, 0, 7, 0, 2, 3), isGreeted: false) == .greet)
        #expect(decide(rules, wire(1, 9), isGreeted: false) == .greet)
        #expect(!rules.greetsFirst)
        #expect(self.rules((2, 3...3, "clearinghouse")).greetsFirst)
    }

    @Test("regression: who has no version in common with us is not spoken to: it may be no Courier")
    func nothingInCommon() {
        for range in [wire(4, 12), wire(1, 1), wire(0, 3)] {
            #expect(decide(rules(standard: "rest", (2, 3...3, "old")), range, isGreeted: false) == .to("rest"))
            #expect(decide(rules((2, 3...3, "old")), range, isGreeted: false) == .nowhere)
        }
    }

    @Test(
        "what is no range is no Courier",
        arguments: [[0, 0, 0, 3], [0, 3, 0, 2], [0, 3, 1, 0], [1, 3], Array("GET ".utf8), [22, 3, 1, 0]])
    func other(_ bytes: [UInt8]) {
        #expect(decide(rules((2, 3...3, "clearinghouse")), bytes, isGreeted: false) == .nowhere)
    }

    @Test("nobody's program, and nobody's version, are answered in the protocol's own words")
    func reject() {
        let rules = rules((2, 2...3, "old"), (2, 5...7, "new"), (4, 3...3, "printing"))
        let calls: [([UInt8], answer: [UInt8], why: String)] = [
            (wire(3, 3, 0, 7, 0, 9, 3), wire(1, 7, 0), "nobody has Courier program 9"),
            (wire(3, 3, 0, 8, 0, 2, 4), wire(1, 8, 1, 2, 7), "Courier program 2 has versions 2 to 7, not 4"),
            (wire(2, 2, 0, 9, 4, 1, 0), wire(1, 9, 1), "Courier program 4 has versions 3 to 3, not 1"),
            // One word in version 3.
            (wire(3, 3, 0, 6, 4, 9, 0), wire(1, 6, 1, 3, 3), "Courier program 4 has versions 3 to 3, not 9"),
        ]
        for call in calls {
            let rejection = rejection(rules, call.0)
            #expect(rejection?.answer == call.answer && rejection?.why == call.why)
        }
        #expect(decide(self.rules(standard: "rest", (2, 2...3, "old")), wire(3, 3, 0, 7, 0, 9, 3)) == .to("rest"))
    }

    @Test("a stream that is taken up in the middle begins with a CALL")
    func continued() {
        let rules = rules((2, 3...3, "clearinghouse"))
        #expect(decide(rules, wire(0, 7, 0, 2, 3, 1), isContinued: true, isGreeted: false) == .to("clearinghouse"))
        #expect(decide(rules, wire(0, 7, 0), isContinued: true, isGreeted: false) == .more(atLeast: 10))
        #expect(decide(rules, wire(3, 3, 0, 7, 0, 2, 3, 1), isContinued: true) == .to("clearinghouse"))
        #expect(decide(rules, wire(0, 7, 0, 2, 3, 1), isGreeted: false) == .nowhere, "not at the beginning")
    }
}
