import Testing

@testable import Supervisor

@Suite struct RollTests {
    private final class Member: RollMember {
        let name: Int
        var rollPlace = 0

        init(_ name: Int) { self.name = name }
    }

    @Test("it says what a set says, in whatever order they leave; who is not in it does not leave")
    func order() {
        var random = SystemRandomNumberGenerator()
        var roll = Roll<Member>()
        var expected: Set<Int> = []
        var members: [Member] = []
        for name in 0..<2_000 {
            if expected.isEmpty || name / 100 % 2 == 0 || Bool.random(using: &random) {
                members.append(Member(name))
                roll.add(members[members.count - 1])
                expected.insert(name)
            } else {
                let member = members.remove(at: Int.random(in: 0..<members.count, using: &random))
                roll.remove(member)
                roll.remove(member)
                expected.remove(member.name)
            }
            #expect(roll.count == expected.count)
        }
        #expect(Set(roll.members.map(\.name)) == expected)
    }
}
