import Glibc

/// A moment on the monotonic clock by which something must have happened.
package struct Deadline: Sendable {
    private let nanoseconds: Int64

    /// Seconds from now. The default is long: it bounds a failing test, it is never waited out by one that passes.
    package init(seconds: Double = 20) {
        nanoseconds = Self.now() + Int64(seconds * 1e9)
    }

    /// What is left, rounded up to a millisecond, as poll(2) wants it; 0 when the time is over.
    package var milliseconds: Int32 {
        let left = nanoseconds - Self.now()
        return left <= 0 ? 0 : Int32(clamping: (left + 999_999) / 1_000_000)
    }

    package var isOver: Bool { Self.now() >= nanoseconds }

    /// CLOCK_MONOTONIC in nanoseconds.
    package static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Waits until the descriptor is ready for `events`, an error or a hang-up; false when the deadline came first.
package func waitFor(_ events: Int32, on descriptor: Int32, until deadline: Deadline) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while true {
        let count = poll(&entry, 1, deadline.milliseconds)
        if count > 0 { return true }
        if count == 0 && deadline.isOver { return false }
    }
}

/// Looks at a condition again and again until it holds; false when the deadline came first.
///
/// For what the kernel gives no descriptor to wait on (another process's descriptors, children and counters):
/// the only place in the tests where time passes unasked, 5 ms at most between two looks.
package func eventually(within deadline: Deadline = Deadline(), _ condition: () throws -> Bool) rethrows -> Bool {
    while true {
        if try condition() { return true }
        if deadline.isOver { return false }
        poll(nil, 0, min(5, deadline.milliseconds))
    }
}

/// Lets `seconds` pass while nothing is asked of the program under test, to see that it does nothing by itself.
package func idleInterval(seconds: Double) {
    let deadline = Deadline(seconds: seconds)
    while !deadline.isOver { poll(nil, 0, deadline.milliseconds) }
}
