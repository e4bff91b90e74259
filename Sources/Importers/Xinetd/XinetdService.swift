/// Makes a service of an entry's settings: what they mean together.
struct XinetdService {
    private let name: String
    private let settings: XinetdSettings
    private let place: SourcePlace
    private var service: DraftService
    /// Of the entry as a whole: what no single attribute tells.
    private(set) var fidelity = Fidelity.exact
    /// Of attributes that are good for another service only, by where they stand.
    private(set) var remarks: [SourcePlace: Fidelity] = [:]
    private var isLost = false
    private var isEnabled: Bool
    /// The name by which hosts.allow knows the program; nil when nobody asks.
    private(set) var wrapped: String?

    init(
        _ name: String, _ settings: XinetdSettings, at place: SourcePlace, isEnabled: Bool, resolving: Bool,
        banners: XinetdBanners
    ) {
        self.name = name
        self.settings = settings
        self.place = place
        self.isEnabled = isEnabled && !settings.isDisabled
        service = DraftService(settings.id ?? name, at: place)
        service.protocolName = isDatagram ? "udp" : "tcp"
        listen(resolving: resolving)
        if isInternal {
            serveInternally()
        } else if let redirect = settings.redirect {
            self.redirect(to: redirect)
        } else {
            run()
        }
        if waits && !isDatagram { wrapped = nil }
        access()
        say(banners)
        log()
        if !self.isEnabled { service["enabled"] = .bool(false) }
    }

    /// The service; nil when nothing of the entry can be said.
    var draft: DraftService? { isLost ? nil : service }

    private mutating func set(_ key: String, _ value: DraftValue, from attribute: String) {
        service.set(key, value, at: settings.places[attribute] ?? place)
    }

    /// xinetd leaves such an entry out; so does Baton, but it can be read in the table.
    private mutating func disable(_ why: String) {
        fidelity = fidelity.and(.notExpressible("\(why); xinetd leaves the service out, and it is disabled here"))
        isEnabled = false
    }

    private mutating func lose(_ why: String) {
        // What is switched off loses nothing.
        fidelity = fidelity.and(
            isEnabled ? .notExpressible(why) : .approximated("\(why); it is disabled, and left out of the table"))
        isLost = true
    }

    private var isInternal: Bool { settings.types.contains("internal") || settings.flags.contains("sensor") }
    private var isDatagram: Bool {
        settings.socketType.map { $0 == "dgram" } ?? (settings.protocolName == "udp")
    }
    private var isMux: Bool { !settings.types.isDisjoint(with: ["tcpmux", "tcpmuxplus"]) }
    /// Its program gets the socket itself.
    private var servesAll: Bool { waits || isDatagram && !isInternal && settings.redirect == nil }
    private var waits: Bool { settings.waits == true && !isInternal && settings.redirect == nil }

    // MARK: the socket

    private mutating func listen(resolving: Bool) {
        let type = settings.socketType ?? (settings.protocolName == nil ? nil : isDatagram ? "dgram" : "stream")
        guard let type else { return disable("socket_type is missing") }
        guard ["stream", "dgram"].contains(type), ["tcp", "udp", nil].contains(settings.protocolName) else {
            return lose("such a socket has no place in a table")
        }
        if let name = settings.protocolName, (name == "udp") != isDatagram {
            return lose("\(type) and \(name) do not go together")
        }
        if settings.waits == nil { disable("wait is missing") }
        if settings.types.contains("rpc") {
            isEnabled = false
            service["listen"] = .text(isDatagram ? "udp://*:0" : "tcp://*:0")
            return
        }
        if isMux {
            let plus = settings.types.contains("tcpmuxplus") ? "+" : ""
            set("tcpmux", .text(plus + name), from: "type")
            return
        }
        let unlisted = settings.types.contains("unlisted")
        if settings.port == nil, unlisted { disable("port is missing") }
        if resolving, !unlisted, let port = settings.port,
            let listed = WellKnownPort.listed(name, isDatagram: isDatagram), listed != port
        {
            disable("port is \(port), services(5) has \(listed), and the type is not UNLISTED")
        }
        let known = resolving ? WellKnownPort.word(for: name, isDatagram: isDatagram) : name
        let port = settings.port.map { "\($0)" } ?? (unlisted ? "0" : known)
        set("listen", endpoint(port: port), from: settings.port == nil ? "service" : "port")
        options()
    }

