/// [Service] of a unit, as keys of a service.
struct SystemdService {
    let unit: UnitFile
    private(set) var report: UnitReport
    /// Keys of the service, with where they were said.
    private(set) var keys: [(name: String, value: DraftValue, place: SourcePlace)] = []
    /// The program gets its socket as descriptors 0 and 1.
    private(set) var isInetd = false
    private(set) var hasProgram = false
    private(set) var addresses = AddressRules()
    private(set) var startLimit = RateOfStarts()

    private let accepts: Bool
    private let specifiers: UnitSpecifiers
    private var identity = SystemdIdentity()
    private var environment = SystemdEnvironment()
    private var output = SystemdOutput()
    private var limits: [DraftPair] = []
    private var stopGrace: (word: String, place: SourcePlace)?

    private static let lists: Set<String> = [
        "ExecStart", "ExecCondition", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost",
        "Environment", "EnvironmentFile", "PassEnvironment", "UnsetEnvironment", "SupplementaryGroups", "Sockets",
        "CPUAffinity", "CapabilityBoundingSet", "IPAddressAllow", "IPAddressDeny", "ExecSearchPath",
    ]

    /// - Parameter accepts: It serves one connection.
    init(_ unit: UnitFile, accepts: Bool, settings: inout ImportSettings) {
        self.unit = unit
        self.accepts = accepts
        report = UnitReport(unit)
        specifiers = UnitSpecifiers(unit: unit.name, isPerConnection: accepts, resolving: settings.resolving)
        let effective = unit.effective("Service", lists: Self.lists)
        report.settle("Service", effective: effective.map(\.index))
        var programs: [(index: Int, assignment: UnitAssignment)] = []
        for (index, assignment) in effective {
            // Its specifiers are resolved word by word, its variables when all are known.
            if assignment.key == "ExecStart" {
                programs.append((index, assignment))
                continue
            }
            let resolved = specifiers.resolve(assignment.value)
            report.note(index, resolved.fidelity)
            if assignment.key == "EnvironmentFile" {
                environment.file(resolved.text, at: index, &report, &settings.files)
            } else {
                take(assignment.key, resolved.text, at: index, assignment.place)
            }
        }
        if unit.assignments.last(where: { $0.key == "CapabilityBoundingSet" })?.value.isEmpty == true,
            let last = unit.assignments.last(where: { $0.key == "CapabilityBoundingSet" })
        {
            set("capabilities", .list([]), last.place)
        }
        startLimits()
        program(programs)
        finish()
        if !accepts { noteStart() }
    }

    private mutating func set(_ name: String, _ value: DraftValue, _ place: SourcePlace) {
        keys.removeAll { $0.name == name }
        keys.append((name, value, place))
    }

    private mutating func take(_ key: String, _ value: String, at index: Int, _ place: SourcePlace) {
        if identity.take(key, value, at: index, place, &report) { return }
        if environment.take(key, value, at: index, &report) { return }
        if output.take(key, value, at: index, place, &report) { return }
        if key.hasPrefix("Limit"), let limit = SystemdLimit(key, value) { return takeLimit(limit, at: index) }
        switch key {
        case "Nice": integer("nice", value, -20...19, at: index, place)
        case "OOMScoreAdjust": integer("oom_score_adjust", value, -1000...1000, at: index, place)
        case "UMask": umask(value, at: index, place)
        case "WorkingDirectory": directory(value, at: index, place)
        case "RootDirectory": set("chroot", .text(value), place)
        case "CPUAffinity": affinity(value, at: index, place)
        case "NoNewPrivileges": if bool(value, at: index) == true { set("no_new_privileges", .bool(true), place) }
        case "CapabilityBoundingSet": capabilities(value, at: index, place)
        case "KillSignal": signal(value, at: index, place)
        case "KillMode": killMode(value, at: index)
        case "SendSIGKILL": if bool(value, at: index) == false { stopGrace = ("unlimited", place) }
        case "TimeoutStopSec", "TimeoutSec": stopTime(value, at: index, place)
        case "RuntimeMaxSec": runtime(value, at: index, place)
        case "Type": type(value, at: index)
        case "IPAddressAllow", "IPAddressDeny": addresses.take(key, value, at: index)
        case "StartLimitBurst": startLimit.burst = UnitValue.number(value)
        case "StartLimitInterval": startLimit.interval = UnitValue.span(value)
        case "Restart" where value == "no", "GuessMainPID",
            "NotifyAccess" where value == "none",
            "OOMPolicy" where value == "continue":
            report.set(index, .exact)
        case "NotifyAccess":
            report.set(index, .approximated("nothing waits for READY=1, and \(notifySocket)"))
        case "WatchdogSec": watchdog(value, at: index, place)
        default: break
        }
    }

