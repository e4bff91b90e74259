internal import LinuxSystem

/// Names of sources, for a while: pure, given the time.
struct NameCache {
    private var entries: [SocketAddress: Entry] = [:]

    private struct Entry {
        let name: String?
        let expires: Duration
    }

    /// A source that comes again within this is not looked up again; one without a name sooner, for its name server
    /// may only have been slow.
    static let lifetime = Duration.seconds(300)
    static let failureLifetime = Duration.seconds(30)
    /// Sources remembered; when they are as many, and all fresh, all are forgotten.
    static let most = 1024

    var count: Int { entries.count }

    /// The outer nil: not known.
    func name(of source: SocketAddress, at now: Duration) -> String?? {
        guard let entry = entries[source], entry.expires > now else { return nil }
        return .some(entry.name)
    }

    mutating func remember(_ name: String?, of source: SocketAddress, at now: Duration) {
        if entries.count >= Self.most {
            entries = entries.filter { $0.value.expires > now }
            if entries.count >= Self.most { entries = [:] }
        }
        entries[source] = Entry(name: name, expires: now + (name == nil ? Self.failureLifetime : Self.lifetime))
    }
}
