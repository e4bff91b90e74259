/// What clients of the internal services can make Baton hold, send and wait for.
struct InternalLimits {
    /// A connection on which nothing moves is ended after this.
    var idleTimeout = Duration.seconds(600)
    /// After the last word of daytime, time or qotd: how long, and how many bytes, a client may go on
    /// sending before it is closed on. A close with unread input would send RST and could overtake the answer.
    var lingerTimeout = Duration.seconds(2)
    var lingerBytes = 64 * 1024
    /// The most one read takes: what echo holds of a connection.
    var chunk = 16 * 1024
    /// Reads and writes for one connection in one round of the loop.
    var passes = 4
    /// Datagrams taken from one socket in one round of the loop.
    var datagrams = 16
    /// Answers to datagrams, for each source and for the whole service, and how many sources are known.
    /// Whoever forges a source gets no more than this sent there.
    var sourceRate = AnswerRate(perSecond: 10, burst: 20)
    var serviceRate = AnswerRate(perSecond: 500, burst: 500)
    var sources = 1024

    static let standard = InternalLimits()
}
