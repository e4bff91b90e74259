internal import LinuxSystem

/// One file of a table as its top keys are read.
struct FileDraft: Sendable {
    var table = ServiceTable()
    var includes: [Placed<Include>] = []
    var defaults: YAMLPair?
    var services: YAMLPair?
    var metrics: Placed<MetricsReader.Draft>?

    /// What an `include` names.
    enum Include: Hashable, Sendable {
        case table(String)
        /// `{inetd: PATH}` and its like.
        case foreign(format: String, path: String)
    }

    /// What only the top file may say: it is about the supervisor as a whole.
    static let topKeys: Set = [
        "runtime_directory", "supervisor_user", "log", "control", "metrics", "limits",
    ]

    /// Every key of a file.
    static let section = Section<FileDraft>(
        "file",
        [
            Key("include", \.includes, includes),
            Key("runtime_directory", \.table.runtimeDirectory, Kind.absolutePath.map { $0 }),
            Key("supervisor_user", supervisorUser) { $2.table.supervisorUser = $0 },
            Key("log", log) { setLog($0, at: $1, of: &$2) },
            Key("control", \.table.controlGroup, control),
            Key("metrics", \.metrics, MetricsReader.kind.placed().map { $0 }),
            Key("limits", \.table.limits, limits),
            // These two are read when all files are there.
            Key("defaults", Kind<Void>("a mapping", ServiceDraft.defaultsShape) { _, _ in () }) { _, _, _ in },
            Key("services", Kind<Void>("a mapping", ServiceDraft.servicesShape) { _, _ in () }) { _, _, _ in },
        ])

    /// With the groups that the user database gives it. Root would be no less than what it is to be kept from.
    private static let supervisorUser = Kind<Credentials>("a user's name or number", AccountName.shape) { cursor, _ in
        guard let user = Kind.user.read(cursor) else { return nil }
        guard let account = user.account else {
            cursor.fault("user \(user.uid) has no entry in the user database, which has to tell its groups")
            return nil
        }
        guard account.uid != 0 || !cursor.reading.resolving else {
            cursor.fault("root would keep every right; name a user that has none, as _baton")
            return nil
        }
        return Credentials(user: account, gid: account.gid, groups: Accounts.groups(of: account.name, gid: account.gid))
    }

    private struct Log: Sendable {
        var settings = LogSettings()
        var place: Placed<String>?
    }

    private static let log = Kind<Log>.mapping(
        Section(
            "log",
            [
                Key("level", \.settings.level, .choice),
                Key("format", \.settings.format, Kind<LogFormat>.choice.map { $0 }),
                Key(
                    "to", \.place,
                    Kind<String>.scalar("stderr or an absolute path", .string("stderr|/.*")) { text, _ in
                        text == "stderr" || text.hasPrefix("/") ? text : nil
                    }.placed().map { $0 }),
            ]), from: Log())

    private static func setLog(_ log: Log, at cursor: Cursor, of draft: inout FileDraft) {
        draft.table.log = log.settings
        guard let place = log.place else { return }
        guard place.value == "stderr" else {
            draft.table.log.path = place.value
            return
        }
        guard let format = log.settings.format, format.usesSocket else { return }
        place.cursor(cursor.reading).fault("stderr goes with text and json; \(format.rawValue) goes to a socket")
    }

    private static let control = Section<UInt32?>("control", [Key("group", \.self, Kind.group.map { $0 })])

    private static let limits = Section<SupervisorLimits>(
        "limits",
        [
            Key("instances", \.instances, .limit(.number(1...10_000_000))),
            Key("open_files", \.openFiles, .limit(.number(64...1 << 30))),
            Key("stop_timeout", \.stopTimeout, Kind.duration.or("unlimited", Kind<Duration>.endless)),
        ])

    private struct Foreign: Sendable {
        var inetd: String?
        var xinetd: String?
        var systemd: String?
    }

    private static let foreign = Kind<Foreign>.mapping(
        Section(
            "include",
            [
                Key("inetd", \.inetd, Kind.text("a path").map { $0 }),
                Key("xinetd", \.xinetd, Kind.text("a path").map { $0 }),
                Key("systemd", \.systemd, Kind.text("a path").map { $0 }),
            ]), from: Foreign())

    /// Elements that are no good do not keep the others from being read.
    private static let includes = Kind<[Placed<Include>]>("a list of paths", .list(include.shape, least: 0)) {
        cursor, expected in
        guard case .list(let nodes) = cursor.node.content else {
            cursor.unexpected(expected, hint: cursor.node.text.map { "write [\($0.quotable)]" } ?? "")
            return nil
        }
        return nodes.compactMap { include.placed().read(cursor.at($0)) }
    }

    private static let include = Kind<Include>(
        "a path, or one of inetd, xinetd and systemd with a path", .or(.text, foreign.shape.oneOnly)
    ) { cursor, expected in
        guard let pairs = cursor.node.pairs else {
            guard let text = cursor.node.text, !text.isEmpty else {
                cursor.unexpected(expected)
                return nil
            }
            return .table(text)
        }
        guard foreign.read(cursor) != nil else { return nil }
        guard let pair = pairs.first, let path = pair.value.text, pairs.count == 1 else {
            cursor.unexpected(expected)
            return nil
        }
        return .foreign(format: pair.key, path: path)
    }
}
