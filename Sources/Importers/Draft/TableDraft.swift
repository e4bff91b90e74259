/// A table in the making: services with comments, in the order of the source.
package struct TableDraft: Sendable {
    /// At the top of the file.
    package var comments: [String] = []
    private(set) var items: [Item] = []
    private var names: Set<String> = []
    /// The next number for a name that is taken.
    private var numbers: [String: Int] = [:]

    /// What stands below `services`.
    enum Item: Sendable {
        case comment(String)
        case service(DraftService)
    }

    package init() {}

    package var services: [DraftService] {
        items.compactMap { if case .service(let service) = $0 { service } else { nil } }
    }

    /// There is nothing below `services`.
    package var isEmpty: Bool { items.isEmpty }

    /// Comments at the top, each once however many files are read.
    package mutating func explain(_ lines: [String]) {
        for line in lines where !comments.contains(line) { comments.append(line) }
    }

    /// Adds a comment between services.
    package mutating func add(comment: String) {
        items.append(.comment(comment))
    }

    /// Puts something else in the place of an item.
    mutating func replace(_ index: Int, with item: Item) {
        items[index] = item
    }

    /// Adds a service. Its name is made one that a table can have, and that no other service has.
    package mutating func add(_ service: DraftService) {
        var service = service
        service.name = freeName(for: service)
        names.insert(service.name)
        items.append(.service(service))
    }

    private mutating func freeName(for service: DraftService) -> String {
        let name = ServiceName.from(service.name)
        if !names.contains(name) { return name }
        let plain = service.protocolName.isEmpty ? name : ServiceName.join(name, service.protocolName)
        if !names.contains(plain) { return plain }
        var number = numbers[plain] ?? 2
        while names.contains(ServiceName.join(plain, "\(number)")) { number += 1 }
        numbers[plain] = number + 1
        return ServiceName.join(plain, "\(number)")
    }
}

/// Names that services can have: 1 to 64 letters, digits, dots, underscores and hyphens.
package enum ServiceName {
    private static let longest = 64

    /// `text` with what no name can hold replaced.
    package static func from(_ text: String) -> String {
        let characters = text.unicodeScalars.map { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": Character(scalar)
            default: Character("-")
            }
        }
        let name = String(characters.drop { ".-_".contains($0) }.prefix(longest))
        return name.isEmpty ? "service" : name
    }

    static func join(_ name: String, _ suffix: String) -> String {
        "\(name.prefix(longest - 1 - min(suffix.utf8.count, longest - 2)))-\(suffix)"
    }
}

/// A service in the making.
package struct DraftService: Sendable {
    package var name: String
    package var place: SourcePlace
    /// What tells it from another of the same name: `udp`.
    package var protocolName: String
    /// Before its name.
    package var comments: [String] = []
    private(set) var keys: [DraftKey] = []

    package init(_ name: String, at place: SourcePlace, protocolName: String = "") {
        self.name = name
        self.place = place
        self.protocolName = protocolName
    }

    /// The value of a key; nil removes it.
    package subscript(key: String) -> DraftValue? {
        get { keys.first { $0.name == key }?.value }
        set {
            keys.removeAll { $0.name == key }
            if let newValue { keys.append(DraftKey(name: key, value: newValue)) }
        }
    }

    /// Sets a key that a line of the source said.
    package mutating func set(_ key: String, _ value: DraftValue, at place: SourcePlace) {
        self[key] = nil
        keys.append(DraftKey(name: key, value: value, place: place))
    }

    /// In the order of the table's manual.
    var sortedKeys: [DraftKey] {
        keys.enumerated().sorted { one, other in
            (DraftKey.order(one.element.name), one.offset) < (DraftKey.order(other.element.name), other.offset)
        }.map(\.element)
    }
}

struct DraftKey: Sendable {
    var name: String
    var value: DraftValue
    var place: SourcePlace?

    private static let names = [
        "enabled", "listen", "socket", "exec", "handoff", "internal", "redirect", "send_proxy", "route", "tcpmux",
        "style", "wait", "only_from", "no_access", "only_users", "only_groups", "access_times", "max_load",
        "instances", "connections", "per_source", "source_prefix", "rate", "rate_per_source", "on_limit", "on_rate",
        "on_source_limit", "busy_reply", "trigger_limit", "proxy_protocol", "banner", "user", "group", "groups",
        "umask", "directory", "chroot", "nice", "oom_score_adjust", "cpu_affinity", "env", "pass_env", "argv0",
        "rlimits", "stderr", "runtime_limit", "stop_signal", "stop_grace", "cgroup", "no_new_privileges",
        "capabilities", "log_on", "on_stop",
    ]
    private static let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })

    static func order(_ name: String) -> Int { places[name] ?? names.count }
}

/// A value of the table.
package indirect enum DraftValue: Hashable, Sendable {
    /// Text, whatever it looks like.
    case text(String)
    /// A number, a boolean or a word of the table's own, written as it is.
    case word(String)
    case list([DraftValue])
    case mapping([DraftPair])

    package static func number(_ value: some BinaryInteger) -> DraftValue { .word("\(value)") }
    package static func bool(_ value: Bool) -> DraftValue { .word(value ? "true" : "false") }
    package static func texts(_ values: [String]) -> DraftValue { .list(values.map { .text($0) }) }
    package static func pairs(_ pairs: (String, DraftValue)...) -> DraftValue {
        .mapping(pairs.map { DraftPair($0.0, $0.1) })
    }
}

package struct DraftPair: Hashable, Sendable {
    package var key: String
    package var value: DraftValue

    package init(_ key: String, _ value: DraftValue) {
        self.key = key
        self.value = value
    }
}
