/// [Socket] of a unit: its endpoints, their options, and its limits.
struct SystemdSocket {
    let unit: UnitFile
    private(set) var report: UnitReport
    private(set) var listeners: [UnitListener] = []
    private(set) var options = SystemdOptions()
    private(set) var accepts = false
    /// `Service=`.
    private(set) var serviceName: UnitName?
    private(set) var maxConnections: UInt64 = 64
    private(set) var maxPerSource: UInt64?
    private(set) var trigger = RateOfStarts()
    private(set) var poll = RateOfStarts()
    private(set) var addresses = AddressRules()

    private static let lists: Set<String> = [
        "ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO", "ListenSpecial", "ListenNetlink",
        "ListenMessageQueue", "ListenUSBFunction", "ExecStartPre", "ExecStartPost", "ExecStopPre", "ExecStopPost",
        "Symlinks", "IPAddressAllow", "IPAddressDeny",
    ]

    init(_ unit: UnitFile, resolving: Bool) {
        self.unit = unit
        report = UnitReport(unit)
        let effective = unit.effective("Socket", lists: Self.lists)
        report.settle("Socket", effective: effective.map(\.index))
        let specifiers = UnitSpecifiers(unit: unit.name, resolving: resolving)
        let only = effective.last { $0.assignment.key == "BindIPv6Only" }?.assignment.value.lowercased()
        // A boolean is taken too (gpsd's unit has one).
        let ipv6Only = only == "ipv6-only" || only.flatMap(UnitValue.bool) == true
        for (index, assignment) in effective {
            let resolved = specifiers.resolve(assignment.value)
            report.note(index, resolved.fidelity)
            if assignment.key.hasPrefix("Listen") {
                listen(assignment.key, resolved.text, at: index, ipv6Only: ipv6Only)
            } else if !options.take(assignment.key, resolved.text, at: index, place: assignment.place) {
                take(assignment.key, resolved.text, at: index)
            }
        }
        finish(effective.map { ($0.index, $0.assignment.key) })
    }

    private mutating func listen(_ key: String, _ value: String, at index: Int, ipv6Only: Bool) {
        guard ["ListenStream", "ListenDatagram", "ListenSequentialPacket"].contains(key) else { return }
        do throws(UnitListener.Fault) {
            listeners.append(try UnitListener(key, value, ipv6Only: ipv6Only))
        } catch {
            report.set(index, error.fidelity)
        }
    }

    private mutating func take(_ key: String, _ value: String, at index: Int) {
        switch key {
        case "Accept": accepts = bool(value, at: index) ?? accepts
        case "Service":
            serviceName = UnitName(value)
            if serviceName?.suffix != ".service" { invalid(index) }
        case "MaxConnections": maxConnections = number(value, at: index) ?? maxConnections
        case "MaxConnectionsPerSource": maxPerSource = number(value, at: index)
        case "TriggerLimitBurst": trigger.burst = number(value, at: index)
        case "PollLimitBurst": poll.burst = number(value, at: index)
        case "TriggerLimitIntervalSec": trigger.interval = span(value, at: index)
        case "PollLimitIntervalSec": poll.interval = span(value, at: index)
        case "IPAddressAllow", "IPAddressDeny": addresses.take(key, value, at: index)
        case "BindIPv6Only":
            if !["default", "both", "ipv6-only"].contains(value.lowercased()), UnitValue.bool(value) == nil {
                invalid(index)
            }
        default: break
        }
    }

    private mutating func finish(_ effective: [(index: Int, key: String)]) {
        for index in options.invalid { invalid(index) }
        for (index, fidelity) in options.remarks { report.note(index, fidelity) }
        for (index, key) in effective where key == "Service" && accepts {
            report.set(index, .approximated("systemd refuses it beside Accept=yes; the template is taken"))
        }
        if accepts, listeners.contains(where: \.kind.isDatagram) {
            accepts = false
            for (index, key) in effective where key == "Accept" {
                report.set(
                    index,
                    .approximated(
                        "systemd refuses Accept=yes with datagram sockets; the program gets all sockets: wait: true"))
            }
        }
        for (index, key) in effective
        where key.hasPrefix("MaxConnections") && !accepts {
            report.set(index, .exact)
        }
        let name = options.descriptorName ?? (accepts ? nil : unit.name.whole)
        for number in listeners.indices { listeners[number].name = name }
        for index in options.unused(by: listeners) {
            report.set(index, .approximated("it has no effect on sockets of these types, in systemd as here"))
        }
    }

