import ControlProtocol
import LinuxSystem
import Testing

@testable import Supervisor

/// Which refusals the log shows one by one.
@Suite struct RefusalSummaryTests {
    private func source(_ number: UInt32) -> SocketAddress { .ipv4(IPv4Address(bits: 0x7f00_0000 + number), port: 0) }

    @Test("the first of its kind is reported at once, its repetitions once a minute, in number")
    func repetitions() {
        let summary = Bench()
        #expect(summary.reports(source(1), .source, at: .seconds(10)))
        #expect(summary.nextDue == .seconds(70))
        for second in 11..<31 { #expect(!summary.reports(source(1), .source, at: .seconds(second))) }
        #expect(summary.reports(source(1), .rate, at: .seconds(31)), "another reason is news")
        #expect(summary.reports(source(2), .source, at: .seconds(32)), "another source is news")
        #expect(summary.takeDue(at: .seconds(69)).isEmpty)
        #expect(summary.takeDue(at: .seconds(70)) == [.init(source: source(1), reason: .source, count: 20)])
        // It goes on: counted, not reported.
        #expect(!summary.reports(source(1), .source, at: .seconds(71)))
        // The two others were refused once only, and are forgotten.
        #expect(summary.takeDue(at: .seconds(92)).isEmpty)
        #expect(summary.reports(source(2), .source, at: .seconds(93)))
        #expect(summary.takeDue(at: .seconds(130)) == [.init(source: source(1), reason: .source, count: 1)])
        #expect(summary.takeDue(at: .seconds(190)).isEmpty)
        #expect(summary.nextDue == nil, "nothing is left that could wake anybody")
    }

    @Test("ten thousand sources fill neither the log nor the memory")
    func flood() {
        let summary = Bench()
        let reported = (0..<10_000).filter { summary.reports(source(UInt32($0)), .source, at: .seconds(1)) }
        #expect(reported.count == RefusalSummary.mostEntries)
        #expect(
            summary.takeDue(at: .seconds(61))
                == [.init(source: nil, reason: .source, count: 10_000 - RefusalSummary.mostEntries)])
        #expect(summary.nextDue == nil)
    }

    @Test("what was not reported yet is when the service ends")
    func end() {
        let summary = Bench()
        _ = summary.reports(source(1), .source, at: .seconds(1))
        _ = summary.reports(source(1), .source, at: .seconds(2))
        summary.endIntervals()
        #expect(summary.takeDue(at: .seconds(3)) == [.init(source: source(1), reason: .source, count: 1)])
    }
}

/// Calls that change a value cannot stand in an expectation; those of an object can.
private final class Bench {
    private var summary = RefusalSummary()
    var nextDue: Duration? { summary.nextDue }

    func reports(_ source: SocketAddress, _ reason: RefusalReason, at now: Duration) -> Bool {
        summary.reports(source, reason, at: now)
    }

    func takeDue(at now: Duration) -> [RefusalSummary.Repeats] { summary.takeDue(at: now) }
    func endIntervals() { summary.endIntervals() }
}
