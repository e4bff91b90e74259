internal import Glibc

/// Time, without the Concurrency runtime that ContinuousClock brings.
package enum Clock {
    /// Time since boot, suspension not counted (CLOCK_MONOTONIC). Only differences mean anything.
    package static func now() -> Duration {
        let time = read(CLOCK_MONOTONIC)
        return .seconds(time.seconds) + .nanoseconds(time.nanoseconds)
    }

    /// The time of day, since 1970-01-01 UTC (CLOCK_REALTIME).
    package static func wall() -> (seconds: Int64, nanoseconds: Int64) {
        read(CLOCK_REALTIME)
    }

    /// The same, suspension counted (CLOCK_BOOTTIME): what processes are born by.
    static func sinceBoot() -> Duration {
        let time = read(CLOCK_BOOTTIME)
        return .seconds(time.seconds) + .nanoseconds(time.nanoseconds)
    }

    /// Lets time pass (nanosleep(2)); a signal ends it early. Only where there is nothing else to do.
    package static func pause(_ time: Duration) {
        let (seconds, attoseconds) = time.components
        var left = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        unsafe nanosleep(&left, nil)
    }

    private static func read(_ clock: clockid_t) -> (seconds: Int64, nanoseconds: Int64) {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return (Int64(time.tv_sec), Int64(time.tv_nsec))
    }
}