    /// The note of a unit whose service decides about its addresses.
    mutating func noteAddresses(_ fidelity: Fidelity) {
        for index in addresses.indices { report.note(index, fidelity) }
    }

    mutating func settleUnit(partners: Set<String>) { report.settleUnit(partners: partners) }

    // MARK: values

    private mutating func invalid(_ index: Int) { report.set(index, Fidelity.unparsedValue) }

    private mutating func bool(_ value: String, at index: Int) -> Bool? {
        let found = UnitValue.bool(value)
        if found == nil { invalid(index) }
        return found
    }

    private mutating func number(_ value: String, at index: Int) -> UInt64? {
        let found = UnitValue.number(value)
        if found == nil { invalid(index) }
        return found
    }

    private mutating func span(_ value: String, at index: Int) -> UnitValue.Span? {
        let found = UnitValue.span(value)
        if found == nil { invalid(index) }
        return found
    }
}

extension Fidelity {
    /// A value that systemd itself would not take.
    static let unparsedValue = Fidelity.approximated(
        "systemd does not take the value and passes over the line, and so does Baton")
}

/// So many starts in an interval.
struct RateOfStarts {
    var burst: UInt64?
    var interval: UnitValue.Span?

    var isGiven: Bool { burst != nil || interval != nil }

    /// Nil: unlimited.
    func limit(burst standard: UInt64) -> (burst: UInt64, microseconds: UInt64)? {
        let count = burst ?? standard
        guard case .microseconds(let length) = interval ?? .microseconds(2_000_000), count > 0, length > 0 else {
            return nil
        }
        return (min(count, 1_000_000), length)
    }

    /// As `rate`.
    func rate(burst standard: UInt64) -> DraftValue? {
        guard let (burst, length) = limit(burst: standard) else { return .word("unlimited") }
        for (unit, size) in [("s", 1_000_000), ("min", 60_000_000), ("h", 3_600_000_000)] as [(String, UInt64)] {
            let (total, overflow) = burst.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            if total % length == 0 || unit == "h" {
                let count = max(1, total / length)
                guard count <= 1_000_000_000 else { return nil }
                return .pairs(("rate", .word("\(count)/\(unit)")), ("burst", .number(burst)))
            }
        }
        return nil
    }

    /// As `trigger_limit`.
    func triggerLimit(burst standard: UInt64) -> DraftValue {
        guard let (burst, length) = limit(burst: standard), let word = UnitValue.Span.microseconds(length).word else {
            return .pairs(("burst", .word("unlimited")))
        }
        return .pairs(("burst", .number(burst)), ("interval", .word(word)))
    }
}

/// `IPAddressAllow=` and `IPAddressDeny=`: the first comes first.
struct AddressRules {
    private var allowed: [HostPattern] = []
    private var denied: [HostPattern] = []
    private(set) var indices: [Int] = []

    var isEmpty: Bool { indices.isEmpty }

    mutating func take(_ key: String, _ value: String, at index: Int) {
        indices.append(index)
        let patterns = value.words.flatMap(Self.patterns)
        if key == "IPAddressAllow" { allowed += patterns } else { denied += patterns }
    }

    private static func patterns(_ word: String) -> [HostPattern] {
        let named: [String: [String]] = [
            "any": ["ALL"], "localhost": ["127.0.0.0/8", "[::1]"],
            "link-local": ["169.254.0.0/16", "[fe80::]/64"], "multicast": ["224.0.0.0/4", "[ff00::]/8"],
        ]
        let words = named[word] ?? [word]
        return words.map { text in
            guard text.contains(":"), !text.hasPrefix("[") else { return HostPattern(text) }
            let parts = text.split(separator: "/", maxSplits: 1)
            return HostPattern("[\(parts.first ?? "")]" + (parts.count == 2 ? "/\(parts[1])" : ""))
        }
    }

    /// `only_from` (nil: everyone) and `no_access`.
    func lists() -> (onlyFrom: [String]?, noAccess: [String]) {
        HostsDecision([
            SourceRule(clients: HostList(patterns: allowed), grants: true),
            SourceRule(clients: HostList(patterns: denied), grants: false),
        ]).lists()
    }

    /// What it takes from another unit of the same service.
    mutating func join(_ other: AddressRules) {
        allowed += other.allowed
        denied += other.denied
        indices += other.indices
    }
}
