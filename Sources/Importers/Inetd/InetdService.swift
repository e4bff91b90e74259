internal import LinuxSystem

/// Makes a service of an entry, field by field.
struct InetdService {
    private let fields: InetdFields
    private let resolving: Bool
    private var service: DraftService
    private var socket: [DraftPair] = []
    private(set) var fidelity: Fidelity
    /// Nothing of it can stand in a table.
    private var isLost = false
    /// The name by which hosts.allow knows the program; nil when tcpd is not in front.
    private(set) var wrapped: String?

    init(_ fields: InetdFields, resolving: Bool) {
        self.fields = fields
        self.resolving = resolving
        fidelity = fields.fidelity
        service = DraftService("", at: fields.place)
        if !fields.isEnabled { service["enabled"] = .bool(false) }
        listen()
        program()
        wait()
        user()
        limits()
        service.name = name
        if !socket.isEmpty, service["listen"] != nil { service["socket"] = .mapping(socket) }
    }

    /// The service; nil when nothing of the entry can be said.
    var draft: DraftService? { isLost ? nil : service }

    private mutating func note(_ row: DirectiveRow) { fidelity = fidelity.and(row.outcome) }

    private mutating func lose(_ row: DirectiveRow) {
        note(row)
        isLost = true
    }

    private var isInternal: Bool { fields.server == "internal" }
    private var isMux: Bool { fields.service.hasPrefix("tcpmux/") }
    private var isDatagram: Bool { fields.socketType == "dgram" }
    private var isUnix: Bool { protocolWords.base == "unix" }

    /// A number says less than the program's name, and a path is none.
    private var name: String {
        if isMux { return fields.service.dropFirst("tcpmux/".count).drop { $0 == "+" }.description }
        if isUnix || fields.service.isDecimal { return programName ?? fields.service.baseName }
        return fields.service.split(separator: "/").first.map { String($0) } ?? fields.service
    }

    private var programName: String? {
        isInternal ? nil : (fields.arguments.first ?? fields.server).baseName
    }

    // MARK: the socket

    /// `rpc/tcp6,sndbuf=4k` in its parts.
    private var protocolWords: (base: String, prefix: String, suffix: String, options: [Substring]) {
        let parts = fields.protocol.split(separator: ",", omittingEmptySubsequences: false)
        let words = (parts.first ?? "").split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        let options = Array(parts.dropFirst())
        if words.count == 2, words[0] == "rpc" || words[0] == "faith" { return (words[1], words[0], "", options) }
        return (words.first ?? "", "", words.count > 1 ? words[1] : "", options)
    }

    private mutating func listen() {
        let words = protocolWords
        type()
        buffers(words.options)
        if words.prefix == "faith" || words.suffix == "faith" { return lose(InetdRow.faith) }
        if words.suffix == "ttcp" { note(InetdRow.transaction) }
        if words.base == "unix" { return listenUnix() }
        let schemes: [String: String] = [
            "tcp": "tcp", "tcp4": "tcp4", "tcp6": "tcp6", "tcp6only": "tcp6", "tcp46": "tcp", "tcp64": "tcp",
            "udp": "udp", "udp4": "udp4", "udp6": "udp6", "udp6only": "udp6", "udp46": "udp", "udp64": "udp",
        ]
        guard let scheme = schemes[words.base], words.suffix.isEmpty || words.suffix == "ttcp" else {
            return lose(InetdRow.badType)
        }
        guard fields.socketType.hasPrefix(scheme.hasPrefix("tcp") ? "stream" : "dgram") else {
            return lose(InetdRow.badType)
        }
        service.protocolName = words.base
        if words.prefix == "rpc" { return listenRemoteProcedures(scheme) }
        if isMux {
            let name = fields.service.dropFirst("tcpmux/".count)
            let bare = name.hasPrefix("+") ? name.dropFirst() : name
            if bare.isEmpty || !scheme.hasPrefix("tcp") { return lose(InetdRow.badType) }
            service["tcpmux"] = .text(String(name))
            return
        }
        guard let port = port else { return lose(InetdRow.badPort) }
        let hosts = fields.hosts.isEmpty ? ["*"] : fields.hosts
        let endpoints = hosts.map { host -> DraftValue in
            if scheme == "tcp", host == "*" { return port.isDecimal ? .word(port) : .text("tcp://*:\(port)") }
            return .text("\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)")
        }
        service["listen"] = endpoints.count == 1 ? endpoints[0] : .list(endpoints)
    }