    /// Their newer place.
    private mutating func startLimits() {
        for (_, assignment) in unit.effective("Unit", lists: []) {
            switch assignment.key {
            case "StartLimitBurst": startLimit.burst = UnitValue.number(assignment.value)
            case "StartLimitIntervalSec", "StartLimitInterval":
                startLimit.interval = UnitValue.span(assignment.value)
            default: break
            }
        }
    }

    // MARK: the program

    private mutating func program(_ programs: [(index: Int, assignment: UnitAssignment)]) {
        for (number, (index, assignment)) in programs.enumerated() {
            guard number == 0 else {
                report.set(index, .notExpressible("one program serves a connection; put both into a script"))
                continue
            }
            guard
                let line = ExecLine(
                    assignment.value, specifiers: specifiers, variables: environment.values),
                line.program.hasPrefix("/") || !line.program.contains("/")
            else {
                report.set(
                    index, .notExpressible("it is no command line: a program comes first, and quotes are closed"))
                continue
            }
            hasProgram = true
            report.set(index, line.fidelity)
            set("exec", .texts([line.program] + line.arguments), assignment.place)
            if let name = line.argv0 { set("argv0", .text(name), assignment.place) }
            if line.isPrivileged { identity.drop(&report) }
        }
    }

    private mutating func finish() {
        identity.finish(&report)
        for key in identity.keys + environment.keys { set(key.name, key.value, key.place ?? SourcePlace(unit.path, 0)) }
        isInetd = output.takesSocket
        if let (word, place) = output.standardError {
            set("stderr", word.hasPrefix("/") ? .text(word) : .word(word), place)
        }
        output.settle(&report)
        if let (word, place) = stopGrace { set("stop_grace", .word(word), place) }
        if !limits.isEmpty, let place = unit.assignments.first(where: { $0.key.hasPrefix("Limit") })?.place {
            set("rlimits", .mapping(limits), place)
        }
    }

    /// A service that others start as well runs without a client there.
    private mutating func noteStart() {
        for (index, assignment) in unit.assignments.enumerated()
        where assignment.section == "Install" && ["WantedBy", "RequiredBy", "UpheldBy"].contains(assignment.key)
            && !assignment.value.isEmpty
        {
            report.set(index, .approximated("it starts with its first client, not at boot"))
        }
    }

    mutating func noteAddresses(_ fidelity: Fidelity) {
        for index in addresses.indices { report.note(index, fidelity) }
    }

    mutating func settleUnit(partners: Set<String>) { report.settleUnit(partners: partners) }

    // MARK: values

    private mutating func invalid(_ index: Int) { report.set(index, .unparsedValue) }

    private mutating func bool(_ value: String, at index: Int) -> Bool? {
        let found = UnitValue.bool(value)
        if found == nil { invalid(index) }
        return found
    }

    private mutating func integer(
        _ key: String, _ value: String, _ range: ClosedRange<Int>, at index: Int, _ place: SourcePlace
    ) {
        guard let number = Int(value), range.contains(number) else { return invalid(index) }
        set(key, .number(number), place)
    }

    private mutating func umask(_ value: String, at index: Int, _ place: SourcePlace) {
        guard let bits = UnitValue.mode(value), bits <= 0o777 else { return invalid(index) }
        set("umask", .word("0" + String(bits, radix: 8)), place)
    }

    private mutating func directory(_ value: String, at index: Int, _ place: SourcePlace) {
        var path = value[...]
        if path.hasPrefix("-") {
            path = path.dropFirst()
            report.set(index, .approximated("a directory that is missing fails the start; make it"))
        }
        if path == "~" {
            return report.set(index, .notExpressible("~ is the user's home; write its path into directory"))
        }
        guard path.hasPrefix("/") else { return invalid(index) }
        set("directory", .text(String(path)), place)
    }

