import ControlProtocol
import Testing

@testable import Supervisor

@Suite("what handlers may pass on")
struct PassPolicyTests {
    private func refusal(to target: String, passes: Int = 0, isConnection: Bool? = true) -> RefusalReason? {
        PassPolicy.refusal(
            from: "front", to: target, allowed: ["back", "front"], passes: passes, isConnection: isConnection)
    }

    @Test("services that pass_to names; an empty name is the handler's own")
    func names() {
        #expect(refusal(to: "back") == nil)
        #expect(refusal(to: "") == nil)
        #expect(refusal(to: "other") == .passed)
        #expect(PassPolicy.refusal(from: "front", to: "", allowed: ["back"], passes: 0, isConnection: true) == .passed)
    }

    @Test("8 times in the life of a connection")
    func count() {
        #expect(refusal(to: "back", passes: 7) == nil)
        #expect(refusal(to: "back", passes: 8) == .passed)
    }

    @Test("a connection only, and only where there was a descriptor left for it")
    func socket() {
        #expect(refusal(to: "back", isConnection: false) == .passed)
        #expect(refusal(to: "back", isConnection: nil) == .global)
        #expect(refusal(to: "other", isConnection: nil) == .passed, "where nothing may be passed, nothing is taken")
    }

    @Test("drained bytes of all connections have a limit, and give their room back")
    func drainedBudget() {
        let budget = DrainedBudget()
        var places: [Place?] = []
        for _ in 0..<(DrainedBudget.most / 61_440) { places.append(budget.take(61_440)) }
        #expect(places.allSatisfy { $0 != nil })
        #expect(budget.take(61_440) == nil)
        places.removeLast()
        #expect(budget.take(61_440) != nil)
    }
}
