/// Socket options of a unit, as keys of `socket`.
struct SystemdOptions {
    /// On which endpoints an option makes sense.
    private enum Fit {
        case stream, internet, tcp, udp, file, all

        func takes(_ listener: UnitListener) -> Bool {
            switch self {
            case .all: true
            case .stream: !listener.kind.isDatagram
            case .internet: listener.kind.isInternet
            case .tcp: listener.kind == .tcp
            case .udp: listener.kind == .udp
            case .file: listener.isFile
            }
        }
    }

    private struct Option {
        var key: String
        var value: DraftValue
        var fit: Fit
        var index: Int?
    }

    private var options: [Option] = []
    private(set) var descriptorName: String?
    /// Assignments whose value is none.
    private(set) var invalid: [Int] = []
    private(set) var remarks: [(index: Int, fidelity: Fidelity)] = []
    private var keepAlive: (isOn: Bool, pairs: [DraftPair], indices: [Int]) = (false, [], [])

    /// False when the key is no option.
    mutating func take(_ key: String, _ value: String, at index: Int, place: SourcePlace) -> Bool {
        switch key {
        case "FileDescriptorName": name(value, at: index)
        case "Backlog": backlog(value, at: index)
        case "BindToDevice": set("interface", .text(value), .internet, index)
        case "TCPCongestion": set("congestion", .text(value), .tcp, index)
        case "SocketUser": set("owner", .text(value), .file, index)
        case "SocketGroup": set("group", .text(value), .file, index)
        case "SocketMode": mode("mode", value, upTo: 0o777, at: index)
        case "DirectoryMode": mode("directory_mode", value, upTo: 0o7777, at: index)
        case "KeepAlive": keepAlive(value, at: index)
        case "KeepAliveTimeSec", "KeepAliveIntervalSec", "KeepAliveProbes": keepAlive(key, value, at: index)
        case "DeferAcceptSec": span("defer_accept", value, .tcp, at: index)
        case "IPTOS": typeOfService(value, at: index)
        case "IPTTL": number("ttl", value, 1...255, .internet, at: index)
        case "Priority": number("priority", value, 0...15, .internet, at: index)
        case "Mark": number("mark", value, 0...UInt64(UInt32.max), .internet, at: index)
        case "ReceiveBuffer": size("receive_buffer", value, at: index)
        case "SendBuffer": size("send_buffer", value, at: index)
        case "NoDelay": bool("no_delay", value, .tcp, at: index)
        case "ReusePort": bool("reuse_port", value, .internet, at: index)
        case "FreeBind": bool("free_bind", value, .internet, at: index)
        case "Transparent": bool("transparent", value, .internet, at: index)
        case "Broadcast": bool("broadcast", value, .udp, at: index)
        case "RemoveOnStop": bool("remove_on_stop", value, .file, at: index)
        default: return false
        }
        return true
    }

    /// The options that fit one of the listeners; what systemd does where nothing is said included.
    func pairs(for listeners: [UnitListener]) -> [DraftPair] {
        var all = options
        if let value = keepAliveValue { all.append(Option(key: "keep_alive", value: value, fit: .tcp)) }
        for (key, standard) in [("mode", "0666"), ("remove_on_stop", "false")]
        where !all.contains(where: { $0.key == key }) {
            all.append(Option(key: key, value: .word(standard), fit: .file))
        }
        return all.filter { option in listeners.contains { option.fit.takes($0) } }
            .map { DraftPair($0.key, $0.value) }
    }

    /// Assignments that fit none of them.
    func unused(by listeners: [UnitListener]) -> [Int] {
        if listeners.isEmpty { return [] }
        var unused = options.filter { option in !listeners.contains { option.fit.takes($0) } }.compactMap(\.index)
        if !listeners.contains(where: { $0.kind == .tcp }) { unused += keepAlive.indices }
        return unused
    }

    private mutating func set(_ key: String, _ value: DraftValue, _ fit: Fit, _ index: Int) {
        options.append(Option(key: key, value: value, fit: fit, index: index))
    }