    private mutating func affinity(_ value: String, at index: Int, _ place: SourcePlace) {
        let words = value.split { $0.isBlank || $0 == "," }.map { String($0) }
        let fine = words.allSatisfy { word in
            let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count) else { return false }
            let numbers = ends.compactMap(\.self)
            return numbers.count == ends.count && numbers == numbers.sorted()
                && numbers.allSatisfy { (0...4095).contains($0) }
        }
        guard fine, !words.isEmpty else {
            return report.set(index, .notExpressible("cpu_affinity lists CPUs by number, such as 0-3"))
        }
        var all = words.map { DraftValue.word($0) }
        if case .list(let before)? = keys.first(where: { $0.name == "cpu_affinity" })?.value { all = before + all }
        set("cpu_affinity", .list(all), place)
    }

    private mutating func capabilities(_ value: String, at index: Int, _ place: SourcePlace) {
        let isInverted = value.hasPrefix("~")
        var names = Set((isInverted ? String(value.dropFirst()) : value).words.map { $0.uppercased() })
        let unknown = names.subtracting(Capability.names)
        if !unknown.isEmpty {
            report.note(index, .approximated("unknown here: \(unknown.sorted().joined(separator: " "))"))
        }
        names.formIntersection(Capability.names)
        var before: Set<String>?
        if case .list(let list)? = keys.first(where: { $0.name == "capabilities" })?.value {
            before = Set(list.compactMap { if case .text(let name) = $0 { name } else { nil } })
        }
        if isInverted {
            report.note(index, .approximated("~ leaves those out of all that are known today"))
            names = (before ?? Set(Capability.names)).subtracting(names)
        } else {
            names.formUnion(before ?? [])
        }
        set("capabilities", .texts(names.sorted()), place)
    }

    private mutating func signal(_ value: String, at index: Int, _ place: SourcePlace) {
        var name = value.uppercased()
        if name.hasPrefix("SIG") { name = String(name.dropFirst(3)) }
        if name.hasPrefix("RTMIN"),
            let offset = Int(name.dropFirst(5).drop { $0 == "+" }.isEmpty ? "0" : name.dropFirst(6)),
            (0...30).contains(offset)
        {
            name = "\(34 + offset)"
        }
        let known = Signal.names.contains(name) || (1...64).contains(Int(name) ?? 0)
        guard known else { return invalid(index) }
        if name != "TERM", name != "15" { set("stop_signal", .text(name), place) }
    }

    private mutating func killMode(_ value: String, at index: Int) {
        switch value {
        case "control-group": break
        case "mixed", "process":
            report.note(
                index, .approximated("signals go to the process group of the handler, not to its first process"))
        case "none": report.note(index, .notExpressible("handlers are ended when Baton stops; see on_stop: leave"))
        default: invalid(index)
        }
    }

    private mutating func stopTime(_ value: String, at index: Int, _ place: SourcePlace) {
        guard let span = UnitValue.span(value) else { return invalid(index) }
        if stopGrace?.word != "unlimited" || span == .infinite { stopGrace = (span.word ?? "unlimited", place) }
    }

    private mutating func runtime(_ value: String, at index: Int, _ place: SourcePlace) {
        guard let span = UnitValue.span(value) else { return invalid(index) }
        if let word = span.word { set("runtime_limit", .word(word), place) }
    }

    private mutating func watchdog(_ value: String, at index: Int, _ place: SourcePlace) {
        guard let span = UnitValue.span(value) else { return invalid(index) }
        guard case .microseconds = span, let word = span.word else { return report.set(index, .exact) }
        guard !accepts else {
            return report.set(
                index,
                .notExpressible("the process of a connection has no watchdog; a handler behind handoff has heartbeat"))
        }
        report.set(index, .approximated("a silent handler gets KILL, not ABRT"))
        set("heartbeat", .word(word), place)
    }

    private var notifySocket: String {
        accepts
            ? "the process of a connection has no NOTIFY_SOCKET"
            : "what the handler's process group says to NOTIFY_SOCKET is shown by baton status"
    }

    private mutating func type(_ value: String, at index: Int) {
        switch value {
        case "simple", "exec", "oneshot": break
        case "idle": report.note(index, .approximated("it starts at once; there are no boot messages to wait for"))
        case "notify", "notify-reload":
            report.note(
                index,
                .approximated(
                    "nothing waits for READY=1, and \(notifySocket); as a handler behind handoff it would be waited "
                        + "for"))
        case "dbus": report.note(index, .approximated("nothing waits for a name on the bus"))
        case "forking":
            report.note(
                index,
                .notExpressible(
                    "Baton watches the process that it starts, and takes its exit for the end; start the program with "
                        + "the option that keeps it in the foreground"))
        default: invalid(index)
        }
    }

    private mutating func takeLimit(_ limit: SystemdLimit, at index: Int) {
        guard let value = limit.value else { return invalid(index) }
        if limit.isSplit {
            report.note(index, .approximated("soft and hard limit are set alike, to the soft one"))
        }
        limits.removeAll { $0.key == limit.key }
        limits.append(DraftPair(limit.key, value))
    }
}