    private func endpoint(port: String) -> DraftValue {
        let scheme = isDatagram ? "udp" : "tcp"
        if let address = settings.address {
            return .text("\(scheme)://\(address.contains(":") ? "[\(address)]" : address):\(port)")
        }
        if settings.isIPv6Only == true { return .text("\(scheme)6://*:\(port)") }
        if settings.flags.contains("ipv4"), !settings.flags.contains("ipv6") { return .text("\(scheme)4://*:\(port)") }
        return scheme == "tcp" && port.isDecimal ? .word(port) : .text("\(scheme)://*:\(port)")
    }

    private mutating func options() {
        guard !isDatagram else { return }
        var pairs: [DraftPair] = []
        if settings.flags.contains("keepalive") { pairs.append(DraftPair("keep_alive", .bool(true))) }
        if settings.flags.contains("nodelay") { pairs.append(DraftPair("no_delay", .bool(true))) }
        if !pairs.isEmpty { set("socket", .mapping(pairs), from: "flags") }
    }

    // MARK: what serves

    private mutating func serveInternally() {
        if settings.flags.contains("sensor") {
            isEnabled = false
            service["internal"] = .text("discard")
            return
        }
        let known = ["echo", "discard", "daytime", "time", "chargen"] + (isDatagram ? [] : ["tcpmux"])
        guard known.contains(name.lowercased()) else {
            return lose("there is no internal service \(name.quotable) in Baton")
        }
        wrapped = wrapName(settings.id ?? name)
        set("internal", .text(name.lowercased()), from: "type")
        startNothing()
    }

    private func wrapName(_ name: String) -> String? {
        settings.flags.contains("nolibwrap") ? nil : settings.wrapName ?? name
    }

    private mutating func redirect(to target: (host: String, port: String)) {
        if isDatagram { return lose("only TCP connections can be redirected, in xinetd as well") }
        let host = target.host.contains(":") ? "[\(target.host)]" : target.host
        if settings.waits == true { disable("a redirected service cannot wait") }
        wrapped = wrapName(name)
        set("redirect", .text("tcp://\(host):\(target.port)"), from: "redirect")
        startNothing()
    }

    /// xinetd forks for a connection here, too, and its copy of itself does not keep root's rights.
    private mutating func startNothing() {
        guard !isDatagram else { return }
        let isRoot = ["root", "0"].contains(settings.user)
        let attributes = [isRoot ? nil : "user", isRoot ? nil : "group", settings.nice == nil ? nil : "nice"]
        for place in attributes.compactMap({ $0.flatMap { settings.places[$0] } }) {
            remarks[place] = .approximated(
                "there is no process for it: Baton serves it itself, with its own rights; see supervisor_user")
        }
    }

    private mutating func run() {
        guard var path = settings.server else {
            return lose("server is missing; xinetd leaves the service out")
        }
        var arguments = [path.baseName] + settings.arguments
        if settings.flags.contains("nameinargs") {
            guard !settings.arguments.isEmpty else { return lose("NAMEINARGS needs server_args, in xinetd as well") }
            arguments = settings.arguments
        }
        wrapped = wrapName(arguments[0].baseName)
        if path.baseName == "tcpd", settings.flags.contains("nameinargs") {
            // Where Debian's tcpd looks for programs (REAL_DAEMON_DIR).
            path = arguments[0].hasPrefix("/") ? arguments[0] : "/usr/sbin/\(arguments[0])"
            wrapped = arguments[0].baseName
        }
        if arguments[0] != path { set("argv0", .text(arguments[0]), from: "server") }
        set("exec", .texts([path] + arguments.dropFirst()), from: "server")
        service["stderr"] = .word("connection")
        if waits { set("wait", .bool(true), from: "wait") }
        if isDatagram, settings.waits == false {
            set("wait", .bool(true), from: "wait")
            fidelity = fidelity.and(InetdRow.datagramNowait.outcome)
        }
        process()
    }

    private mutating func process() {
        if let user = settings.user {
            set("user", .text(user), from: "user")
        } else {
            disable("user is missing")
        }
        if let group = settings.group ?? (settings.user.flatMap { $0.isDecimal ? $0 : nil }) {
            set("group", .text(group), from: settings.group == nil ? "user" : "group")
        }
        if settings.user != nil {
            let hasName = settings.user?.isDecimal == false
            if settings.hasGroups != true {
                set("groups", .list([]), from: "groups")
            } else if hasName {
                set("groups", .word("init"), from: "groups")
            }
        }
        if let umask = settings.umask { set("umask", .word(umask), from: "umask") }
        if let nice = settings.nice { set("nice", .number(nice), from: "nice") }
        if !settings.environment.isEmpty { set("env", .mapping(settings.environment), from: "env") }
        if let names = settings.passEnvironment, !names.isEmpty { set("pass_env", .texts(names), from: "passenv") }
        if !settings.limits.isEmpty {
            set("rlimits", .mapping(settings.limits), from: "rlimit_\(settings.limits[0].key)")
        }
    }

