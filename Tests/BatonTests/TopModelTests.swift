import ControlProtocol
import Testing

@testable import baton

@Suite("What top makes of two statuses")
struct TopModelTests {
    @Test("rates are the differences by the supervisor's own time")
    func rates() {
        var model = TopModel()
        model.take(status(10, [("a", 100), ("b", 0)]))
        #expect(model.interval == nil && model.accepted == nil)
        #expect(model.rows.map(\.track.accepted) == [nil, nil])
        model.take(status(12, [("a", 130), ("b", 0)]))
        #expect(model.interval == .seconds(2))
        #expect(model.rows.map(\.track.accepted) == [15, 0])
        #expect(model.accepted == 15)
        model.take(status(13, [("a", 130), ("b", 7), ("new", 900)]))
        #expect(model.rows.map(\.track.accepted) == [0, 7, nil], "of a new service nothing came between")
        #expect(model.rows.map(\.track.history) == [[15, 0], [0, 7], []])
        model.take(status(14, [("b", 7)]))
        #expect(model.rows.map(\.name) == ["b"])
    }

    @Test("another supervisor begins anew; so does a service that has counted less")
    func restarts() {
        var model = TopModel()
        model.take(status(10, [("a", 100)]))
        model.take(status(11, [("a", 110)]))
        model.take(status(1, pid: 2, [("a", 3)]))
        #expect(model.interval == nil && model.rows.map(\.track.history) == [[]])
        model.take(status(2, pid: 2, [("a", 4)]))
        #expect(model.rows.map(\.track.accepted) == [1])
        model.take(status(3, pid: 2, [("a", 0)]))
        #expect(model.rows.map(\.track.accepted) == [nil])
        // The same pid, as in a container, and an uptime that went back.
        model.take(status(0.5, pid: 2, [("a", 9)]))
        #expect(model.interval == nil)
    }

    @Test("quantiles are those of the last interval, of the hand-off where there is one")
    func quantiles() {
        var model = TopModel()
        func next(_ seconds: Double, _ spawn: [Duration], _ handoff: [Duration]) {
            model.take(
                status(seconds, [("a", 0)]) { service in
                    for time in spawn { service.timings.spawn.record(time) }
                    for time in handoff { service.timings.handoff.record(time) }
                })
        }
        next(1, [.seconds(20)], [])
        next(2, [.seconds(20), .milliseconds(1)], [])
        #expect(model.rows[0].wait.quantile(0.99).map { $0 <= .milliseconds(1) } == true)
        next(3, [.seconds(20), .milliseconds(1), .seconds(1)], [.microseconds(90)])
        #expect(model.rows[0].wait.quantile(0.5) == .microseconds(75))
        next(4, [.seconds(20), .milliseconds(1), .seconds(1)], [.microseconds(90)])
        #expect(model.rows[0].wait.quantile(0.5) == nil, "nobody came")
    }

    @Test("refusals are known by reason, with the time of the last that was seen")
    func refusals() {
        var model = TopModel()
        for (seconds, count) in [(1.0, 5), (2, 5), (3, 9), (4, 9)] {
            model.take(
                status(seconds, [("a", 0)]) { service in
                    service.connections.refused[.rate] = count
                    service.connections.refused[.source] = 1
                })
        }
        #expect(model.rows[0].track.refusals == [.rate: ServiceTrack.Refusal(rate: 0, last: .seconds(3))])
    }

    @Test("every order puts first what one looks for, and leaves equals as they are in the table")
    func orders() {
        var model = TopModel()
        let names = [("b", 0), ("a", 0), ("c", 0)]
        func load(_ factor: Int, _ service: inout ServiceStatus) {
            let number = ["a": 1, "b": 2, "c": 3][service.name] ?? 0
            service.connections.accepted = number == 2 ? 10 * factor : 0
            service.connections.active = number == 3 ? 1 : 0
            service.connections.queued = number == 1 ? 1 : 0
            service.connections.refused[.rate] = number == 3 ? factor : 0
            if number == 1 { for _ in 0..<factor { service.timings.spawn.record(.seconds(1)) } }
            if number == 3 { service.state = .failed }
        }
        model.take(status(1, names) { load(1, &$0) })
        model.take(status(2, names) { load(2, &$0) })
        let expected: [TopOrder: String] = [
            .accepted: "bac", .refused: "cba", .active: "cba", .queued: "abc", .time: "abc", .state: "cba",
            .name: "abc", .table: "bac",
        ]
        for order in TopOrder.allCases {
            #expect(order.sorted(model.rows, reversed: false).map(\.name).joined() == expected[order], "\(order)")
        }
        #expect(TopOrder.name.sorted(model.rows, reversed: true).map(\.name).joined() == "cba")
        #expect(TopOrder.accepted.sorted(model.rows, reversed: true).map(\.name).joined() == "acb")
    }

    @Test("numbers fit into five columns, whatever they are")
    func numbers() {
        let text = TopText()
        let rates: [(Double?, String)] = [
            (nil, "-"), (0, "0"), (0.01, "0.1"), (0.5, "0.5"), (9.94, "9.9"), (9.96, "10"), (12.4, "12"),
            (99_999, "99999"), (100_000, "100k"), (999_499, "999k"), (999_500, "1.0M"), (12_345_678, "12M"),
            (3e9, "3.0G"), (1e15, ">999G"),
        ]
        for (rate, words) in rates { #expect(text.rate(rate) == words) }
        let times: [(Duration?, String)] = [
            (nil, "-"), (.zero, "0µs"), (.microseconds(999), "999µs"), (.nanoseconds(999_600), "999µs"),
            (.milliseconds(1), "1.0ms"),
            (.microseconds(9949), "9.9ms"), (.microseconds(9951), "10ms"), (.milliseconds(999), "999ms"),
            (.microseconds(999_700), "1.0s"), (.milliseconds(9_960), "10s"), (.seconds(30), "30s"),
        ]
        for (time, words) in times { #expect(text.time(time) == words) }
        for exponent in 0..<62 {
            #expect(TextWidth.of(text.count(1 << exponent)) <= 5)
            #expect(TextWidth.of(text.time(.nanoseconds(1 << min(exponent, 43)))) <= 5)
        }
        #expect(TopText(isUnicode: false).time(.microseconds(5)) == "5us")
    }

    @Test("a sparkline shows the newest at the right, the highest in full, and what is not 0 at all")
    func sparkline() {
        let text = TopText()
        #expect(text.sparkline([0, 1, 50, 100], columns: 6) == "   ▁▄█")
        #expect(text.sparkline([100, 0, 1], columns: 2) == " █")
        #expect(text.sparkline([], columns: 3) == "   ")
        #expect(text.sparkline([0, 0], columns: 2) == "  ")
        #expect(TopText(isUnicode: false).sparkline([1, 8], columns: 2) == ".@")
    }

    @Test("whether a terminal knows more than ASCII is in the locale's name")
    func locale() {
        #expect(TopText.isUnicode(["LANG": "C.UTF-8"]))
        #expect(TopText.isUnicode(["LANG": "C", "LC_ALL": "de_DE.utf8"]))
        #expect(!TopText.isUnicode(["LANG": "de_DE.UTF-8", "LC_ALL": "C"]))
        #expect(!TopText.isUnicode([:]))
    }
}
