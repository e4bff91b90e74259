/// An entry in NetBSD's other notation: `name on key = value, key = value value;`, over as many lines as it takes.
struct InetdKeys {
    struct Pair {
        var key: String
        var values: [String]
        var line: Int
    }

    var line: Int
    var service: String
    var isEnabled: Bool
    private(set) var pairs: [Pair] = []
    private(set) var problem: String?
    private var state = State.beforeKey

    private enum State {
        case beforeKey, beforeEquals, values
    }

    /// Nil when a line does not begin such an entry.
    init?(_ text: String, line: Int) {
        let words = text.words
        guard words.count >= 2 else { return nil }
        let word = words[1].prefix { $0 != "#" }
        guard word == "on" || word == "off" else { return nil }
        service = words[0]
        self.line = line
        isEnabled = word == "on"
    }

    /// What stands behind `name on`.
    static func body(of text: String) -> Substring {
        let name = text.trimmed.prefix { !$0.isBlank }
        let afterName = text.trimmed.dropFirst(name.count).drop { $0.isBlank }
        return afterName.drop { $0 == "o" || $0 == "n" || $0 == "f" }
    }

    /// Takes a line. What stands behind the `;` that ends the entry comes back; nil when it goes on.
    mutating func take(_ text: Substring, line: Int) -> Substring? {
        var rest = text
        while let character = rest.first {
            if character.isBlank {
                rest.removeFirst()
                continue
            }
            if character == "#" { return nil }
            switch state {
            case .beforeKey:
                if character == ";" { return end(rest) }
                let key = rest.prefix { $0.isASCII && $0.isLetter || $0 == "_" }
                guard !key.isEmpty else {
                    fail("an option is expected, not \"\(String(rest.prefix(20)).quotable)\"")
                    return skip(rest)
                }
                pairs.append(Pair(key: String(key), values: [], line: line))
                rest = rest.dropFirst(key.count)
                state = .beforeEquals
            case .beforeEquals:
                guard character == "=" else {
                    fail("\(pairs.last?.key ?? ""): = is expected, not \(String(character).quotable)")
                    return skip(rest)
                }
                rest.removeFirst()
                state = .values
            case .values:
                if character == ";" { return end(rest) }
                if character == "," {
                    rest.removeFirst()
                    state = .beforeKey
                } else {
                    guard let value = value(&rest) else { return skip(rest) }
                    pairs[pairs.count - 1].values.append(value)
                }
            }
        }
        return nil
    }

    mutating func fail(_ message: String) {
        problem = problem ?? message
    }

    private mutating func end(_ rest: Substring) -> Substring {
        rest.dropFirst()
    }

    /// Behind a mistake, up to the end of the entry.
    private mutating func skip(_ rest: Substring) -> Substring? {
        guard let end = rest.firstIndex(of: ";") else { return nil }
        return rest[rest.index(after: end)...]
    }

    /// Text up to a blank, comma, semicolon or comment; quotes in it hold C's escapes.
    private mutating func value(_ rest: inout Substring) -> String? {
        var value = ""
        while let character = rest.first {
            if character.isBlank || [",", ";", "#"].contains(character) { break }
            rest.removeFirst()
            guard character == "\"" || character == "'" else {
                value.append(character)
                continue
            }
            var isClosed = false
            while let next = rest.popFirst() {
                if next == character {
                    isClosed = true
                    break
                }
                guard next == "\\" else {
                    value.append(next)
                    continue
                }
                guard let escaped = Self.escape(&rest) else {
                    fail("an unknown escape in quotes")
                    return nil
                }
                value.append(escaped)
            }
            if !isClosed {
                fail("a quote is not closed")
                return nil
            }
        }
        return value
    }

    private static func escape(_ rest: inout Substring) -> Character? {
        switch rest.popFirst() {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "\\": return "\\"
        case "'": return "'"
        case "\"": return "\""
        case "x":
            let digits = rest.prefix(2)
            guard digits.count == 2, let byte = UInt8(digits, radix: 16), byte < 0x80, byte > 0 else { return nil }
            rest = rest.dropFirst(2)
            return Character(Unicode.Scalar(byte))
        default: return nil
        }
    }
}

extension InetdFields {
    /// The fields that the keys say, the missing ones inferred as NetBSD does.
    init(_ keys: InetdKeys, in file: String, defaultHosts: [String]) throws(Problem) {
        if let problem = keys.problem { throw Problem(message: problem) }
        let place = SourcePlace(file, keys.line)
        let text = "\(keys.service) \(keys.isEnabled ? "on" : "off")"
        self.init(at: place, text: text, isEnabled: keys.isEnabled, service: keys.service, fidelity: .exact)
        var group = ""
        var rate = ""
        for pair in keys.pairs {
            let value = pair.values.first ?? ""
            switch pair.key {
            case "bind": hosts = Self.hosts(value)
            case "socktype": socketType = value
            case "acceptfilter": limits.hasFilter = true
            case "protocol": self.protocol = value
            case "sndbuf": limits.sendBuffer = value
            case "recvbuf": limits.receiveBuffer = value
            case "wait":
                guard ["yes", "no"].contains(value) else { throw Problem(message: "wait is yes or no") }
                wait = value == "yes" ? "wait" : "nowait"
            case "service_max": rate = ".\(value)"
            case "ip_max": limits.ratePerSource = Int(value)
            case "accept_max": limits.instances = Int(value)
            case "user": user = value
            case "group": group = value
            case "exec": server = value
            case "args": arguments = pair.values
            case "ipsec": limits.hasPolicy = !value.isEmpty
            default: throw Problem(message: "unknown option \"\(pair.key.quotable)\"")
            }
        }
        if hosts.isEmpty { hosts = defaultHosts }
        if server.isEmpty { server = "internal" }
        if socketType.isEmpty { socketType = self.protocol.contains("udp") ? "dgram" : "stream" }
        if self.protocol.isEmpty { throw Problem(message: "the option protocol is missing") }
        if user.isEmpty, server != "internal" { throw Problem(message: "the option user is missing") }
        if wait.isEmpty {
            guard server == "internal" else { throw Problem(message: "the option wait is missing") }
            wait = "nowait"
        }
        wait += rate
        if !group.isEmpty { user += ":\(group)" }
        try check()
    }
}