    // MARK: who gets in

    private mutating func access() {
        if waits, !isDatagram {
            // xinetd lets everybody in here, too: no peer is known before the program accepts.
            let lists = [settings.onlyFrom == nil ? nil : "only_from", settings.noAccess == nil ? nil : "no_access"]
            let names = lists.compactMap(\.self)
            if !names.isEmpty {
                fidelity = fidelity.and(
                    .approximated(
                        "\(names.joined(separator: " and ")): no peer is known before a wait program accepts, so "
                            + "neither xinetd nor Baton can check; let the program do it"))
            }
        } else {
            if let sources = settings.onlyFrom { set("only_from", .texts(sources), from: "only_from") }
            if let sources = settings.noAccess, !sources.isEmpty {
                set("no_access", .texts(sources), from: "no_access")
            }
        }
        if !settings.times.isEmpty { set("access_times", .texts(settings.times), from: "access_times") }
        if let load = settings.maxLoad { set("max_load", .word(load), from: "max_load") }
        limits()
    }

    private mutating func limits() {
        if waits || isDatagram {
            let none = DraftValue.word("unlimited")
            if ![nil, none, .number(1)].contains(settings.instances) { leaveOut("instances") }
            if ![nil, none].contains(settings.perSource) { leaveOut("per_source") }
            if ![nil, none].contains(settings.rate) {
                leaveOut("cps")
                leaveOut("leaky_bucket")
            }
            return
        }
        if let instances = settings.instances {
            if instances == .number(0) { return disable("instances = 0 refuses every connection") }
            set("instances", instances, from: "instances")
            if instances != .word("unlimited") { set("on_limit", .word("refuse"), from: "instances") }
        }
        if let count = settings.perSource {
            if count == .number(0) { return disable("per_source = 0 refuses every connection") }
            set("per_source", count, from: "per_source")
        }
        if let rate = settings.rate { set("rate", rate, from: "cps") }
    }

    /// One process has all clients. What comes from `defaults` is for the other services.
    private mutating func leaveOut(_ attribute: String) {
        guard settings.given.contains(attribute), let place = settings.places[attribute], servesAll else { return }
        remarks[place] = .notExpressible(
            "a wait service has one process, which takes all clients itself; limit and greet them there")
    }

    private mutating func say(_ banners: XinetdBanners) {
        if waits || isDatagram {
            for attribute in ["banner", "banner_success", "banner_fail"] { leaveOut(attribute) }
            return
        }
        let welcome = [settings.banner, settings.bannerSuccess].compactMap(\.self)
        if welcome.count == 1 {
            set("banner", .text(welcome[0]), from: settings.banner == nil ? "banner_success" : "banner")
        } else if let text = banners.text(welcome), !text.isEmpty {
            set("banner", .text(text), from: "banner")
            fidelity = fidelity.and(
                .approximated("banner and banner_success are one text here, that of the files as of the import"))
        }
        let refusal = [settings.banner, settings.bannerFail].compactMap(\.self)
        if refusal.isEmpty { return }
        guard let text = banners.text(refusal) else {
            fidelity = fidelity.and(
                .notExpressible(
                    "busy_reply is text, and \(refusal.joined(separator: " or ").quotable) cannot be read here"))
            return
        }
        if !text.isEmpty {
            set("busy_reply", .text(text), from: settings.bannerFail == nil ? "banner" : "banner_fail")
        }
    }

    private mutating func log() {
        guard settings.onSuccess != nil || settings.onFailure != nil else { return }
        let success = settings.onSuccess ?? []
        var words: [String] = []
        if !success.isEmpty { words.append("start") }
        if success.contains("exit") { words.append("exit") }
        if settings.onFailure?.isEmpty == false { words.append("refuse") }
        if success.contains("duration") { words.append("duration") }
        if success.contains("traffic") {
            if settings.redirect == nil {
                disable("log_on_success has TRAFFIC, which goes with redirect only")
            } else {
                words.append("traffic")
            }
        }
        set(
            "log_on", .list(words.map { .word($0) }),
            from: settings.onSuccess == nil ? "log_on_failure" : "log_on_success")
    }
}

/// The texts of banner files: `busy_reply` is text, so they are read by the import.
struct XinetdBanners {
    /// Bytes of one file.
    static let longest = 4096
    var contents: [String: [UInt8]] = [:]

    /// The texts of the files, one after the other; nil when one cannot be read, or is no text.
    func text(_ paths: [String]) -> String? {
        var bytes: [UInt8] = []
        for path in paths {
            guard let content = contents[path], content.count <= Self.longest else { return nil }
            bytes += content
        }
        guard !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
