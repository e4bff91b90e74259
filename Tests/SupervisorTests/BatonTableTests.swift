import LinuxSystem
import Testing

@testable import Supervisor

@Suite("what a handler has, by ids")
struct BatonTableTests {
    private func baton(_ number: UInt64) -> Baton {
        Baton(
            DescriptorBox(),
            ConnectionOrigin(number: number, peer: .unix(path: ""), kind: .unix, listener: "app", accepted: .zero))
    }

    @Test("it says what a dictionary says, in whatever order things leave", arguments: 0..<8)
    func order(seed: UInt64) {
        var random = SystemRandomNumberGenerator()
        var table = BatonTable()
        var expected: [UInt64: Baton] = [:]
        var next: UInt64 = 1
        for round in 0..<2_000 {
            // It grows and shrinks in turn; now and then ids are left out.
            if expected.isEmpty || UInt64.random(in: 0..<8, using: &random) < (round / 200 % 2 == 0 ? 6 : 2) {
                let new = baton(next)
                table.append(new, id: next)
                expected[next] = new
                next += UInt64.random(in: 1...3, using: &random)
            } else {
                let ids = expected.keys.sorted()
                // With an odd seed the oldest stays.
                let stays = seed % 2 == 1 && ids.count > 1 ? 1 : 0
                let gone = ids[.random(in: stays..<ids.count)]
                #expect(table.remove(gone) === expected.removeValue(forKey: gone))
                #expect(table.remove(gone) == nil)
            }
            let some = UInt64.random(in: 0...next, using: &random)
            #expect(table[some] === expected[some])
        }
        #expect(table.count == expected.count)
        #expect(table.all.map(\.id) == expected.keys.sorted())
        #expect(table.all.allSatisfy { expected[$0.id] === $0.baton })
    }
}
