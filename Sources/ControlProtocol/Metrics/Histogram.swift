/// How long something took, many times over: counts in fixed buckets.
///
/// One that has counted nothing owns no memory; its first value allocates what all others need, so that counting
/// allocates nothing and a service without connections costs nothing.
package struct Histogram: Hashable, Sendable {
    /// The longest time that falls into each bucket; one more bucket takes what is longer than all of them.
    package static let bounds: [Duration] = [
        .microseconds(10), .microseconds(25), .microseconds(50), .microseconds(100), .microseconds(250),
        .microseconds(500), .milliseconds(1), .microseconds(2500), .milliseconds(5), .milliseconds(10),
        .milliseconds(25), .milliseconds(50), .milliseconds(100), .milliseconds(250), .milliseconds(500), .seconds(1),
        .milliseconds(2500), .seconds(5), .seconds(10), .seconds(30),
    ]

    /// By bucket; empty until something is counted.
    package private(set) var counts: [Int] = []
    /// Of all that was counted.
    package var sum: Duration { Duration(attoseconds: total) }
    // Looked at with each connection: as numbers they are compared in place.
    private var total: Int128 = 0
    private static let limits = bounds.map(\.attoseconds)

    package init() {}

    /// What fell into each bucket that is not empty: the longest time of it, nil where there is none.
    package var buckets: [(bound: Duration?, count: Int)] {
        counts.enumerated().filter { $0.element > 0 }.map { bucket, count in
            (bucket < Self.bounds.count ? Self.bounds[bucket] : nil, count)
        }
    }

    /// One that has counted, perhaps in another version with other bounds: what is there counts in the bucket that it
    /// fits into.
    package init(_ buckets: [(bound: Duration?, count: Int)], sum: Duration) {
        for (bound, count) in buckets {
            add(count, to: bound.flatMap { bound in Self.bounds.firstIndex { bound <= $0 } } ?? Self.bounds.count)
        }
        total = sum.attoseconds
    }

    package var count: Int { counts.reduce(0, +) }
    package var isEmpty: Bool { counts.isEmpty }

    package mutating func record(_ time: Duration) {
        let time = time.attoseconds
        add(1, to: Self.limits.firstIndex { time <= $0 } ?? Self.limits.count)
        total &+= time
    }

    private mutating func add(_ count: Int, to bucket: Int) {
        if counts.isEmpty { counts = Array(repeating: 0, count: Self.bounds.count + 1) }
        counts[bucket] += count
    }

    /// What was counted since `earlier`, a former state of this histogram; nil when it is none.
    package func since(_ earlier: Histogram) -> Histogram? {
        guard !earlier.isEmpty else { return self }
        guard !isEmpty, zip(counts, earlier.counts).allSatisfy({ $0 >= $1 }) else { return nil }
        var difference = Histogram()
        for (bucket, (now, before)) in zip(counts, earlier.counts).enumerated() where now > before {
            difference.add(now - before, to: bucket)
        }
        difference.total = total - earlier.total
        return difference
    }

    /// The time that `share` (0 to 1) of the values did not exceed, as if they lay evenly in their bucket. Nil when
    /// nothing was counted. Of the last bucket only its lower end is known.
    package func quantile(_ share: Double) -> Duration? {
        let total = count
        guard total > 0 else { return nil }
        let rank = max(share * Double(total), .leastNonzeroMagnitude)
        var below = 0
        for (bucket, count) in counts.enumerated() where count > 0 {
            guard Double(below + count) >= rank else {
                below += count
                continue
            }
            let floor = bucket == 0 ? .zero : Self.bounds[bucket - 1]
            guard bucket < Self.bounds.count else { return floor }
            return floor + (Self.bounds[bucket] - floor) * ((rank - Double(below)) / Double(count))
        }
        return Self.bounds.last
    }
}

extension Histogram: JSONConvertible {
    /// Buckets that are not empty: `[longest seconds, count]`, null for the one without an end.
    package var json: JSON {
        let buckets = buckets.map { bound, count in
            JSON.array([bound.map { .number($0.seconds) } ?? .null, .integer(Int64(count))])
        }
        return [
            "count": .integer(Int64(count)), "sum_seconds": .number(sum.seconds), "buckets": .array(buckets),
        ]
    }

    package init(json: JSON) throws(JSONShapeError) {
        let object = try json.members()
        let list = try object.required("buckets", "a list of [seconds, count]") { $0.array }
        var buckets: [(bound: Duration?, count: Int)] = []
        for bucket in list {
            guard let pair = bucket.array, pair.count == 2, let count = pair[1].integer.flatMap(Int.init(exactly:)),
                count >= 0, count < 1 << 53
            else { throw JSONShapeError(key: "buckets", message: "[seconds, count] is expected") }
            buckets.append((pair[0].number.flatMap { Duration(seconds: $0) }, count))
        }
        self.init(buckets, sum: try object.duration("sum_seconds"))
    }
}