    private mutating func name(_ value: String, at index: Int) {
        let fine = value.utf8.allSatisfy { (0x20..<0x7f).contains($0) && $0 != 0x3a }
        if (1...255).contains(value.utf8.count), fine { descriptorName = value } else { invalid.append(index) }
    }

    private mutating func backlog(_ value: String, at index: Int) {
        guard let count = UnitValue.number(value), count <= UInt64(UInt32.max) else { return invalid.append(index) }
        let word = count > UInt64(Int32.max) ? "unlimited" : "\(max(1, count))"
        set("backlog", .word(word), .stream, index)
    }

    private mutating func mode(_ key: String, _ value: String, upTo most: UInt32, at index: Int) {
        guard let mode = UnitValue.mode(value), mode <= most else { return invalid.append(index) }
        set(key, .word("0" + String(mode, radix: 8)), .file, index)
    }

    private mutating func number(
        _ key: String, _ value: String, _ range: ClosedRange<UInt64>, _ fit: Fit, at index: Int
    ) {
        guard let number = UnitValue.number(value) else { return invalid.append(index) }
        guard range.contains(number) else {
            return remarks.append((index, .notExpressible("\(key) is \(range.lowerBound) to \(range.upperBound)")))
        }
        set(key, .number(number), fit, index)
    }

    private mutating func size(_ key: String, _ value: String, at index: Int) {
        guard let bytes = UnitValue.size(value), bytes > 0 else { return invalid.append(index) }
        guard bytes <= UInt64(Int32.max) else {
            return remarks.append((index, .notExpressible("a buffer has at most \(Int32.max) bytes")))
        }
        set(key, .number(bytes), .all, index)
    }

    private mutating func bool(_ key: String, _ value: String, _ fit: Fit, at index: Int) {
        guard let isOn = UnitValue.bool(value) else { return invalid.append(index) }
        // Where systemd's default is Baton's too, it need not be said.
        if isOn { set(key, .bool(true), fit, index) }
    }

    private mutating func span(_ key: String, _ value: String, _ fit: Fit, at index: Int) {
        guard let span = UnitValue.span(value) else { return invalid.append(index) }
        guard let word = span.word, word != "unlimited" else { return }
        set(key, .word(word), fit, index)
    }

    private mutating func typeOfService(_ value: String, at index: Int) {
        let names: [String: UInt64] = ["low-delay": 16, "throughput": 8, "reliability": 4, "low-cost": 2]
        number("tos", names[value].map { "\($0)" } ?? value, 0...255, .internet, at: index)
    }

    // MARK: keep-alive

    private mutating func keepAlive(_ value: String, at index: Int) {
        guard let isOn = UnitValue.bool(value) else { return invalid.append(index) }
        keepAlive.isOn = isOn
        keepAlive.indices.append(index)
    }

    private mutating func keepAlive(_ key: String, _ value: String, at index: Int) {
        let names = ["KeepAliveTimeSec": "idle", "KeepAliveIntervalSec": "interval", "KeepAliveProbes": "count"]
        guard let name = names[key] else { return }
        keepAlive.indices.append(index)
        if name == "count" {
            guard let count = UnitValue.number(value) else { return invalid.append(index) }
            guard (1...127).contains(count) else { return }
            keepAlive.pairs.append(DraftPair(name, .number(count)))
        } else {
            guard let span = UnitValue.span(value) else { return invalid.append(index) }
            // The kernel counts in seconds, to 32767 (tcp(7)).
            guard case .microseconds(let length) = span, length >= 1_000_000 else { return }
            let seconds = length / 1_000_000
            if seconds > 32767 {
                remarks.append((index, .approximated("the kernel takes 32767 seconds at most")))
            }
            keepAlive.pairs.append(DraftPair(name, .word("\(min(seconds, 32767))s")))
        }
    }

    /// The times mean something with KeepAlive=yes only.
    private var keepAliveValue: DraftValue? {
        guard keepAlive.isOn else { return nil }
        let order = ["idle", "interval", "count"]
        let pairs = order.compactMap { name in keepAlive.pairs.last { $0.key == name } }
        return pairs.isEmpty ? .bool(true) : .mapping(pairs)
    }
}
