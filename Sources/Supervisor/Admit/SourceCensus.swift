internal import ServiceTable

/// What each source has here, and how fast it came: pure, given the time.
///
/// Counts are as many as there are connections. Buckets are forgotten when they are full again, and there are at most
/// twice `generation` of them: when that many sources have come, those that have not come again while as many others
/// did are forgotten. So a flood of sources bounds itself, and a source that keeps coming keeps its bucket.
struct SourceCensus {
    private var counts: [SourceKey: Int] = [:]
    private var young: [SourceKey: TokenBucket] = [:]
    private var old: [SourceKey: TokenBucket] = [:]

    static let generation = 8192

    /// Sources with a bucket.
    var bucketCount: Int { young.count + old.count }
    /// Sources with a connection.
    var sourceCount: Int { counts.count }

    func count(of source: SourceKey) -> Int { counts[source] ?? 0 }

    mutating func enter(_ source: SourceKey) {
        counts[source, default: 0] += 1
    }

    mutating func leave(_ source: SourceKey) {
        guard let count = counts[source] else { return }
        counts[source] = count > 1 ? count - 1 : nil
    }

    /// Whether it has a token; its bucket is kept longer for having been asked for.
    mutating func hasToken(_ source: SourceKey, of limit: RateLimit, at now: Duration) -> Bool {
        guard let bucket = young[source] ?? old[source] else { return true }
        if young[source] == nil { keep(bucket, of: source, at: now) }
        return bucket.wait(for: limit, at: now) == nil
    }

    mutating func takeToken(_ source: SourceKey, of limit: RateLimit, at now: Duration) {
        var bucket = young[source] ?? old[source] ?? TokenBucket()
        bucket.take(from: limit, at: now)
        keep(bucket, of: source, at: now)
    }

    /// Buckets are of another limit from now on; what sources have here stays counted.
    mutating func convert(from limit: RateLimit?, to new: RateLimit?, at now: Duration) {
        guard limit != new else { return }
        for source in young.keys { young[source]?.convert(from: limit, to: new, at: now) }
        for source in old.keys { old[source]?.convert(from: limit, to: new, at: now) }
    }

    /// Those of sources that were seen lately, to be carried over.
    var buckets: [SavedRates.Source] {
        get {
            old.merging(young) { $1 }.map { SavedRates.Source(key: $0.key, bucket: $0.value) }
        }
        set {
            young = [:]
            old = Dictionary(newValue.map { ($0.key, $0.bucket) }) { $1 }
        }
    }

    private mutating func keep(_ bucket: TokenBucket, of source: SourceKey, at now: Duration) {
        old[source] = nil
        young[source] = bucket
        guard young.count >= Self.generation else { return }
        old = young.filter { $0.value.fullAt > now }
        young = [:]
    }
}
