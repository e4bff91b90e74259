/// A line of hosts.allow or hosts.deny.
struct HostsRule: Sendable {
    var place: SourcePlace
    var text: String
    /// What it does to the clients that match it.
    var grants: Bool
    private var daemons: [ArraySlice<String>]
    var clients: HostList
    private(set) var options: [HostsOption] = []

    /// Why a line is no rule.
    struct Fault: Error {
        var message: String
    }

    /// - Parameter grants: The file is hosts.allow.
    init(_ line: String, at place: SourcePlace, grants: Bool) throws(Fault) {
        let fields = Self.fields(line)
        guard fields.count >= 2 else { throw Fault(message: "a rule is DAEMONS : CLIENTS, and the colon is missing") }
        self.place = place
        text = line
        self.grants = grants
        let words = Self.words(fields[0])
        daemons = words.split(omittingEmptySubsequences: false) { $0.uppercased() == "EXCEPT" }
        guard let clients = HostList(Self.words(fields[1])[...]) else {
            throw Fault(message: "EXCEPT nests too deep")
        }
        self.clients = clients
        for (number, field) in fields.dropFirst(2).enumerated() where !field.trimmed.isEmpty {
            let option = HostsOption(field)
            options.append(option)
            switch option.effect {
            case .allow: self.grants = true
            case .deny, .twist, .condition, .unknown: self.grants = false
            default: break
            }
            // Nothing may follow these; tcp wrappers refuse service then.
            if option.effect.isLast, number + 3 < fields.count { self.grants = false }
        }
    }

    /// Whether the rule is for this daemon, by the name of its process.
    func concerns(_ daemon: String) -> Bool {
        // a EXCEPT (b EXCEPT c): from the end.
        daemons.reversed().reduce(false) { excepted, words in
            words.contains { Self.matches($0, daemon) } && !excepted
        }
    }

    /// It is for connections to one address of this machine: `daemon@address`.
    var hasEndpoint: Bool { daemons.contains { $0.contains { $0.dropFirst().contains("@") } } }

    private static func matches(_ word: String, _ daemon: String) -> Bool {
        let pattern = (word.split(separator: "@").first.map { String($0) } ?? word).lowercased()
        let name = daemon.lowercased()
        if pattern == "all" || pattern == name { return true }
        if pattern.hasPrefix(".") { return name.hasSuffix(pattern) }
        if pattern.hasSuffix(".") { return name.hasPrefix(pattern) }
        return pattern.contains { $0 == "*" || $0 == "?" } && Glob.matches(pattern, name)
    }

    /// Separated by blanks and commas.
    static func words(_ text: some StringProtocol) -> [String] {
        text.split { $0.isBlank || $0 == "," || $0 == "\r" }.map { String($0) }
    }

    /// Separated by colons; not by those in brackets, nor by those behind a backslash.
    private static func fields(_ line: String) -> [String] {
        var fields = [""]
        var isInBrackets = false
        var rest = line[...]
        while let character = rest.popFirst() {
            switch character {
            case "\\" where rest.first == ":":
                fields[fields.count - 1] += ":"
                rest.removeFirst()
            case ":" where !isInBrackets: fields.append("")
            default:
                if fields.count == 2 { isInBrackets = character == "[" || isInBrackets && character != "]" }
                fields[fields.count - 1].append(character)
            }
        }
        return fields
    }
}

/// `*` and `?`, in time linear in the product of both lengths.
enum Glob {
    static func matches(_ pattern: String, _ text: String) -> Bool {
        let (pattern, text) = (Array(pattern), Array(text))
        var (place, position) = (0, 0)
        var star: (place: Int, position: Int)?
        while position < text.count {
            if place < pattern.count, pattern[place] == "*" {
                star = (place, position)
                place += 1
            } else if place < pattern.count, pattern[place] == "?" || pattern[place] == text[position] {
                place += 1
                position += 1
            } else if let last = star {
                star = (last.place, last.position + 1)
                place = last.place + 1
                position = last.position + 1
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == "*" }
    }
}
