import Testing

@testable import ServiceTable
@testable import Supervisor

@Suite("when a handler is started again")
struct RestartPolicyTests {
    private func policy(
        _ policy: Handoff.Restart.Policy = .always, _ start: Handoff.Start = .onDemand, burst: Int? = 3
    ) -> RestartPolicy {
        var settings = Handoff()
        settings.start = start
        settings.restart.policy = policy
        settings.restart.backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
        settings.restart.burst = burst
        settings.restart.interval = .seconds(60)
        return RestartPolicy(Shared(settings))
    }

    @Test("starts that fail back off by doubling, with a quarter of jitter, up to the longest")
    func backsOff() {
        var unlimited = policy(burst: nil)
        let delays = (0..<6).map { unlimited.ended(.failedStart, at: .seconds($0), jitter: 0) }
        #expect(delays == [100, 200, 400, 800, 1000, 1000].map { .start(after: .milliseconds($0)) })
        var jittered = policy(burst: nil)
        #expect(jittered.ended(.failedStart, at: .zero, jitter: 1) == .start(after: .milliseconds(125)))
        #expect(jittered.ended(.failedStart, at: .zero, jitter: 0.5) == .start(after: .milliseconds(225)))
        let last = (0..<4).map { _ in jittered.ended(.failedStart, at: .zero, jitter: 1) }.last
        #expect(last == .start(after: .seconds(1)), "the longest, whatever is added")
    }

    @Test("regression: handlers of a pool that fail together put the next start off as one does")
    func together() {
        var pool = policy(burst: nil)
        for round in 0..<3 {
            let delays = (0..<8).map { number in
                pool.ended(.failedStart, isWaiting: number > 0, at: .seconds(round), jitter: 0)
            }
            let expected = RestartPolicy.Decision.start(after: .milliseconds([100, 200, 400][round]))
            #expect(delays.allSatisfy { $0 == expected }, "\(delays)")
        }
    }

    @Test("regression: a start that fails once more leaves the service failed")
    func staysFailed() {
        var limited = policy()
        for _ in 0..<3 { _ = limited.ended(.failedStart, at: .zero, jitter: 0) }
        for second in [1, 2, 3, 600] {
            let decision = limited.ended(.failedStart, isFailed: true, at: .seconds(second), jitter: 1)
            #expect(decision == .failed(retryAfter: .seconds(1)))
        }
        limited.succeeded()
        #expect(limited.ended(.failedStart, at: .seconds(600), jitter: 0) == .start(after: .milliseconds(100)))
    }

    @Test("burst failures in the interval: failed until the longest backoff has passed")
    func burst() {
        var limited = policy()
        _ = limited.ended(.failedStart, at: .seconds(0), jitter: 0)
        _ = limited.ended(.failedStart, at: .seconds(1), jitter: 0)
        #expect(limited.ended(.failedStart, at: .seconds(59), jitter: 0) == .failed(retryAfter: .seconds(1)))
        #expect(limited.ended(.failedStart, at: .seconds(60), jitter: 0) == .start(after: .milliseconds(800)))
    }

    @Test("failures that lie a whole interval apart are no burst")
    func interval() {
        var limited = policy()
        for second in stride(from: 0, through: 600, by: 30) {
            let decision = limited.ended(.failedStart, at: .seconds(second), jitter: 0)
            guard case .start = decision else {
                Issue.record("at \(second) s: \(decision)")
                return
            }
        }
    }

    @Test("one that worked and crashed starts after the first delay, as often as it crashes")
    func crashes() {
        var limited = policy()
        for _ in 0..<10 {
            #expect(limited.ended(.crashed, at: .zero, jitter: 1) == .start(after: .milliseconds(100)))
        }
    }

    @Test("a crash or success after failed starts ends the streak; forgive ends the burst as well")
    func forgiven() {
        var limited = policy()
        _ = limited.ended(.failedStart, at: .zero, jitter: 0)
        limited.succeeded()
        #expect(limited.ended(.failedStart, at: .zero, jitter: 0) == .start(after: .milliseconds(100)))
        limited.forgive()
        #expect(limited.ended(.failedStart, at: .zero, jitter: 0) == .start(after: .milliseconds(100)))
        #expect(limited.ended(.failedStart, at: .zero, jitter: 0) == .start(after: .milliseconds(200)))
        #expect(limited.ended(.failedStart, at: .zero, jitter: 0) == .failed(retryAfter: .seconds(1)))
    }

    @Test("after a clean exit an eager one starts at once if always, an on_demand one with the next connection")
    func finishes() {
        var decisions: [RestartPolicy.Decision] = []
        for start in [Handoff.Start.eager, .onDemand] {
            for rule in [Handoff.Restart.Policy.always, .onFailure] {
                var policy = policy(rule, start)
                decisions.append(policy.ended(.finished, at: .zero, jitter: 0))
            }
        }
        #expect(decisions == [.start(after: .milliseconds(100)), .whenNeeded, .whenNeeded, .whenNeeded])
    }

    @Test("never: failed whatever the end was, until a person restarts it")
    func never() {
        var never = policy(.never, .eager)
        for end in [RestartPolicy.End.failedStart, .crashed, .finished] {
            #expect(never.ended(end, at: .zero, jitter: 0) == .failed(retryAfter: nil))
        }
    }

    @Test("a backoff reaches its longest and never passes it, however many failures there were")
    func backoff() {
        let backoff = Backoff(first: .milliseconds(1), longest: .seconds(3600))
        #expect(backoff.delay(afterFailures: 0) == .milliseconds(1))
        #expect(backoff.delay(afterFailures: 1) == .milliseconds(1))
        #expect(backoff.delay(afterFailures: 11) == .milliseconds(1024))
        #expect(backoff.delay(afterFailures: .max) == .seconds(3600))
        #expect(Backoff(first: .seconds(9), longest: .seconds(2)).delay(afterFailures: 1) == .seconds(2))
        #expect(Backoff(first: .zero, longest: .seconds(2)).delay(afterFailures: 5) == .zero)
    }
}
