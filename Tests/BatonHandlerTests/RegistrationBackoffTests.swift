import Testing

@testable import BatonHandler

@Suite("When a handler registers again")
struct RegistrationBackoffTests {
    @Test("after 100 ms, then twice as long each time up to 30 s, and from the beginning once it was welcome")
    func delays() {
        var backoff = RegistrationBackoff()
        let delays = (0..<12).map { _ in backoff.next(jitter: 0.5) }
        #expect(delays.prefix(4) == [.milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800)])
        #expect(delays.last == .seconds(30))
        backoff.reset()
        #expect(backoff.next(jitter: 0.5) == .milliseconds(100))
    }

    @Test("a quarter is added or taken, so that not all come at once")
    func jitter() {
        var (early, late) = (RegistrationBackoff(), RegistrationBackoff())
        #expect(early.next(jitter: 0) == .milliseconds(75))
        #expect(late.next(jitter: 1) == .milliseconds(125))
    }
}
