import Testing

@testable import ServiceTable
@testable import Supervisor

@Suite("whether a handler shows a sign of life")
struct HeartbeatTests {
    private let settings = Handoff.Heartbeat(interval: .seconds(5), timeout: .seconds(10))

    @Test("a PING, then the timeout; silent once it is over, and not a moment before")
    func silence() {
        var heartbeat = Heartbeat(settings)
        #expect(!heartbeat.isWaiting)
        #expect(heartbeat.look(at: .seconds(5), exempt: false) == .ping(id: 1, lookAgain: .seconds(10)))
        #expect(heartbeat.isWaiting)
        #expect(heartbeat.look(at: .milliseconds(14_999), exempt: false) == .wait(.milliseconds(1)))
        #expect(heartbeat.look(at: .seconds(15), exempt: false) == .silent)
        #expect(heartbeat.look(at: .seconds(16), exempt: false) == .silent, "until it is heard")
    }

    @Test("any message is a sign of life; the next PING has the next number")
    func heard() {
        var heartbeat = Heartbeat(settings)
        #expect(heartbeat.heard() == false, "nobody had asked")
        _ = heartbeat.look(at: .seconds(5), exempt: false)
        #expect(heartbeat.heard() == true)
        #expect(heartbeat.heard() == false)
        #expect(heartbeat.look(at: .seconds(100), exempt: false) == .ping(id: 2, lookAgain: .seconds(10)))
    }

    @Test("the supervisor's own running time counts: one that was stopped blames nobody")
    func stopped() {
        var heartbeat = Heartbeat(settings)
        _ = heartbeat.look(at: .seconds(5), exempt: false)
        // An hour on the clock, in which the supervisor ran for a second.
        #expect(heartbeat.look(at: .seconds(6), exempt: false) == .wait(.seconds(9)))
    }

    @Test("one that serves in the thread of its channel gets no PING, and an old one is forgotten")
    func exempt() {
        var heartbeat = Heartbeat(settings)
        #expect(heartbeat.look(at: .seconds(5), exempt: true) == .wait(.seconds(5)))
        #expect(!heartbeat.isWaiting)
        _ = heartbeat.look(at: .seconds(10), exempt: false)
        #expect(heartbeat.look(at: .seconds(60), exempt: true) == .wait(.seconds(5)))
        #expect(heartbeat.look(at: .seconds(65), exempt: false) == .ping(id: 2, lookAgain: .seconds(10)))
    }
}
