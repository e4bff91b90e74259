import Testing

@testable import ControlProtocol

@Suite("Histograms of times")
struct HistogramTests {
    private func histogram(_ times: Duration...) -> Histogram {
        var histogram = Histogram()
        for time in times { histogram.record(time) }
        return histogram
    }

    @Test("a time falls into the first bucket whose bound it does not exceed")
    func buckets() {
        for (place, bound) in Histogram.bounds.enumerated() {
            #expect(histogram(bound).counts[place] == 1)
            #expect(histogram(bound + .nanoseconds(1)).counts[place + 1] == 1)
        }
        #expect(histogram(.zero).counts.first == 1)
        #expect(histogram(.seconds(86_400)).counts.last == 1)
        #expect(Histogram.bounds == Histogram.bounds.sorted())
        #expect(Histogram().isEmpty && Histogram().counts.isEmpty, "it owns nothing before the first")
        #expect(histogram(.seconds(1), .milliseconds(500)).sum == .milliseconds(1500))
    }

    @Test("quantiles lie where the values do, as exactly as the buckets are")
    func quantiles() throws {
        #expect(Histogram().quantile(0.5) == nil)
        var even = Histogram()
        for step in 1...1000 { even.record(.microseconds(step * 100)) }
        for (share, exact) in [(0.5, 50), (0.9, 90), (0.99, 99)] {
            let found = try #require(even.quantile(share))
            #expect(abs((found - .milliseconds(exact)).seconds) < 0.002, "\(share): \(found)")
        }
        #expect(even.quantile(1) == .milliseconds(100))
        #expect(histogram(.microseconds(80)).quantile(0.5) == .microseconds(75))
        #expect(histogram(.seconds(100)).quantile(0.5) == .seconds(30), "only the lower end is known")
        #expect(histogram(.seconds(1)).quantile(0) == .milliseconds(500))
    }

    @Test("the difference of two states is what came between")
    func since() throws {
        let before = histogram(.seconds(1), .seconds(2))
        var now = before
        now.record(.seconds(2))
        now.record(.milliseconds(1))
        #expect(now.since(before) == histogram(.seconds(2), .milliseconds(1)))
        #expect(now.since(Histogram()) == now)
        #expect(now.since(now)?.count == 0)
        #expect(before.since(now) == nil, "counters do not go back, unless the supervisor is another one")
        #expect(Histogram().since(now) == nil)
    }

    @Test("it survives the way over the socket")
    func json() throws {
        let full = histogram(.microseconds(3), .microseconds(30), .microseconds(30), .seconds(99))
        #expect(
            full.json.text
                == #"{"count":4,"sum_seconds":99.000063,"buckets":[[1e-05,1],[5e-05,2],[null,1]]}"#)
        #expect(try Histogram(json: JSON(parsing: Array(full.json.text.utf8), limits: .reply)) == full)
        let other: JSON = ["sum_seconds": 1.0, "buckets": [[0.00003, 1], [1_000_000, 2]]]
        #expect(try Histogram(json: other).counts.enumerated().filter { $0.element > 0 }.map(\.offset) == [2, 20])
        for wrong: JSON in [[:], ["sum_seconds": 1, "buckets": [1]], ["sum_seconds": 1, "buckets": [[1, -1]]]] {
            #expect(throws: JSONShapeError.self) { try Histogram(json: wrong) }
        }
    }

    @Test("timings name what they are about, as far as there is something to tell")
    func timings() throws {
        var timings = Timings()
        #expect(timings.isEmpty && timings.json == [:])
        timings.spawn.record(.milliseconds(1))
        #expect(timings.json.object?.members.map(\.name) == ["spawn"])
        #expect(try Timings(json: timings.json) == timings)
        #expect(timings.since(Timings()) == timings)
        #expect(Timings().since(timings) == nil)
    }
}
