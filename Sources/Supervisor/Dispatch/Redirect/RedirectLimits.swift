/// What clients and targets of `redirect` can make Baton hold and wait for.
struct RedirectLimits {
    /// To connect to one address of the target. Three lost SYNs are sent again in this time (1, 3 and 7 s).
    var connectTimeout = Duration.seconds(10)
    /// To connect to any of them.
    var totalConnectTimeout = Duration.seconds(30)
    /// A Unix socket whose backlog is full says so at once, and nothing tells when there is room again.
    var backlogRetry = Duration.milliseconds(50)
    /// A relay on which nothing moves is ended after this: as long as a kernel waits before it asks whether a quiet
    /// peer is still there (tcp(7), tcp_keepalive_time).
    var idleTimeout = Duration.seconds(7200)
    /// Once a side has broken off, what it said before waits so long for the other to take some of it: that one may
    /// wait itself, for somebody who reads.
    var lastWordTimeout = Duration.seconds(10)
    /// The most one system call moves, and 0 for a system without splice. A pipe of the usual 16 buffers holds less or more than 64 KiB, as the
    /// packets come.
    var spliceMost = 256 * 1024
    var copyMost = 32 * 1024
    /// System calls for one relay in one round of the loop, so that a fast one starves nobody.
    var steps = 24

    static let standard = RedirectLimits()
}