    private mutating func type() {
        let type = fields.socketType
        if let comma = type.firstIndex(of: ",") {
            let max = type[type.index(after: comma)...].prefix { $0 != ":" }
            if let count = Int(max), count > 0 {
                service["instances"] = .number(min(count, 10_000_000))
            }
        }
        if type.contains(":") || fields.limits.hasFilter {
            note(InetdRow.filter)
            if protocolWords.base.hasPrefix("tcp") { socket.append(DraftPair("defer_accept", .word("30s"))) }
        }
    }

    /// The port as a number without leading zeros, or its name.
    private var port: String? {
        let service = fields.service
        guard service.isDecimal else {
            guard service.utf8.allSatisfy({ (0x21..<0x7f).contains($0) }), !service.contains("/") else { return nil }
            return resolving ? WellKnownPort.word(for: service, isDatagram: isDatagram) : service
        }
        let digits = service.drop { $0 == "0" }
        guard let number = UInt16(digits), number > 0 else { return nil }
        return "\(number)"
    }

    private mutating func listenUnix() {
        service.protocolName = "unix"
        let schemes = ["stream": "unix", "dgram": "unix+dgram", "seqpacket": "unix+seqpacket"]
        guard let scheme = schemes[String(fields.socketType.prefix { $0 != "," && $0 != ":" })] else {
            return lose(InetdRow.badType)
        }
        var parts = fields.service.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
        let hasOwner = parts.count == 5 && parts[0].isEmpty
        let path = hasOwner ? String(parts[4]) : fields.service
        guard path.hasPrefix("/"), !path.hasSuffix("/"), path.utf8.count < 108 else { return lose(InetdRow.badPath) }
        guard hasOwner else {
            service["listen"] = .text("\(scheme)://\(path)")
            return
        }
        parts.removeFirst()
        var pairs = [DraftPair("address", .text("\(scheme)://\(path)"))]
        if !parts[0].isEmpty { pairs.append(DraftPair("owner", .text(String(parts[0])))) }
        if !parts[1].isEmpty { pairs.append(DraftPair("group", .text(String(parts[1])))) }
        if let mode = UInt32(parts[2], radix: 8), mode <= 0o777 {
            pairs.append(DraftPair("mode", .word("0" + String(mode, radix: 8))))
        }
        service["listen"] = .mapping(pairs)
    }

    private mutating func listenRemoteProcedures(_ scheme: String) {
        note(InetdRow.rpc)
        service["enabled"] = .bool(false)
        service["listen"] = .text("\(scheme)://*:0")
    }

    private mutating func buffers(_ options: [Substring]) {
        var sizes = options.map { $0.split(separator: "=", maxSplits: 1).map { String($0) } }
        if let size = fields.limits.sendBuffer { sizes.append(["sndbuf", size]) }
        if let size = fields.limits.receiveBuffer { sizes.append(["rcvbuf", size]) }
        let keys = ["sndbuf": "send_buffer", "rcvbuf": "receive_buffer"]
        for pair in sizes {
            guard pair.count == 2, let key = keys[pair[0]], let bytes = Self.bytes(pair[1]) else {
                fidelity = fidelity.and(.notExpressible("the buffer size \(pair.joined(separator: "=")) is malformed"))
                continue
            }
            socket.append(DraftPair(key, .number(bytes)))
        }
    }

