import Testing

@testable import Supervisor

/// Control clients get a part of the loop's time.
@Suite struct TimeShareTests {
    @Test("whoever asks now and then waits for nothing")
    func seldom() {
        var time = TimeShare()
        for second in 1...10 {
            let begin = Duration.seconds(second)
            #expect(time.pause(at: begin) == nil)
            time.spent(from: begin, to: begin + .milliseconds(50))
        }
    }

    @Test("whoever asks again at once gets a third of the time in the long run, however long an answer takes")
    func flood() {
        for cost in [Duration.microseconds(20), .milliseconds(3), .milliseconds(40)] {
            var time = TimeShare()
            var now = Duration.seconds(1)
            var spent = Duration.zero
            while now < .seconds(11) {
                if let pause = time.pause(at: now) {
                    now += pause
                } else {
                    time.spent(from: now, to: now + cost)
                    now += cost
                    spent += cost
                }
            }
            #expect((.seconds(3.2)...(.seconds(3.5))).contains(spent), "\(cost): \(spent)")
        }
    }
}
