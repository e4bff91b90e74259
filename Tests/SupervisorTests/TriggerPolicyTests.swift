import Testing

@testable import ServiceTable
@testable import Supervisor

@Suite("when a wait handler that keeps failing is paused")
struct TriggerPolicyTests {
    private func policy(burst: Int?) -> TriggerPolicy {
        TriggerPolicy(
            TriggerLimit(
                burst: burst, interval: .seconds(2), backoff: Backoff(first: .seconds(1), longest: .seconds(4))))
    }

    @Test("burst failures within the interval pause it, each time for twice as long, up to the longest")
    func pauses() {
        var policy = policy(burst: 3)
        var pauses: [Duration] = []
        for number in 0..<12 {
            if let pause = policy.failed(at: .milliseconds(number)) { pauses.append(pause) }
        }
        #expect(pauses == [.seconds(1), .seconds(2), .seconds(4), .seconds(4)])
    }

    @Test("failures further apart are no burst: the interval is half open")
    func interval() {
        var policy = policy(burst: 2)
        #expect(policy.failed(at: .seconds(0)) == nil)
        #expect(policy.failed(at: .seconds(2)) == nil)
        #expect(policy.failed(at: .milliseconds(3999)) == .seconds(1))
    }

    @Test("a success makes the next pause the first again; it does not wipe out what just failed")
    func success() {
        var policy = policy(burst: 2)
        _ = policy.failed(at: .seconds(0))
        #expect(policy.failed(at: .seconds(0)) == .seconds(1))
        policy.succeeded()
        _ = policy.failed(at: .seconds(1))
        #expect(policy.failed(at: .seconds(1)) == .seconds(1))
        _ = policy.failed(at: .seconds(3))
        policy.succeeded()
        #expect(policy.failed(at: .seconds(3)) == .seconds(1))
    }

    @Test("burst: unlimited never pauses")
    func unlimited() {
        var policy = policy(burst: nil)
        for _ in 0..<1000 { #expect(policy.failed(at: .zero) == nil) }
    }
}
