extension XinetdAttribute {
    static let program: [XinetdAttribute] = [
        XinetdAttribute("server", .exact, "exec", "With stderr: connection, as there.") {
            settings, attribute throws(Problem) in
            let path = attribute.values[0]
            guard path.hasPrefix("/") else { throw Problem(message: "\(path.quotable) is no absolute path") }
            settings.server = path
            return nil
        },
        XinetdAttribute(
            "server_args", .exact, "exec", "xinetd knows no quotes: what blanks separate is an argument.", count: .any
        ) { settings, attribute throws(Problem) in
            guard !attribute.values.isEmpty else { throw Problem(message: "server_args is empty") }
            settings.arguments = attribute.values
            return nil
        },
        XinetdAttribute("user", .exact, "user", "A number is taken as the group as well, as there.") {
            settings, attribute throws(Problem) in
            settings.user = attribute.values.first
            return nil
        },
        XinetdAttribute("group", .exact, "group") { settings, attribute throws(Problem) in
            settings.group = attribute.values.first
            return nil
        },
        XinetdAttribute("groups", .exact, "groups: init, groups: []", "no is the default there.", in: .both) {
            settings, attribute throws(Problem) in
            settings.hasGroups = try yes(attribute)
            return nil
        },
        XinetdAttribute("nice", .exact, "nice") { settings, attribute throws(Problem) in
            let text = attribute.values[0]
            let isNegative = text.hasPrefix("-")
            let number = try number(isNegative ? String(text.dropFirst()) : text, upTo: 1000)
            settings.nice = min(max(isNegative ? -number : number, -20), 19)
            return nil
        },
        XinetdAttribute("umask", .exact, "umask", in: .both) { settings, attribute throws(Problem) in
            let text = attribute.values[0]
            guard let bits = UInt32(text, radix: 8), bits <= 0o777 else {
                throw Problem(message: "\(text.quotable) is no umask")
            }
            let digits = String(bits, radix: 8)
            settings.umask = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
            return nil
        },
        XinetdAttribute("env", .exact, "env", count: .any, isModifiable: true) { settings, attribute throws(Problem) in
            guard attribute.operation != .remove else { throw Problem(message: "env knows no -=") }
            if attribute.operation == .set { settings.environment = [] }
            guard settings.environment.count + attribute.values.count <= 1024 else {
                throw Problem(message: "env has at most 1024 variables")
            }
            for value in attribute.values {
                guard let equals = value.firstIndex(of: "="), equals != value.startIndex else {
                    throw Problem(message: "\(value.quotable) is not NAME=VALUE")
                }
                let name = String(value[..<equals])
                settings.environment.removeAll { $0.key == name }
                settings.environment.append(DraftPair(name, .text(String(value[value.index(after: equals)...]))))
            }
            return nil
        },
        XinetdAttribute(
            "passenv", .exact, "pass_env",
            "Without it xinetd passes all of its environment on; Baton passes none of its own.", count: .any, in: .both,
            isModifiable: true
        ) { settings, attribute throws(Problem) in
            let names = attribute.values.filter { !$0.contains("=") }
            settings.passEnvironment = try list(settings.passEnvironment, names, attribute.operation)
            return nil
        },
        memory("rlimit_as", "as"), memory("rlimit_data", "data"), memory("rlimit_stack", "stack"),
        XinetdAttribute("rlimit_files", .exact, "rlimits.nofile") { settings, attribute throws(Problem) in
            let text = attribute.values[0]
            let isEndless = text.uppercased() == "UNLIMITED"
            let value: DraftValue = isEndless ? .word("unlimited") : .number(min(try bytes(text), Int(Int32.max)))
            settings.limits.append(DraftPair("nofile", value))
            return nil
        },
        XinetdAttribute("rlimit_cpu", .exact, "rlimits.cpu") { settings, attribute throws(Problem) in
            let text = attribute.values[0]
            let isEndless = text.uppercased() == "UNLIMITED"
            settings.limits.append(
                DraftPair("cpu", .word(isEndless ? "unlimited" : "\(try number(text, upTo: 1_000_000_000))s")))
            return nil
        },
        XinetdAttribute(
            "rlimit_rss", .approximated, "", "Linux has not looked at this limit since 2.6, so it is left out"),
    ]

