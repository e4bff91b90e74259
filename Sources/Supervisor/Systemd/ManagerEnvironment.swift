internal import LinuxSystem

/// What a service manager says in the environment of what it starts: sd_notify(3), sd_watchdog_enabled(3),
/// sd_listen_fds(3), systemd.exec(5). It is said to this process alone, so handlers do not get to see it. Pure.
struct ManagerEnvironment {
    /// Where it hears of our state (NOTIFY_SOCKET).
    var notifySocket: SocketAddress?
    /// The longest that it waits for a sign of life (WATCHDOG_USEC).
    var watchdog: Duration?
    /// The names of the descriptors that it passes, from number 3 on (LISTEN_FDS, LISTEN_FDNAMES).
    var passed: [String] = []
    /// How many descriptors it keeps for us (FDSTORE, systemd 254); nil where it does not tell.
    var storeLimit: Int?

    /// The variables that say it.
    static let names: Set = [
        "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "FDSTORE",
    ]

    /// More descriptors than that are nobody's idea of a service.
    private static let mostPassed = 65_536

    init() {}

    /// - Parameter pid: This process. What names another one was meant for that, and inherited from it.
    init(_ environment: [String: String], pid: Int32) {
        notifySocket = environment["NOTIFY_SOCKET"].flatMap { SocketAddress(unixName: $0) }
        if let time = environment["WATCHDOG_USEC"].flatMap({ Int64($0) }), time > 0,
            environment["WATCHDOG_PID"].map({ $0 == "\(pid)" }) ?? true
        {
            watchdog = .microseconds(time)
        }
        storeLimit = environment["FDSTORE"].flatMap { Int($0) }
        guard environment["LISTEN_PID"] == "\(pid)", let count = environment["LISTEN_FDS"].flatMap({ Int($0) }),
            (1...Self.mostPassed).contains(count)
        else { return }
        let names = environment["LISTEN_FDNAMES"]?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        passed = (0..<count).map { names.indices.contains($0) ? String(names[$0]) : "unknown" }
    }

    /// What is said to this process. LISTEN_FDS is taken away: the numbers mean other files soon, and a program that this
    /// process becomes must not take those for passed.
    static func taken() -> ManagerEnvironment {
        let environment = ManagerEnvironment(CurrentProcess.environment, pid: CurrentProcess.pid)
        for name in ["LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"] { CurrentProcess.unset(name) }
        return environment
    }
}

extension SocketAddress {
    /// A path, or `@name` for the abstract namespace; nil for anything else.
    fileprivate init?(unixName name: String) {
        if name.hasPrefix("/") {
            self = .unix(path: name)
        } else if name.hasPrefix("@") {
            self = .abstract(name: String(name.dropFirst()))
        } else {
            return nil
        }
    }
}