    /// `4096`, `16k`, `1m`.
    private static func bytes(_ text: String) -> Int? {
        let units: [Character: Int] = ["k": 1024, "K": 1024, "m": 1 << 20, "M": 1 << 20]
        let unit = text.last.flatMap { units[$0] }
        guard let count = Int(unit == nil ? text[...] : text.dropLast()), count > 0 else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: unit ?? 1)
        return overflow || bytes > Int(Int32.max) ? nil : bytes
    }

    // MARK: the program

    private static let internals: [String: String] = [
        "echo": "echo", "discard": "discard", "sink": "discard", "null": "discard", "daytime": "daytime",
        "time": "time", "timserver": "time", "timeserver": "time", "chargen": "chargen", "ttytst": "chargen",
        "source": "chargen", "tcpmux": "tcpmux", "qotd": "qotd", "quote": "qotd",
        "7": "echo", "9": "discard", "13": "daytime", "37": "time", "19": "chargen", "1": "tcpmux", "17": "qotd",
    ]

    private mutating func program() {
        if isInternal {
            if fields.service == "auth" || fields.service == "ident" { return lose(InetdRow.auth) }
            guard let name = Self.internals[fields.service], !(name == "tcpmux" && isDatagram) else {
                fidelity = fidelity.and(.notExpressible("there is no internal service \(fields.service.quotable)"))
                isLost = true
                return
            }
            service["internal"] = .text(name)
            return
        }
        var path = fields.server
        var arguments = fields.arguments
        if arguments.count > InetdFields.mostArguments { note(InetdRow.manyArguments) }
        if path.baseName == "tcpd", let daemon = arguments.first {
            note(InetdRow.tcpd)
            wrapped = daemon.baseName
            // Where Debian's tcpd looks for programs (REAL_DAEMON_DIR).
            path = daemon.hasPrefix("/") ? daemon : "/usr/sbin/\(daemon)"
            arguments[0] = daemon
        }
        if let first = arguments.first, first != path { service["argv0"] = .text(first) }
        if arguments.isEmpty { service["argv0"] = .text(path.baseName) }
        service["exec"] = .texts([path] + arguments.dropFirst())
        service["stderr"] = .word("connection")
    }

    // MARK: wait, user, limits

    private mutating func wait() {
        let field = fields.wait
        let word = String(field.prefix { $0 != "." && $0 != ":" && $0 != "/" })
        let rest = field.dropFirst(word.count)
        if word != "wait", word != "nowait" { note(InetdRow.otherWait) }
        var waits = word == "wait"
        if isInternal {
            waits = false
        } else if isDatagram, !waits {
            note(InetdRow.datagramNowait)
            waits = true
        } else if isMux {
            waits = false
        }
        if waits { service["wait"] = .bool(true) }
        if rest.hasPrefix("/") {
            children(rest.dropFirst(), waits: waits)
        } else if let separator = rest.first {
            rate(rest.drop { $0 == separator }, waits: waits)
        }
    }

    /// `.max` and `:max`: starts in a minute.
    private mutating func rate(_ text: Substring, waits: Bool) {
        guard let count = Int(text), count >= 0 else {
            fidelity = fidelity.and(
                .approximated("the limit \"\(text.description.quotable)\" is no number; it is left out"))
            return
        }
        // 0 ends the service at its first connection, in some dialects; nobody means that.
        guard count > 0 else { return }
        if waits { return note(InetdRow.waitRate) }
        note(InetdRow.rate)
        service["rate"] = Self.perMinute(count)
    }

    private static func perMinute(_ count: Int) -> DraftValue {
        let count = min(count, 1_000_000_000)
        return .pairs(("rate", .word("\(count)/min")), ("burst", .number(count)))
    }

    /// FreeBSD's `/max-child/max-connections-per-ip-per-minute/max-child-per-ip`; 0 is no limit.
    private mutating func children(_ text: Substring, waits: Bool) {
        let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count <= 3, numbers.allSatisfy({ $0 ?? -1 >= 0 }) else {
            fidelity = fidelity.and(
                .approximated("the limits \"\(text.description.quotable)\" are no numbers; they are left out"))
            return
        }
        if waits {
            if numbers.contains(where: { ($0 ?? 0) > 1 }) { note(InetdRow.waitChildren) }
            return
        }
        if let count = numbers[0] {
            service["instances"] = count == 0 ? .word("unlimited") : .number(min(count, 10_000_000))
        }
        if numbers.count > 1, let count = numbers[1], count > 0 {
            note(InetdRow.perMinute)
            service["rate_per_source"] = Self.perMinute(count)
        }
        if numbers.count > 2, let count = numbers[2] {
            service["per_source"] = count == 0 ? .word("unlimited") : .number(min(count, 100_000_000))
        }
    }

    private mutating func limits() {
        if let count = fields.limits.instances, count > 0 { service["instances"] = .number(min(count, 10_000_000)) }
        if let count = fields.limits.ratePerSource, count > 0 {
            note(InetdRow.perMinute)
            service["rate_per_source"] = Self.perMinute(count)
        }
        if fields.limits.hasPolicy { note(InetdRow.policy) }
    }

    private mutating func user() {
        var user = fields.user
        if let slash = user.firstIndex(of: "/") {
            note(InetdRow.login)
            user = String(user[..<slash])
        }
        // Internal services run as nobody but Baton.
        if isInternal { return }
        // Names may have a dot themselves; the machine knows.
        let isWhole = !user.contains(":") && resolving && Accounts.user(named: user) != nil
        let end = isWhole ? nil : user.firstIndex(of: ":") ?? user.firstIndex(of: ".")
        if let end {
            service["group"] = .text(String(user[user.index(after: end)...]))
            user = String(user[..<end])
        }
        service["user"] = .text(user)
        if user.isDecimal { note(InetdRow.numericUser) }
        let names = [user] + (end == nil ? [] : [fields.user])
        if names.contains(where: { $0.isEmpty }) || service["group"] == .text("") {
            fidelity = fidelity.and(.notExpressible("the user or group is empty"))
            service["group"] = nil
            if user.isEmpty { service["user"] = .text("nobody") }
        }
    }
}