    private static func memory(_ name: String, _ key: String) -> XinetdAttribute {
        XinetdAttribute(name, .exact, "rlimits.\(key)") { settings, attribute throws(Problem) in
            let text = attribute.values[0]
            let isEndless = text.uppercased() == "UNLIMITED"
            settings.limits.append(DraftPair(key, isEndless ? .word("unlimited") : .number(try bytes(text))))
            return nil
        }
    }

    /// `4096`, `64K`, `32M`.
    private static func bytes(_ text: String) throws(Problem) -> Int {
        let units: [Character: Int] = ["k": 1024, "K": 1024, "m": 1 << 20, "M": 1 << 20]
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard digits.isDecimal, let count = Int(digits) else { throw Problem(message: "\(text.quotable) is no size") }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow else { throw Problem(message: "\(text.quotable) is too large") }
        return bytes
    }

    static let logging: [XinetdAttribute] = [
        XinetdAttribute(
            "log_type", .approximated, "log (of the top file)",
            "Baton has one log for all services; see log, and filter it by service", count: .any, in: .both,
            isModifiable: true),
        XinetdAttribute(
            "log_on_success", .exact, "log_on",
            "Process and host are always told. With TRAFFIC, and without redirect, the service is disabled, as in "
                + "xinetd.", count: .any, in: .both, isModifiable: true
        ) { settings, attribute throws(Problem) in
            let words = try words(attribute, among: ["pid", "host", "userid", "exit", "duration", "traffic"])
            settings.onSuccess = Set(try list(settings.onSuccess.map { $0.sorted() }, words, attribute.operation))
            return identity(words)
        },
        XinetdAttribute(
            "log_on_failure", .exact, "log_on: refuse", "The host is always told.", count: .any, in: .both,
            isModifiable: true
        ) { settings, attribute throws(Problem) in
            let words = try words(attribute, among: ["host", "userid", "attempt", "record"])
            settings.onFailure = Set(try list(settings.onFailure.map { $0.sorted() }, words, attribute.operation))
            return identity(words)
        },
    ]

    private static func identity(_ words: [String]) -> Fidelity {
        words.contains("userid")
            ? .notExpressible("USERID: Baton asks no ident server (RFC 1413), whose answers prove nothing") : .exact
    }

    static let whole: [XinetdAttribute] = [
        XinetdAttribute(
            "enabled", .exact, "enabled", "The services that it does not name are imported as disabled.", count: .any,
            in: .defaults, isModifiable: true
        ) { settings, attribute throws(Problem) in
            settings.enabledIDs = Set(try list(settings.enabledIDs?.sorted(), attribute.values, attribute.operation))
            return nil
        },
        XinetdAttribute(
            "disabled", .exact, "enabled: false", count: .any, in: .defaults, isModifiable: true
        ) { settings, attribute throws(Problem) in
            settings.disabledIDs = Set(try list(settings.disabledIDs.sorted(), attribute.values, attribute.operation))
            return nil
        },
        XinetdAttribute("include", .exact, "", "What the file holds stands in the same table.", in: []),
        XinetdAttribute(
            "includedir", .exact, "",
            "What the files hold stands in the same table; names with a dot and names that end in ~ are left out.",
            in: []),
    ]

    /// For the migration guide.
    static let table: DirectiveTable = {
        var groups = XinetdAttribute.groups.map { (heading: $0.heading, rows: $0.attributes.map(\.row)) }
        let order = { (rows: [String: DirectiveRow]) in rows.values.sorted { $0.name < $1.name } }
        groups.insert(
            (heading: "Values of type and flags", rows: order(XinetdWord.types) + order(XinetdWord.flags)), at: 1)
        return DirectiveTable("xinetd.conf", groups)
    }()
}
