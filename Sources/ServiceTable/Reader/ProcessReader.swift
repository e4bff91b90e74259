internal import Glibc

/// "The handler's process": the keys of a service that say what its processes are given.
enum ProcessReader {
    static let keys: [Key<ServiceDraft>] = [
        Key("user", \.user, Kind.user.map { $0 }),
        Key("group", \.group, Kind.group.map { $0 }),
        Key("groups", \.groups, groups),
        Key("umask", \.process.umask, .octal(upTo: 0o777)),
        Key("directory", \.process.directory, .absolutePath),
        Key("chroot", \.process.chroot, chroot),
        Key("nice", \.process.nice, Kind.number(-20...19).map { $0 }),
        Key("oom_score_adjust", \.process.oomScoreAdjust, Kind.number(-1000...1000).map { $0 }),
        Key("cpu_affinity", \.process.processors, ProcessSettingKind.processors),
        Key("env", environment) { variables, _, draft in draft.process.set(variables) },
        Key("pass_env", \.process.passEnvironment, .list(of: variableName)),
        Key("argv0", \.argv0, Kind.text.map { $0 }),
        Key("rlimits", \.process.resourceLimits, resourceLimits),
        Key("stderr", \.process.standardError, standardError),
        Key("runtime_limit", \.process.runtimeLimit, .limit(.positiveDuration)),
        Key("stop_signal", \.process.stopSignal, .signal),
        Key("stop_grace", \.process.stopGrace, Kind.duration.or("unlimited", Kind<Duration>.endless)),
        Key("cgroup", \.process.cgroup, ProcessSettingKind.cgroup.map { $0 }),
        Key("no_new_privileges", \.process.noNewPrivileges, .boolean),
        Key("capabilities", \.process.capabilities, ProcessSettingKind.boundingSet),
        Key("on_stop", \.onStop, .choice),
    ]

    private static let groups: Kind<GroupsSetting?> = {
        var kind = Kind<[UInt32]>.list(of: .group).map { GroupsSetting?.some(.list($0)) }.or("init", .initgroups)
        kind.isList = true
        return kind
    }()

    private static let chroot = Kind<String>.absolutePath.map { path -> String? in
        // The root itself changes nothing; without it paths inside can be joined.
        let trimmed = String(path.reversed().drop { $0 == "/" }.reversed())
        return trimmed.isEmpty ? nil : trimmed
    }

    private static let variableName = Kind<String>.text("the name of a variable").checked(
        "the name of a variable has no ="
    ) { !$0.contains("=") }.shaped(.text("[^=]+"))

    /// Any names, so a kind of its own and no section.
    private static let environment = Kind<[EnvironmentVariable]>(
        "a mapping of names to values", .names(pattern: "^[^=]+$", .anyText)
    ) { cursor, expected in
        guard let pairs = cursor.node.pairs else {
            cursor.unexpected(expected)
            return nil
        }
        let variables = pairs.map { pair -> EnvironmentVariable? in
            if pair.key.isEmpty || pair.key.contains("=") {
                cursor.at(keyOf: pair).fault("the name of a variable is not empty and has no =")
                return nil
            }
            return Kind.anyText.read(cursor.at(pair)).map { EnvironmentVariable(name: pair.key, value: $0) }
        }
        let found = variables.compactMap(\.self)
        return found.count == variables.count ? found : nil
    }

    private static let resourceLimits = Section<[ResourceLimit]>(
        "rlimits",
        ResourceLimit.Resource.allCases.map { resource in
            let kind: Kind<UInt64?> =
                switch resource {
                case .nofile, .nproc: .limit(.number(0...UInt64(Int32.max)))
                case .cpu: .limit(wholeSeconds)
                case .as, .data, .stack, .core, .fsize, .memlock: .limit(.size(upTo: UInt64(Int64.max)))
                }
            return Key(resource.rawValue, kind) { value, _, limits in
                limits.removeAll { $0.resource == resource }
                limits.append(ResourceLimit(resource: resource, value: value))
            }
        })

    private static let wholeSeconds = Kind<Duration>.positiveDuration.checked("CPU time is counted in whole seconds") {
        $0.components.attoseconds == 0
    }.map { UInt64($0.components.seconds) }

    private static let standardError = Kind<StandardError>.scalar(
        "log, connection, null or an absolute path", .or(.words(["log", "connection", "null"]), .string("/.*"))
    ) {
        text, _ throws(Hint) in
        switch text {
        case "log": .log
        case "connection": .connection
        case "null": .null
        default: text.hasPrefix("/") ? .path(text) : nil
        }
    }
}

extension ProcessSettings {
    /// Sets variables, each in the place it had or at the end.
    fileprivate mutating func set(_ variables: [EnvironmentVariable]) {
        var places = Dictionary(environment.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
        for variable in variables {
            if let place = places[variable.name] {
                environment[place] = variable
            } else {
                places[variable.name] = environment.count
                environment.append(variable)
            }
        }
    }
}

extension Kind where Value == Int32 {
    private static var signals: [String: Int32] {
        [
            "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "TRAP": SIGTRAP, "ABRT": SIGABRT,
            "BUS": SIGBUS, "FPE": SIGFPE, "KILL": SIGKILL, "USR1": SIGUSR1, "SEGV": SIGSEGV, "USR2": SIGUSR2,
            "PIPE": SIGPIPE, "ALRM": SIGALRM, "TERM": SIGTERM, "CHLD": SIGCHLD, "CONT": SIGCONT, "STOP": SIGSTOP,
            "TSTP": SIGTSTP, "TTIN": SIGTTIN, "TTOU": SIGTTOU, "URG": SIGURG, "XCPU": SIGXCPU, "XFSZ": SIGXFSZ,
            "VTALRM": SIGVTALRM, "PROF": SIGPROF, "WINCH": SIGWINCH, "IO": SIGIO, "PWR": SIGPWR, "SYS": SIGSYS,
        ]
    }

    /// A signal by name, with or without SIG, or by number (signal(7)).
    static var signal: Kind {
        let signals = signals
        let names = signals.keys.sorted().joined(separator: "|")
        return .scalar(
            "a signal such as TERM, SIGTERM or 15", .or(.number(1...64), .string("(SIG)?(\(names))|[0-9]{1,2}"))
        ) { text, _ throws(Hint) in
            if let number = try Decimal.read(text, as: Int32.self) { return (1...64).contains(number) ? number : nil }
            return signals[text.hasPrefix("SIG") ? String(text.dropFirst(3)) : text]
        }
    }
}
