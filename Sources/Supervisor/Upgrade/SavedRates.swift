internal import ServiceTable

/// What the rates of a service have left, by the clock that goes on.
struct SavedRates: Saved {
    var all = TokenBucket()
    var bySource: [Source] = []

    struct Source: Saved {
        var key = SourceKey.nobody
        var bucket = TokenBucket()

        mutating func code(with coder: inout FieldCoder) {
            coder.value(&key)
            coder.duration(&bucket.fullAt)
        }
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.duration(&all.fullAt)
        coder.array(&bySource)
    }
}
